import type { CodedRows, Heap, PreparedWeights, WeightRows } from './contract.ts';

/** Throws RangeError when the arrays of `rows` are too short for rowCount × columnCount weights. */
export function checkRows(rows: WeightRows, rowCount: number, columnCount: number): void {
  if (rows.kind === 'float') {
    expectLength('values', rows.values.length, rowCount * columnCount);
    return;
  }
  const { bits, rowBytes, groupSize, tableStride } = rows;
  if (!(Number.isInteger(bits) && bits >= 1 && bits <= 8)) {
    throw new RangeError(`coded rows: expected 1 to 8 bits, got ${bits}`);
  }
  if (rowBytes * 8 < columnCount) {
    throw new RangeError(`coded rows: ${rowBytes} bytes a row do not hold ${columnCount} codes`);
  }
  expectLength('planes', rows.planes.length, bits * rowCount * rowBytes);
  if (columnCount === 0 || rowCount === 0) return;
  if (!(groupSize >= 1)) throw new RangeError(`coded rows: expected groups of 1 or more, got ${groupSize}`);
  const tables = tableStride * (rowCount - 1) + Math.ceil(columnCount / groupSize);
  expectLength('levels', rows.levels.length, tables << bits);
}

function expectLength(what: string, have: number, need: number): void {
  if (have < need) throw new RangeError(`weight rows: expected at least ${need} ${what}, got ${have}`);
}

/** Decodes `count` columns of row `row`, from column `start` on; the definition of coded weights. */
export function decodeRow(
  rows: CodedRows,
  rowCount: number,
  row: number,
  start: number,
  count: number,
  into: Float32Array,
): void {
  const { bits, planes, rowBytes, levels, tableStride, groupSize } = rows;
  for (let i = 0; i < count; i++) {
    const column = start + i;
    let code = 0;
    for (let b = 0; b < bits; b++) {
      const byte = planes[(b * rowCount + row) * rowBytes + (column >> 3)];
      code |= ((byte >> (column & 7)) & 1) << b;
    }
    const table = tableStride * row + Math.floor(column / groupSize);
    into[i] = levels[(table << bits) + code];
  }
}

/** Weight rows copied into the heap as they are: floats, or k bit-planes and levels. */
export class HeapRows implements PreparedWeights {
  readonly rows: number;
  readonly columns: number;
  readonly byteLength: number;
  readonly #heap: Heap;
  readonly #offset: number;
  /** Everything of the coded form but the arrays, which live in the heap. */
  readonly #coded: Omit<CodedRows, 'planes' | 'levels'> | undefined;
  readonly #planesLength: number = 0;
  #released = false;

  constructor(heap: Heap, rows: WeightRows, rowCount: number, columnCount: number) {
    checkRows(rows, rowCount, columnCount);
    this.#heap = heap;
    this.rows = rowCount;
    this.columns = columnCount;
    if (rows.kind === 'float') {
      const values = rows.values.subarray(0, rowCount * columnCount);
      this.byteLength = values.byteLength;
      this.#offset = heap.allocate(this.byteLength);
      new Float32Array(heap.buffer, this.#offset, values.length).set(values);
    } else {
      const { planes: given, levels, ...coded } = rows;
      const planes = given.subarray(0, rows.bits * rowCount * rows.rowBytes);
      this.#coded = coded;
      this.#planesLength = Math.ceil(planes.length / 4) * 4;
      this.byteLength = this.#planesLength + levels.byteLength;
      this.#offset = heap.allocate(this.byteLength);
      new Uint8Array(heap.buffer, this.#offset, planes.length).set(planes);
      new Float32Array(heap.buffer, this.#offset + this.#planesLength, levels.length).set(levels);
    }
  }

  /** Row `row` as floats: a view of the heap or, decoded, in `scratch` (columns long). */
  row(row: number, scratch: Float32Array): Float32Array {
    const { buffer } = this.#heap;
    const coded = this.#coded;
    if (coded === undefined) {
      return new Float32Array(buffer, this.#offset + row * this.columns * 4, this.columns);
    }
    const planes = new Uint8Array(buffer, this.#offset, this.#planesLength);
    const levelCount = (this.byteLength - this.#planesLength) / 4;
    const levels = new Float32Array(buffer, this.#offset + this.#planesLength, levelCount);
    decodeRow({ ...coded, planes, levels }, this.rows, row, 0, this.columns, scratch);
    return scratch;
  }

  release(): void {
    if (this.#released) return;
    this.#released = true;
    this.#heap.free(this.#offset);
  }
}
