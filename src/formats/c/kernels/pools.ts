import type { CKernel } from './kernel.ts';
import { eachTap } from './taps.ts';

export const POOLS: Readonly<Record<string, CKernel>> = {
  max_of: {
    needs: [],
    text: `
/* The larger one; a NaN if there is one, and -0 is below +0. */
static float max_of(float a, float b)
{
    if (a != a || b != b)
        return a + b;
    if (a == b)
        return a == 0.0f ? a + b : a;
    return a > b ? a : b;
}
`,
  },
  min_of: {
    needs: ['max_of'],
    text: `
static float min_of(float a, float b)
{
    return -max_of(-a, -b);
}
`,
  },
  max_pool_f32: {
    needs: ['window', 'max_of'],
    text: `
static void max_pool_f32(const struct window *s, const float *x, float *y)
{
    int32_t c, oy, ox, ky, kx;
    for (c = 0; c < s->in_channels; c++, x += (int32_t)s->in_height * s->in_width)
        for (oy = 0; oy < s->out_height; oy++)
            for (ox = 0; ox < s->out_width; ox++) {
                float most = 0.0f;
                int32_t count = 0;
                ${eachTap(4, ['most = count++ == 0 ? x[iy * s->in_width + ix] : max_of(most, x[iy * s->in_width + ix]);'])}
                *y++ = most;
            }
}
`,
  },
  average_pool_f32: {
    needs: ['window'],
    text: `
/* How many of start, start + dilation, ... (taps of them) lie in low .. high - 1. */
static int32_t taps_within(int32_t start, int32_t taps, int32_t dilation, int32_t low, int32_t high)
{
    int32_t t, count = 0;
    for (t = 0; t < taps; t++, start += dilation)
        if (start >= low && start < high)
            count++;
    return count;
}

/* Sums in row-major order, divided by the elements under the window, those of the padding with them where it counts. */
static void average_pool_f32(const struct window *s, int32_t counts_padding, int32_t pad_bottom, int32_t pad_right,
                             const float *x, float *y)
{
    int32_t c, oy, ox, ky, kx;
    for (c = 0; c < s->in_channels; c++, x += (int32_t)s->in_height * s->in_width)
        for (oy = 0; oy < s->out_height; oy++)
            for (ox = 0; ox < s->out_width; ox++) {
                const int32_t top = oy * s->stride_height - s->pad_top, left = ox * s->stride_width - s->pad_left;
                int32_t rows, columns;
                float sum = 0.0f;
                for (ky = 0; ky < s->kernel_height; ky++) {
                    const int32_t iy = top + ky * s->dilation_height;
                    if (iy < 0 || iy >= s->in_height)
                        continue;
                    for (kx = 0; kx < s->kernel_width; kx++) {
                        const int32_t ix = left + kx * s->dilation_width;
                        if (ix >= 0 && ix < s->in_width)
                            sum = sum + x[iy * s->in_width + ix];
                    }
                }
                rows = taps_within(top, s->kernel_height, s->dilation_height, counts_padding ? -s->pad_top : 0,
                                   s->in_height + (counts_padding ? pad_bottom : 0));
                columns = taps_within(left, s->kernel_width, s->dilation_width, counts_padding ? -s->pad_left : 0,
                                      s->in_width + (counts_padding ? pad_right : 0));
                *y++ = sum / (float)(rows * columns);
            }
}
`,
  },
};
