import type { CKernel } from './kernel.ts';

const walk = (name: string, type: string): CKernel => ({
  needs: ['walk'],
  text: `
static void ${name}(const struct walk *w, const ${type} *x, ${type} *y)
{
    int32_t at[MAX_RANK] = { 0 };
    const int32_t last = w->rank - 1;
    for (;;) {
        int32_t i, axis;
        for (i = 0; i < w->dims[last]; i++)
            y[i * w->b[last]] = x[i * w->a[last]];
        for (axis = last - 1; axis >= 0; axis--) {
            x += w->a[axis];
            y += w->b[axis];
            if (++at[axis] < w->dims[axis])
                break;
            x -= w->a[axis] * w->dims[axis];
            y -= w->b[axis] * w->dims[axis];
            at[axis] = 0;
        }
        if (axis < 0)
            return;
    }
}
`,
});

const filled = (name: string, type: string): CKernel => ({
  needs: [],
  text: `
static void ${name}(${type} *y, int32_t count, ${type} value)
{
    int32_t i;
    for (i = 0; i < count; i++)
        y[i] = value;
}
`,
});

/** y = f(p, q), operands repeated where a stride is 0; y may be an operand that has its shape. */
const pairwise = (name: string, value: string, needs: readonly string[] = []): CKernel => ({
  needs: ['walk', ...needs],
  text: `
static void ${name}(const struct walk *w, const float *a, const float *b, float *y)
{
    int32_t at[MAX_RANK] = { 0 };
    const int32_t last = w->rank - 1;
    for (;;) {
        int32_t i, axis;
        for (i = 0; i < w->dims[last]; i++) {
            const float p = a[i * w->a[last]], q = b[i * w->b[last]];
            *y++ = ${value};
        }
        for (axis = last - 1; axis >= 0; axis--) {
            a += w->a[axis];
            b += w->b[axis];
            if (++at[axis] < w->dims[axis])
                break;
            a -= w->a[axis] * w->dims[axis];
            b -= w->b[axis] * w->dims[axis];
            at[axis] = 0;
        }
        if (axis < 0)
            return;
    }
}
`,
});

/** y = f(v) of \`count\` elements with parameters alpha and beta. */
const unary = (name: string, value: string, needs: readonly string[] = []): CKernel => ({
  needs,
  text: `
static void ${name}(const float *x, float *y, int32_t count${/\balpha\b/.test(value) ? ', float alpha, float beta' : ''})
{
    int32_t i;
    for (i = 0; i < count; i++) {
        const float v = x[i];
        y[i] = ${value};
    }
}
`,
});

