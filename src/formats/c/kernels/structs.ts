import type { CKernel } from './kernel.ts';

export const STRUCTS: Readonly<Record<string, CKernel>> = {
  window: {
    needs: [],
    text: `
/* How a window slides over an image, in elements. */
struct window {
    dim_t in_channels, in_height, in_width, out_channels, out_height, out_width;
    dim_t kernel_height, kernel_width, stride_height, stride_width, dilation_height, dilation_width;
    dim_t pad_top, pad_left, groups;
};
`,
  },
  walk: {
    needs: [],
    text: `
/* A walk through two arrays, the last axis fastest; strides in elements. */
struct walk {
    int32_t rank;
    int32_t dims[MAX_RANK], a[MAX_RANK], b[MAX_RANK];
};
`,
  },
  tail: {
    needs: [],
    text: `
/* What follows a sum: times scale, plus bias, each by row where given, plus an addend, at least low (bounds & 1), at most high (bounds & 2). */
struct tail {
    const float *scale, *bias;
    float low, high;
    uint8_t bounds;
};

static float finish(float v, const struct tail *tail, int32_t row, const float *addend)
{
    if (tail->scale != NULL)
        v = v * tail->scale[row];
    if (tail->bias != NULL)
        v = v + tail->bias[row];
    if (addend != NULL)
        v = v + *addend;
    if ((tail->bounds & 1) != 0 && v < tail->low)
        v = tail->low;
    if ((tail->bounds & 2) != 0 && tail->high < v)
        v = tail->high;
    return v;
}
`,
  },
};
