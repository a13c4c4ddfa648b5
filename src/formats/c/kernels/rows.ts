import type { CKernel } from './kernel.ts';

/** Rows of k-bit codes become numbers a row, or a stretch of one, at a time. */
export const ROWS: Readonly<Record<string, CKernel>> = {
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
