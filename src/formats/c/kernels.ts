/** A function of the C library, or a type; written where something needs it, and only there. */
export interface CKernel {
  readonly needs: readonly string[];
  readonly text: string;
}

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

const STRUCTS: Readonly<Record<string, CKernel>> = {
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

/** Rows of k-bit codes become numbers a row, or a stretch of one, at a time. */
const ROWS: Readonly<Record<string, CKernel>> = {
  bits: {
    needs: [],
    text: `
/* A stream of k-bit codes, lowest bits first. */
struct stream {
    const uint8_t *next;
    uint32_t held;
    uint8_t count;
};

static struct stream stream_at(const uint8_t *codes, uint32_t bit)
{
    struct stream s;
    s.next = codes + (bit >> 3);
    s.held = (uint32_t)*s.next++ >> (bit & 7);
    s.count = (uint8_t)(8 - (bit & 7));
    return s;
}

static uint32_t next_code(struct stream *s, uint8_t bits)
{
    uint32_t code;
    if (s->count < bits) {
        s->held |= (uint32_t)*s->next++ << s->count;
        s->count = (uint8_t)(s->count + 8);
    }
    code = s->held & ((1u << bits) - 1);
    s->held >>= bits;
    s->count = (uint8_t)(s->count - bits);
    return code;
}
`,
  },
  rows_struct: {
    needs: [],
    text: `
/* Rows of float weights: plain floats (bits 0), or codes with tables of levels, one for \`group\` columns of a row, \`tables\` a row; one
 * for all where tables is 0. A table of signed levels has the sizes alone: the top bit of a code is the sign. Where there are
 * scales, a level is that of the one table times the scale of its group. Geometric tables are a and q of sizes a q^i, the largest
 * first made (2: the smallest is 0). */
struct rows_f32 {
    const uint8_t *codes;
    const float *levels, *scales;
    int32_t columns, group, tables;
    uint8_t bits, is_signed, geometric;
};

`,
  },
  plain_tables: {
    needs: ['rows_struct'],
    text: `
static const float *table_of(const struct rows_f32 *w, int32_t table)
{
    const int32_t count = (int32_t)1 << (w->bits - w->is_signed);
    return w->levels + (w->scales != NULL ? 0 : table * count);
}
`,
  },
  geometric_tables: {
    needs: ['rows_struct'],
    text: `
/* The table of sizes that was made last. */
static struct {
    const float *params;
    int32_t count;
    float sizes[MOST_SIZES];
} made;

static const float *geometric_sizes(const float *params, int32_t count, uint8_t has_zero)
{
    double size = (double)params[0];
    int32_t i;
    if (made.params == params && made.count == count)
        return made.sizes;
    made.params = params;
    made.count = count;
    for (i = count - 1; i >= 0; i--) {
        made.sizes[i] = (float)size;
        size = size * (double)params[1];
    }
    if (has_zero)
        made.sizes[0] = 0.0f;
    return made.sizes;
}

static const float *table_of(const struct rows_f32 *w, int32_t table)
{
    const int32_t count = (int32_t)1 << (w->bits - w->is_signed);
    if (w->geometric != 0)
        return geometric_sizes(w->levels + 2 * table, count, w->geometric == 2);
    return w->levels + (w->scales != NULL ? 0 : table * count);
}
`,
  },
  rows_f32: {
    needs: ['bits', 'rows_struct'],
    text: `
/* Columns start .. start + count - 1 of a row. */
static void row_f32(const struct rows_f32 *w, int32_t row, int32_t start, int32_t count, float *to)
{
    const uint8_t index_bits = (uint8_t)(w->bits - w->is_signed);
    const uint32_t mask = ((uint32_t)1 << index_bits) - 1;
    const float *levels;
    struct stream s;
    int32_t i, table = 0, left = count;
    if (w->bits == 0) {
        memcpy(to, w->levels + row * w->columns + start, (size_t)count * sizeof *to);
        return;
    }
    s = stream_at(w->codes, ((uint32_t)row * (uint32_t)w->columns + (uint32_t)start) * w->bits);
    if (w->tables != 0) {
        table = row * w->tables + start / w->group;
        left = w->group - start % w->group;
    }
    levels = table_of(w, table);
    for (i = 0; i < count; i++) {
        const uint32_t code = next_code(&s, w->bits);
        float level;
        if (left-- == 0) {
            table++;
            left = w->group - 1;
            levels = table_of(w, table);
        }
        level = levels[code & mask];
        if (w->scales != NULL)
            level = level * w->scales[table];
        to[i] = (code >> index_bits) != 0 ? -level : level;
    }
}
`,
  },
  rows_i16: {
    needs: ['bits'],
    text: `
/* Rows of codes with integer levels, one table a row, or one for all. A table of signed levels has the sizes alone. */
struct rows_i16 {
    const uint8_t *codes;
    const int16_t *levels;
    int32_t columns;
    uint8_t bits, is_signed, is_shared;
};

/* Columns start .. start + count - 1 of a row. */
static void row_i16(const struct rows_i16 *w, int32_t row, int32_t start, int32_t count, int16_t *to)
{
    const uint8_t index_bits = (uint8_t)(w->bits - w->is_signed);
    const uint32_t mask = (1u << index_bits) - 1;
    const int16_t *levels = w->levels + (w->is_shared ? 0 : (uint32_t)row << index_bits);
    struct stream s = stream_at(w->codes, ((uint32_t)row * (uint32_t)w->columns + (uint32_t)start) * w->bits);
    int32_t i;
    for (i = 0; i < count; i++) {
        const uint32_t code = next_code(&s, w->bits);
        const int16_t level = levels[code & mask];
        to[i] = (code >> index_bits) != 0 ? (int16_t)-level : level;
    }
}
`,
  },
};

const FLOATS: Readonly<Record<string, CKernel>> = {
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
                for (ky = 0; ky < s->kernel_height; ky++) {
                    const int32_t iy = oy * s->stride_height - s->pad_top + ky * s->dilation_height;
                    if (iy < 0 || iy >= s->in_height)
                        continue;
                    for (kx = 0; kx < s->kernel_width; kx++) {
                        const int32_t ix = ox * s->stride_width - s->pad_left + kx * s->dilation_width;
                        if (ix < 0 || ix >= s->in_width)
                            continue;
                        most = count++ == 0 ? x[iy * s->in_width + ix] : max_of(most, x[iy * s->in_width + ix]);
                    }
                }
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
  fill_f32: {
    needs: [],
    text: `
static void fill_f32(float *y, int32_t count, float value)
{
    int32_t i;
    for (i = 0; i < count; i++)
        y[i] = value;
}
`,
  },
  copy_f32: walk('copy_f32', 'float'),
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

const INTEGERS: Readonly<Record<string, CKernel>> = {
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
  conv_codes_f32: {
    needs: ['sum_codes', 'rows_i16', 'tail'],
    text: `
/* A convolution from codes to floats: alpha times the sum, then the tail. */
static void conv_codes_f32(const struct window *s, const struct rows_i16 *w, int32_t zero, const float *alpha,
                           const struct tail *tail, const uint8_t *x, float *y, const float *addend)
{
    const int32_t group_in = s->in_channels / s->groups, group_out = s->out_channels / s->groups;
    int32_t r, oy, ox, at = 0;
    for (r = 0; r < s->out_channels; r++) {
        row_i16(w, r, 0, w->columns, row.i16);
        for (oy = 0; oy < s->out_height; oy++)
            for (ox = 0; ox < s->out_width; ox++, at++) {
                const int32_t sum = sum_codes(s, group_in, zero, x + (r / group_out) * group_in, oy, ox);
                y[at] = finish(alpha[r] * (float)sum, tail, r, addend == NULL ? NULL : addend + at);
            }
    }
}
`,
  },
  linear_codes_f32: {
    needs: ['dot_codes', 'tail'],
    text: `
static void linear_codes_f32(int32_t rows, const struct rows_i16 *w, int32_t zero, const float *alpha, const struct tail *tail,
                             const uint8_t *x, float *y, const float *addend)
{
    int32_t r;
    for (r = 0; r < rows; r++)
        y[r] = finish(alpha[r] * (float)dot_codes(w, r, zero, x), tail, r, addend == NULL ? NULL : addend + r);
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
            for (ky = 0; ky < s->kernel_height; ky++) {
                const int32_t iy = oy * s->stride_height - s->pad_top + ky * s->dilation_height;
                if (iy < 0 || iy >= s->in_height)
                    continue;
                for (kx = 0; kx < s->kernel_width; kx++) {
                    const int32_t ix = ox * s->stride_width - s->pad_left + kx * s->dilation_width;
                    if (ix < 0 || ix >= s->in_width)
                        continue;
                    const uint8_t *codes = x + (iy * s->in_width + ix) * s->in_channels;
                    for (c = 0; c < s->in_channels; c++)
                        if (codes[c] > y[c])
                            y[c] = codes[c];
                }
            }
        }
}
`,
  },
};

const SIGNS: Readonly<Record<string, CKernel>> = {
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
            for (ky = 0; ky < s->kernel_height; ky++) {
                const int32_t iy = oy * s->stride_height - s->pad_top + ky * s->dilation_height;
                if (iy < 0 || iy >= s->in_height)
                    continue;
                for (kx = 0; kx < s->kernel_width; kx++) {
                    const int32_t ix = ox * s->stride_width - s->pad_left + kx * s->dilation_width;
                    if (ix < 0 || ix >= s->in_width)
                        continue;
                    const uint32_t *map = x + (iy * s->in_width + ix) * words;
                    for (i = 0; i < words; i++)
                        y[i] = taps == 0 ? map[i] : y[i] & map[i];
                    taps++;
                }
            }
        }
}
`,
  },
};

/** In the order in which they are written, so that each comes behind what it needs. */
export const C_KERNELS: ReadonlyMap<string, CKernel> = new Map(
  [STRUCTS, ROWS, FLOATS, INTEGERS, SIGNS].flatMap((family) => Object.entries(family)),
);

/** The named kernels and all that they need. */
export function neededKernels(names: Iterable<string>): Set<string> {
  const wanted = new Set<string>();
  const add = (name: string): void => {
    if (wanted.has(name)) return;
    wanted.add(name);
    for (const need of C_KERNELS.get(name)!.needs) add(need);
  };
  for (const name of names) add(name);
  return wanted;
}

/** The text of the named kernels and all that they need. */
export function kernelText(names: Iterable<string>): string {
  const wanted = neededKernels(names);
  return [...C_KERNELS].flatMap(([name, { text }]) => (wanted.has(name) ? [text] : [])).join('');
}
