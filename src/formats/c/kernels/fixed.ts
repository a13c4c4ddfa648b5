import type { CKernel } from './kernel.ts';
import { eachTap } from './taps.ts';

const windowed = (name: string, comment: string, start: string, each: string, end: string): CKernel => ({
  needs: ['window'],
  text: `
/* ${comment} */
static void ${name}(const struct window *s, const int32_t *x, int32_t *y)
{
    int32_t oy, ox, ky, kx, c;
    for (oy = 0; oy < s->out_height; oy++)
        for (ox = 0; ox < s->out_width; ox++)
            for (c = 0; c < s->in_channels; c++) {
                ${start}
                ${eachTap(4, [each.replaceAll('VALUE', 'x[(iy * s->in_width + ix) * s->in_channels + c]')])}
                ${end}
            }
}
`,
});

/** On fixed-point values, int32_t [height, width, channels]. */
export const FIXED: Readonly<Record<string, CKernel>> = {
  fixed_finish: {
    needs: [],
    text: `
/* Sums become fixed-point values: floor((sum * multiplier + offset) / 2^shift), sums within their limits, plus an addend, from low to high. */
struct fixed_finish {
    const int32_t *multipliers, *limits;
    const int64_t *offsets;
    int32_t low, high;
    uint8_t shift;
};

static int32_t fixed_of(int32_t sum, const struct fixed_finish *f, int32_t r, const int32_t *addend)
{
    const int32_t most = f->limits[r];
    int64_t wide;
    int32_t v;
    if (sum < -most)
        sum = -most;
    if (sum > most)
        sum = most;
    wide = (int64_t)sum * f->multipliers[r] + f->offsets[r];
    /* C leaves open how numbers below 0 are shifted; -1 - wide is not below 0. */
    v = wide < 0 ? -1 - (int32_t)((-1 - wide) >> f->shift) : (int32_t)(wide >> f->shift);
    if (addend != NULL)
        v += *addend;
    if (v < f->low)
        v = f->low;
    return v > f->high ? f->high : v;
}
`,
  },
  conv_codes_fixed: {
    needs: ['sum_codes', 'rows_i16', 'fixed_finish'],
    text: `
/* A convolution from codes to fixed-point values; y may be the addend. */
static void conv_codes_fixed(const struct window *s, const struct rows_i16 *w, int32_t zero, const struct fixed_finish *f,
                             const uint8_t *x, int32_t *y, const int32_t *addend)
{
    const int32_t group_in = s->in_channels / s->groups, group_out = s->out_channels / s->groups;
    int32_t r, oy, ox;
    for (r = 0; r < s->out_channels; r++) {
        int32_t at = r;
        row_i16(w, r, 0, w->columns, row.i16);
        for (oy = 0; oy < s->out_height; oy++)
            for (ox = 0; ox < s->out_width; ox++, at += s->out_channels) {
                const int32_t sum = sum_codes(s, group_in, zero, x + (r / group_out) * group_in, oy, ox);
                y[at] = fixed_of(sum, f, r, addend == NULL ? NULL : addend + at);
            }
    }
}
`,
  },
  codes_of_fixed: {
    needs: [],
    text: `
/* Codes: floor(v * multiplier / 2^32 + zero + 1/2), from 0 to high. */
static void codes_of_fixed(int32_t count, int32_t multiplier, int32_t zero, int32_t high, const int32_t *x, uint8_t *codes)
{
    const int64_t offset = ((int64_t)zero * 2 + 1) << 31;
    int32_t i;
    for (i = 0; i < count; i++) {
        const int64_t wide = (int64_t)x[i] * multiplier + offset;
        const int64_t code = wide < 0 ? 0 : wide >> 32;
        codes[i] = (uint8_t)(code > high ? high : code);
    }
}
`,
  },
  fixed_of_codes: {
    needs: [],
    text: `
static void fixed_of_codes(int32_t count, const int32_t *table, const uint8_t *codes, int32_t *y)
{
    int32_t i;
    for (i = 0; i < count; i++)
        y[i] = table[codes[i]];
}
`,
  },
  add_fixed: {
    needs: ['walk'],
    text: `
/* a + b, from low to high; b NULL: a. Operands are repeated where a stride is 0; y may be an operand that has its shape. */
static void add_fixed(const struct walk *w, int32_t low, int32_t high, const int32_t *a, const int32_t *b, int32_t *y)
{
    int32_t at[MAX_RANK] = { 0 };
    const int32_t last = w->rank - 1;
    for (;;) {
        int32_t i, axis;
        for (i = 0; i < w->dims[last]; i++) {
            int32_t v = a[i * w->a[last]];
            if (b != NULL)
                v += b[i * w->b[last]];
            if (v < low)
                v = low;
            *y++ = v > high ? high : v;
        }
        for (axis = last - 1; axis >= 0; axis--) {
            a += w->a[axis];
            if (b != NULL)
                b += w->b[axis];
            if (++at[axis] < w->dims[axis])
                break;
            a -= w->a[axis] * w->dims[axis];
            if (b != NULL)
                b -= w->b[axis] * w->dims[axis];
            at[axis] = 0;
        }
        if (axis < 0)
            return;
    }
}
`,
  },
  max_pool_fixed: windowed(
    'max_pool_fixed',
    'The largest under each window.',
    'int32_t most = INT32_MIN;',
    'if (VALUE > most)\n                            most = VALUE;',
    '*y++ = most;',
  ),
  average_pool_fixed: windowed(
    'average_pool_fixed',
    'The average under each window, of what lies inside: floor(sum / count + 1/2).',
    'int64_t sum = 0, count = 0, average;',
    'sum += VALUE;\n                        count++;',
    `sum = 2 * sum + count;
                count = count == 0 ? 1 : 2 * count;
                average = sum / count;
                *y++ = (int32_t)(average * count > sum ? average - 1 : average);`,
  ),
};
