import type { CKernel } from './kernel.ts';
import { eachTap } from './taps.ts';

/** Layers that give floats: alpha times the sum, then the tail. @param head what is computed before the first row */
function floatLayers(
  suffix: string,
  parameters: string,
  head: string,
  alpha: string,
): Record<string, CKernel> {
  return {
    [`conv_codes${suffix}_f32`]: {
      needs: ['sum_codes', 'rows_i16', 'tail'],
      text: `
/* A convolution from codes to floats: alpha times the sum, then the tail. */
static void conv_codes${suffix}_f32(const struct window *s, const struct rows_i16 *w, ${parameters},
                           const struct tail *tail, const uint8_t *x, float *y, const float *addend)
{
    const int32_t group_in = s->in_channels / s->groups, group_out = s->out_channels / s->groups;
${head}    int32_t r, oy, ox, at = 0;
    for (r = 0; r < s->out_channels; r++) {
        const float alpha_r = ${alpha};
        row_i16(w, r, 0, w->columns, row.i16);
        for (oy = 0; oy < s->out_height; oy++)
            for (ox = 0; ox < s->out_width; ox++, at++) {
                const int32_t sum = sum_codes(s, group_in, zero, x + (r / group_out) * group_in, oy, ox);
                y[at] = finish(alpha_r * (float)sum, tail, r, addend == NULL ? NULL : addend + at);
            }
    }
}
`,
    },
    [`linear_codes${suffix}_f32`]: {
      needs: ['dot_codes', 'tail'],
      text: `
static void linear_codes${suffix}_f32(int32_t rows, const struct rows_i16 *w, ${parameters}, const struct tail *tail,
                             const uint8_t *x, float *y, const float *addend)
{
${head}    int32_t r;
    for (r = 0; r < rows; r++) {
        const float alpha_r = ${alpha};
        y[r] = finish(alpha_r * (float)dot_codes(w, r, zero, x), tail, r, addend == NULL ? NULL : addend + r);
    }
}
`,
    },
  };
}

