import type { CKernel } from './kernel.ts';

export const FLOAT_LAYERS: Readonly<Record<string, CKernel>> = {
  conv_line: {
    needs: ['window', 'rows_f32'],
    text: `
/* A line of a convolution with the row of weights that was decoded: each sum over (channel of the group, kernel row, kernel column)
 * in this order. */
static void conv_line(const struct window *s, const float *restrict x, int32_t oy, float *restrict to)
{
    const int32_t group_in = s->in_channels / s->groups, stride = s->stride_width;
    const float *weight = row.f32;
    int32_t ox, i, ky, kx;
    for (ox = 0; ox < s->out_width; ox++)
        to[ox] = 0.0f;
    for (i = 0; i < group_in; i++)
        for (ky = 0; ky < s->kernel_height; ky++, weight += s->kernel_width) {
            const int32_t iy = oy * s->stride_height - s->pad_top + ky * s->dilation_height;
            if (iy < 0 || iy >= s->in_height)
                continue;
            const float *from = x + (i * s->in_height + iy) * s->in_width;
            for (kx = 0; kx < s->kernel_width; kx++) {
                /* Outputs whose tap lies inside the line: 0 <= ox * stride + offset < in_width. */
                const int32_t offset = kx * s->dilation_width - s->pad_left;
                const int32_t begin = offset < 0 ? (stride - 1 - offset) / stride : 0;
                const int32_t room = (s->in_width - offset + stride - 1) / stride;
                const int32_t end = room < s->out_width ? room : s->out_width;
                const float factor = weight[kx];
                for (ox = begin; ox < end; ox++)
                    to[ox] = to[ox] + factor * from[ox * stride + offset];
            }
        }
}

/* The first channel that goes into an output channel. */
static const float *group_of(const struct window *s, int32_t r, const float *x)
{
    const int32_t group = r / (s->out_channels / s->groups);
    return x + group * (s->in_channels / s->groups) * s->in_height * s->in_width;
}
`,
  },
  conv_f32: {
    needs: ['conv_line', 'tail'],
    text: `
/* A convolution; y may be the addend. */
static void conv_f32(const struct window *s, const struct rows_f32 *w, const struct tail *tail, const float *x, float *y,
                     const float *addend)
{
    int32_t r, oy, ox;
    for (r = 0; r < s->out_channels; r++) {
        row_f32(w, r, 0, w->columns, row.f32);
        for (oy = 0; oy < s->out_height; oy++) {
            conv_line(s, group_of(s, r, x), oy, line);
            for (ox = 0; ox < s->out_width; ox++)
                *y++ = finish(line[ox], tail, r, addend == NULL ? NULL : addend++);
        }
    }
}
`,
  },
  conv_winograd_f32: {
    needs: ['window', 'rows_f32', 'tail'],
    text: `
/* v0 .. v3, \`step\` apart, become v0 - v2, v1 + v2, v2 - v1, v1 - v3. */
static void transform_four(float *v, int32_t step)
{
    const float v0 = v[0], v1 = v[step], v2 = v[2 * step], v3 = v[3 * step];
    v[0] = v0 - v2;
    v[step] = v1 + v2;
    v[2 * step] = v2 - v1;
    v[3 * step] = v1 - v3;
}

/* g0 .. g2, \`apart\` apart, give g0, (g0 + g2 + g1) / 2, (g0 + g2 - g1) / 2, g2. */
static void transform_three(const float *g, int32_t apart, float *to, int32_t step)
{
    const float g0 = g[0], g1 = g[apart], g2 = g[2 * apart];
    const float ends = g0 + g2;
    to[0] = g0;
    to[step] = (ends + g1) * 0.5f;
    to[2 * step] = (ends - g1) * 0.5f;
    to[3 * step] = g2;
}

/* 3 x 3, stride 1, by Winograd's F(2x2, 3x3): tiles of 2 x 2 outputs from 4 x 4 inputs, 16 sums over the channels. y may be the addend. */
static void conv_winograd_f32(const struct window *s, const struct rows_f32 *w, const struct tail *tail, const float *x, float *y,
                              const float *addend)
{
    int32_t r, oy, ox, c, i, j;
    for (r = 0; r < s->out_channels; r++) {
        row_f32(w, r, 0, w->columns, row.f32);
        for (c = 0; c < s->in_channels; c++) {
            float columns[12];
            for (j = 0; j < 3; j++)
                transform_three(row.f32 + 9 * c + j, 3, columns + j, 3);
            for (i = 0; i < 4; i++)
                transform_three(columns + 3 * i, 1, transformed + 16 * c + 4 * i, 1);
        }
        for (oy = 0; oy < s->out_height; oy += 2)
            for (ox = 0; ox < s->out_width; ox += 2) {
                float m[16] = { 0.0f }, lines[8];
                for (c = 0; c < s->in_channels; c++) {
                    const float *plane = x + c * s->in_height * s->in_width, *u = transformed + 16 * c;
                    float v[16];
                    for (i = 0; i < 4; i++)
                        for (j = 0; j < 4; j++) {
                            const int32_t iy = oy - s->pad_top + i, ix = ox - s->pad_left + j;
                            const int inside = iy >= 0 && iy < s->in_height && ix >= 0 && ix < s->in_width;
                            v[4 * i + j] = inside ? plane[iy * s->in_width + ix] : 0.0f;
                        }
                    for (j = 0; j < 4; j++)
                        transform_four(v + j, 4);
                    for (i = 0; i < 4; i++)
                        transform_four(v + 4 * i, 1);
                    for (i = 0; i < 16; i++)
                        m[i] = m[i] + u[i] * v[i];
                }
                for (j = 0; j < 4; j++) {
                    lines[j] = m[j] + m[4 + j] + m[8 + j];
                    lines[4 + j] = m[4 + j] - m[8 + j] - m[12 + j];
                }
                for (i = 0; i < 2 && oy + i < s->out_height; i++) {
                    const float *l = lines + 4 * i;
                    const int32_t at = (r * s->out_height + oy + i) * s->out_width + ox;
                    y[at] = finish(l[0] + l[1] + l[2], tail, r, addend == NULL ? NULL : addend + at);
                    if (ox + 1 < s->out_width)
                        y[at + 1] = finish(l[1] - l[2] - l[3], tail, r, addend == NULL ? NULL : addend + at + 1);
                }
            }
    }
}
`,
  },
  conv_f32_signs: {
    needs: ['conv_line', 'tail'],
    text: `
/* A convolution whose outputs are wanted for their signs alone, as a map; see signs_f32. */
static int conv_f32_signs(const struct window *s, const struct rows_f32 *w, const struct tail *tail, int total,
                          const float *thresholds, const float *x, uint32_t *map)
{
    const int32_t words = (s->out_channels + 31) / 32;
    int32_t r, oy, ox;
    int lacks = 0;
    memset(map, 0, (size_t)((int32_t)s->out_height * s->out_width * words) * sizeof *map);
    for (r = 0; r < s->out_channels; r++) {
        const float t = thresholds == NULL ? 0.0f : thresholds[r];
        uint32_t *to = map + (r >> 5);
        row_f32(w, r, 0, w->columns, row.f32);
        for (oy = 0; oy < s->out_height; oy++) {
            conv_line(s, group_of(s, r, x), oy, line);
            for (ox = 0; ox < s->out_width; ox++, to += words) {
                const float v = finish(line[ox], tail, r, NULL);
                if (!(v < t || v > t) && !total)
                    lacks = 1;
                if (!(v >= t))
                    *to |= (uint32_t)1 << (r & 31);
            }
        }
    }
    return lacks;
}
`,
  },
  linear_f32: {
    needs: ['tail', 'rows_f32'],
    text: `
/* Rows of weights times each of \`batch\` vectors. */
static void linear_f32(int32_t batch, int32_t rows, const struct rows_f32 *w, const struct tail *tail, const float *x, float *y,
                       const float *addend)
{
    int32_t n, r, start, i;
    for (n = 0; n < batch; n++)
        for (r = 0; r < rows; r++) {
            float sum = 0.0f;
            for (start = 0; start < w->columns; start += CHUNK) {
                const int32_t count = w->columns - start < CHUNK ? w->columns - start : CHUNK;
                row_f32(w, r, start, count, row.f32);
                for (i = 0; i < count; i++)
                    sum = sum + row.f32[i] * x[n * w->columns + start + i];
            }
            y[n * rows + r] = finish(sum, tail, r, addend == NULL ? NULL : addend + n * rows + r);
        }
}
`,
  },
};
