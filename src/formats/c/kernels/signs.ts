import type { CKernel } from './kernel.ts';
import { eachTap } from './taps.ts';

export const SIGNS: Readonly<Record<string, CKernel>> = {
  signs_f32: {
    needs: [],
    text: `
/* Signs of [channels, pixels] as a map. Those of v - threshold of the channel where there are thresholds.
 * A value without a sign (0 or NaN) counts as +1 or -1 if total, else it is reported by a 1. */
static int signs_f32(int32_t channels, int32_t pixels, int total, const float *thresholds, const float *x, uint32_t *map)
{
    const int32_t words = (channels + 31) / 32;
    int32_t c, p;
    int lacks = 0;
    memset(map, 0, (size_t)(pixels * words) * sizeof *map);
    for (c = 0; c < channels; c++) {
        const float t = thresholds == NULL ? 0.0f : thresholds[c];
        for (p = 0; p < pixels; p++) {
            const float v = *x++;
            if (!(v < t || v > t) && !total)
                lacks = 1;
            if (!(v >= t))
                map[p * words + (c >> 5)] |= (uint32_t)1 << (c & 31);
        }
    }
    return lacks;
}
`,
  },
  sign_floats: {
    needs: [],
    text: `
/* Signs of a map as [channels, pixels] of 1 and -1. */
static void sign_floats(int32_t channels, int32_t pixels, const uint32_t *map, float *y)
{
    const int32_t words = (channels + 31) / 32;
    int32_t c, p;
    for (c = 0; c < channels; c++)
        for (p = 0; p < pixels; p++)
            *y++ = ((map[p * words + (c >> 5)] >> (c & 31)) & 1) != 0 ? -1.0f : 1.0f;
}
`,
  },
  sum_signs: {
    needs: ['window'],
    text: `
static int32_t count_bits(uint32_t v)
{
    v = v - ((v >> 1) & 0x55555555u);
    v = (v & 0x33333333u) + ((v >> 2) & 0x33333333u);
    v = (v + (v >> 4)) & 0x0f0f0f0fu;
    return (int32_t)((v * 0x01010101u) >> 24);
}

/* Sum of products of signs under the window at (oy, ox); what lies in the padding counts 0. Weights of a row: [kernel row, kernel column, words]. */
static int32_t sum_signs(const struct window *s, const uint32_t *weights, const uint32_t *x, int32_t oy, int32_t ox)
{
    const int32_t words = (s->in_channels + 31) / 32;
    int32_t ky, kx, i, taps = 0, differ = 0;
    for (ky = 0; ky < s->kernel_height; ky++) {
        const int32_t iy = oy * s->stride_height - s->pad_top + ky * s->dilation_height;
        if (iy < 0 || iy >= s->in_height) {
            weights += s->kernel_width * words;
            continue;
        }
        for (kx = 0; kx < s->kernel_width; kx++, weights += words) {
            const int32_t ix = ox * s->stride_width - s->pad_left + kx * s->dilation_width;
            if (ix < 0 || ix >= s->in_width)
                continue;
            const uint32_t *map = x + (iy * s->in_width + ix) * words;
            for (i = 0; i < words; i++)
                differ += count_bits(map[i] ^ weights[i]);
            taps++;
        }
    }
    return taps * s->in_channels - 2 * differ;
}
`,
  },
  conv_signs: {
    needs: ['sum_signs'],
    text: `
/* A convolution from signs to signs: -1 where a sum is below the threshold of its row. */
static void conv_signs(const struct window *s, const uint32_t *weights, const int32_t *thresholds, const uint32_t *x, uint32_t *y)
{
    const int32_t words = (s->out_channels + 31) / 32;
    const int32_t row_words = (int32_t)s->kernel_height * s->kernel_width * ((s->in_channels + 31) / 32);
    int32_t oy, ox, r;
    for (oy = 0; oy < s->out_height; oy++)
        for (ox = 0; ox < s->out_width; ox++, y += words) {
            memset(y, 0, (size_t)words * sizeof *y);
            for (r = 0; r < s->out_channels; r++)
                if (sum_signs(s, weights + r * row_words, x, oy, ox) < thresholds[r])
                    y[r >> 5] |= (uint32_t)1 << (r & 31);
        }
}
`,
  },
  conv_signs_f32: {
    needs: ['sum_signs', 'tail'],
    text: `
/* A convolution from signs to floats: alpha times the sum, then the tail. */
static void conv_signs_f32(const struct window *s, const uint32_t *weights, const float *alpha, const struct tail *tail,
                           const uint32_t *x, float *y)
{
    const int32_t row_words = (int32_t)s->kernel_height * s->kernel_width * ((s->in_channels + 31) / 32);
    int32_t oy, ox, r;
    for (r = 0; r < s->out_channels; r++)
        for (oy = 0; oy < s->out_height; oy++)
            for (ox = 0; ox < s->out_width; ox++)
                *y++ = finish(alpha[r] * (float)sum_signs(s, weights + r * row_words, x, oy, ox), tail, r, NULL);
}
`,
  },
  pool_signs: {
    needs: ['window'],
    text: `
/* The largest sign under each window: -1 where all are. */
static void pool_signs(const struct window *s, const uint32_t *x, uint32_t *y)
{
    const int32_t words = (s->in_channels + 31) / 32;
    int32_t oy, ox, ky, kx, i;
    for (oy = 0; oy < s->out_height; oy++)
        for (ox = 0; ox < s->out_width; ox++, y += words) {
            int32_t taps = 0;
            ${eachTap(3, [
              'const uint32_t *map = x + (iy * s->in_width + ix) * words;',
              'for (i = 0; i < words; i++)',
              '    y[i] = taps == 0 ? map[i] : y[i] & map[i];',
              'taps++;',
            ])}
        }
}
`,
  },
};