export const INTEGERS: Readonly<Record<string, CKernel>> = {
  codes_f32: {
    needs: [],
    text: `
/* Codes of [channels, pixels] as [pixels, channels]: round(clamp(x / scale + before, low, high)) - low, ties to even. */
static void codes_f32(int32_t channels, int32_t pixels, float scale, float before, float low, float high, const float *x,
                      uint8_t *codes)
{
    int32_t c, p;
    for (c = 0; c < channels; c++)
        for (p = 0; p < pixels; p++) {
            float v = *x++ / scale;
            v = v + before;
            if (!(v > low))
                v = low;
            if (v > high)
                v = high;
            v = v + 12582912.0f; /* 1.5 * 2^23 leaves no room for a fraction */
            v = v - 12582912.0f;
            codes[p * channels + c] = (uint8_t)(int32_t)(v - low);
        }
}
`,
  },
  sum_codes: {
    needs: ['window'],
    text: `
/* Sum of level times (code - zero) under the window at (oy, ox), with the row of levels that was decoded: [kernel row, kernel column, channel]. */
static int32_t sum_codes(const struct window *s, int32_t group_in, int32_t zero, const uint8_t *x, int32_t oy, int32_t ox)
{
    const int16_t *levels = row.i16;
    int32_t ky, kx, i, sum = 0;
    for (ky = 0; ky < s->kernel_height; ky++) {
        const int32_t iy = oy * s->stride_height - s->pad_top + ky * s->dilation_height;
        if (iy < 0 || iy >= s->in_height) {
            levels += group_in * s->kernel_width;
            continue;
        }
        for (kx = 0; kx < s->kernel_width; kx++, levels += group_in) {
            const int32_t ix = ox * s->stride_width - s->pad_left + kx * s->dilation_width;
            if (ix < 0 || ix >= s->in_width)
                continue;
            const uint8_t *codes = x + (iy * s->in_width + ix) * s->in_channels;
            for (i = 0; i < group_in; i++)
                sum += levels[i] * ((int32_t)codes[i] - zero);
        }
    }
    return sum;
}
`,
  },
  dot_codes: {
    needs: ['rows_i16'],
    text: `
/* The same where the window is the whole image, a stretch of the row at a time. */
static int32_t dot_codes(const struct rows_i16 *w, int32_t r, int32_t zero, const uint8_t *x)
{
    int32_t start, i, sum = 0;
    for (start = 0; start < w->columns; start += CHUNK) {
        const int32_t count = w->columns - start < CHUNK ? w->columns - start : CHUNK;
        row_i16(w, r, start, count, row.i16);
        for (i = 0; i < count; i++)
            sum += row.i16[i] * ((int32_t)x[start + i] - zero);
    }
    return sum;
}
`,
  },
  requantize: {
    needs: [],
    text: `
/* Sums become codes: floor((sum * multiplier + offset) / 2^32), from low to high. */
struct requantize {
    const int32_t *multipliers;
    const int64_t *offsets;
    uint8_t low, high;
};

static uint8_t code_of(int32_t sum, const struct requantize *q, int32_t r)
{
    const int64_t wide = (int64_t)sum * q->multipliers[r] + q->offsets[r];
    int64_t code;
    if (wide < 0)
        return q->low;
    code = wide >> 32;
    if (code < q->low)
        return q->low;
    return code > q->high ? q->high : (uint8_t)code;
}
`,
  },
  conv_codes: {
    needs: ['sum_codes', 'rows_i16', 'requantize'],
    text: `
/* A convolution from codes to codes. */
static void conv_codes(const struct window *s, const struct rows_i16 *w, int32_t zero, const struct requantize *q,
                       const uint8_t *x, uint8_t *y)
{
    const int32_t group_in = s->in_channels / s->groups, group_out = s->out_channels / s->groups;
    int32_t r, oy, ox;
    for (r = 0; r < s->out_channels; r++) {
        uint8_t *to = y + r;
        row_i16(w, r, 0, w->columns, row.i16);
        for (oy = 0; oy < s->out_height; oy++)
            for (ox = 0; ox < s->out_width; ox++, to += s->out_channels)
                *to = code_of(sum_codes(s, group_in, zero, x + (r / group_out) * group_in, oy, ox), q, r);
    }
}
`,
  },
  linear_codes: {
    needs: ['dot_codes', 'requantize'],
    text: `
static void linear_codes(int32_t rows, const struct rows_i16 *w, int32_t zero, const struct requantize *q, const uint8_t *x,
                         uint8_t *y)
{
    int32_t r;
    for (r = 0; r < rows; r++)
        y[r] = code_of(dot_codes(w, r, zero, x), q, r);
}
`,
  },
  ...floatLayers('', 'int32_t zero, const float *alpha', '', 'alpha[r]'),
  ...floatLayers(
    '_run',
    'const int32_t *at_zero, const double *units, const float *scale',
    '    const int32_t zero = *at_zero;\n',
    '(float)(units[r] * (double)*scale)',
  ),
  dynamic_codes_f32: {
    needs: ['codes_f32'],
    text: `
/* Codes of 8 bits whose scale and zero follow from the extremes of the values and 0, as DynamicQuantizeLinear of ONNX has them. */
static void dynamic_codes_f32(int32_t channels, int32_t pixels, const float *x, float *scale, int32_t *zero, uint8_t *codes)
{
    float least = 0.0f, most = 0.0f, span, z;
    int32_t i;
    for (i = 0; i < channels * pixels; i++) {
        if (x[i] < least)
            least = x[i];
        if (x[i] > most)
            most = x[i];
    }
    span = most - least;
    *scale = most == least ? 1.0f : span / 255.0f;
    *zero = 0;
    /* A scale of 0, or an infinite one: all codes are the zero. */
    if (!(*scale > 0.0f) || *scale > 3.4028234e38f) {
        memset(codes, 0, (size_t)(channels * pixels));
        return;
    }
    z = -(least / *scale);
    z = z > 255.0f ? 255.0f : z;
    z = z + 12582912.0f;
    z = z - 12582912.0f;
    *zero = (int32_t)z;
    codes_f32(channels, pixels, *scale, 0.0f, -z, 255.0f - z, x, codes);
}
`,
  },
  pool_codes: {
    needs: ['window'],
    text: `
/* The largest code under each window. */
static void pool_codes(const struct window *s, const uint8_t *x, uint8_t *y)
{
    int32_t oy, ox, ky, kx, c;
    for (oy = 0; oy < s->out_height; oy++)
        for (ox = 0; ox < s->out_width; ox++, y += s->in_channels) {
            memset(y, 0, (size_t)s->in_channels);
            ${eachTap(3, [
              'const uint8_t *codes = x + (iy * s->in_width + ix) * s->in_channels;',
              'for (c = 0; c < s->in_channels; c++)',
              '    if (codes[c] > y[c])',
              '        y[c] = codes[c];',
            ])}
        }
}
`,
  },
};