export const ELEMENTS: Readonly<Record<string, CKernel>> = {
  affine_f32: {
    needs: ['tail'],
    text: `
/* Times scale plus bias of the channel, over [outer, channels, inner]. */
static void affine_f32(const struct tail *tail, int32_t outer, int32_t channels, int32_t inner, const float *x, float *y)
{
    int32_t o, c, i;
    for (o = 0; o < outer; o++)
        for (c = 0; c < channels; c++)
            for (i = 0; i < inner; i++)
                *y++ = finish(*x++, tail, c, NULL);
}
`,
  },
  exponential: {
    needs: [],
    text: `
/* e^r - 1 for small r: Taylor's series to r^12. */
static double exp_series(double r)
{
    static const double c[] = { 2.505210838544172e-8, 2.755731922398589e-7, 0.0000027557319223985893, 0.0000248015873015873,
                                0.0001984126984126984, 0.001388888888888889, 0.008333333333333333, 0.041666666666666664,
                                0.16666666666666666, 0.5 };
    double p = 2.08767569878681e-9;
    uint32_t i;
    for (i = 0; i < sizeof c / sizeof c[0]; i++)
        p = p * r + c[i];
    return p * r * r + r;
}

/* e^x = 2^k e^r, |r| <= ln 2 / 2, in doubles; the callers round once. */
static double exponential(double x)
{
    double shifted, scale, r;
    int32_t k;
    uint64_t bits;
    if (!(x >= -708.0))
        return x < -708.0 ? 0.0 : x;
    if (x > 709.0) {
        bits = (uint64_t)0x7ff << 52; /* infinity */
        memcpy(&scale, &bits, sizeof scale);
        return scale;
    }
    shifted = x * 1.4426950408889634 + 0.5;
    k = (int32_t)shifted;
    if ((double)k > shifted)
        k--;
    r = x - (double)k * 0.6931471804855391 - (double)k * 7.440617110012397e-11;
    bits = (uint64_t)(uint32_t)(k + 1023) << 52;
    memcpy(&scale, &bits, sizeof scale);
    return (1.0 + exp_series(r)) * scale;
}
`,
  },
  hyperbolic_tangent: {
    needs: ['exponential'],
    text: `
static double hyperbolic_tangent(double x)
{
    double t;
    if (x > 20.0)
        return 1.0;
    if (x < -20.0)
        return -1.0;
    t = 2.0 * x;
    t = t > -0.35 && t < 0.35 ? exp_series(t) : exponential(t) - 1.0;
    return t / (t + 2.0);
}
`,
  },
  hard_sigmoid_of: {
    needs: [],
    text: `
static float hard_sigmoid_of(float v, float alpha, float beta)
{
    v = alpha * v;
    v = v + beta;
    if (v < 0.0f)
        v = 0.0f;
    return 1.0f < v ? 1.0f : v;
}
`,
  },
  softmax_f32: {
    needs: ['exponential', 'max_of'],
    text: `
/* Over the middle axis of [outer, length, inner]; y may be x. */
static void softmax_f32(int32_t outer, int32_t length, int32_t inner, const float *x, float *y)
{
    int32_t o, j, i;
    for (o = 0; o < outer; o++)
        for (j = 0; j < inner; j++) {
            const int32_t start = o * length * inner + j;
            float most = x[start], sum = 0.0f;
            for (i = 1; i < length; i++)
                most = max_of(most, x[start + i * inner]);
            for (i = 0; i < length; i++) {
                const float difference = x[start + i * inner] - most;
                const float power = (float)exponential((double)difference);
                sum = sum + power;
                y[start + i * inner] = power;
            }
            for (i = 0; i < length; i++)
                y[start + i * inner] = y[start + i * inner] / sum;
        }
}
`,
  },
  round_f32: {
    needs: [],
    text: `
/* To a whole number, ties to even, of a size below 2^22; -0 stays. */
static float round_f32(float v)
{
    const float size = v < 0.0f ? -v : v;
    float whole = size + 8388608.0f;
    whole = whole - 8388608.0f;
    if (v == 0.0f)
        return v;
    return v < 0.0f ? -whole : whole;
}
`,
  },
  quant_f32: {
    needs: ['round_f32'],
    text: `
/* To one of the grid low .. high and back. */
static void quant_f32(const float *x, float *y, int32_t count, float scale, float zero, float low, float high)
{
    int32_t i;
    for (i = 0; i < count; i++) {
        float v = x[i] / scale;
        v = v + zero;
        if (v > high)
            v = high;
        if (v <= low)
            v = low;
        v = round_f32(v) - zero;
        y[i] = v * scale;
    }
}
`,
  },
  fill_f32: filled('fill_f32', 'float'),
  fill_i32: filled('fill_i32', 'int32_t'),
  copy_f32: walk('copy_f32', 'float'),
  copy_i32: walk('copy_i32', 'int32_t'),
  copy_u8: walk('copy_u8', 'uint8_t'),
  add_f32: pairwise('add_f32', 'p + q'),
  sub_f32: pairwise('sub_f32', 'p - q'),
  mul_f32: pairwise('mul_f32', 'p * q'),
  div_f32: pairwise('div_f32', 'p / q'),
  max_f32: pairwise('max_f32', 'max_of(p, q)', ['max_of']),
  min_f32: pairwise('min_f32', 'min_of(p, q)', ['min_of']),
  neg_f32: unary('neg_f32', '-v'),
  abs_f32: unary('abs_f32', 'v <= 0.0f ? 0.0f - v : v'),
  sign_f32: unary('sign_f32', 'v > 0.0f ? 1.0f : v < 0.0f ? -1.0f : v'),
  exp_f32: unary('exp_f32', '(float)exponential((double)v)', ['exponential']),
  sigmoid_f32: unary('sigmoid_f32', '(float)(1.0 / (1.0 + exponential(-(double)v)))', ['exponential']),
  tanh_f32: unary('tanh_f32', '(float)hyperbolic_tangent((double)v)', ['hyperbolic_tangent']),
  leaky_relu_f32: {
    needs: [],
    text: `
static void leaky_relu_f32(const float *x, float *y, int32_t count, float alpha)
{
    int32_t i;
    for (i = 0; i < count; i++)
        y[i] = x[i] < 0.0f ? alpha * x[i] : x[i];
}
`,
  },
  bipolar_f32: {
    needs: [],
    text: `
static void bipolar_f32(const float *x, float *y, int32_t count, float scale)
{
    int32_t i;
    for (i = 0; i < count; i++)
        y[i] = x[i] >= 0.0f ? scale : -scale;
}
`,
  },
  hard_sigmoid_f32: unary('hard_sigmoid_f32', 'hard_sigmoid_of(v, alpha, beta)', ['hard_sigmoid_of']),
  hard_swish_f32: unary('hard_swish_f32', 'v * hard_sigmoid_of(v, alpha, beta)', ['hard_sigmoid_of']),
  clip_f32: {
    needs: ['tail'],
    text: `
static void clip_f32(const struct tail *tail, const float *x, float *y, int32_t count)
{
    int32_t i;
    for (i = 0; i < count; i++)
        y[i] = finish(x[i], tail, 0, NULL);
}
`,
  },
};
