import type { CodedRows, PreparedWeights, WeightRows } from '../contract.ts';
import { arrangePlanes, codeWords } from '../decode/planes.ts';
import { checkRows } from '../rows.ts';
import type { KernelCall } from '../threads/team.ts';
import type { Workspace } from '../wasm/workspace.ts';

/** Rows to a panel of weights, pixels to a panel of pixels. */
export const PANEL_ROWS = 4;
export const PANEL_PIXELS = 8;

/** The decoder writes whole groups of 32 columns, so up to 31 of them beyond the last panel. */
export const DECODER_SPILL: number = 31 * PANEL_ROWS * 4;
/** The decoder loads 16 bytes wherever a table starts. */
const TABLE_SPILL = 64;
const STAGED_FLOATS = 1 << 18;

/**
 * Weights in panels of 4 rows, in the heap: floats as [k][4], or codes as bit-planes with their levels, which are decoded
 * to such panels in scratch when they are wanted. The rows of each group start a new panel.
 */
export class PanelWeights implements PreparedWeights {
  readonly rows: number;
  readonly columns: number;
  readonly groups: number;
  readonly groupRows: number;
  readonly byteLength: number;
  readonly isCoded: boolean;
  readonly #workspace: Workspace;
  readonly #offset: number;
  readonly #bits: number = 0;
  readonly #groupBytes: number;
  readonly #tables: number = 0;
  readonly #tableStride: number = 0;
  readonly #groupSize: number = 0;
  #released = false;

  constructor(workspace: Workspace, rows: WeightRows, rowCount: number, columns: number, groups = 1) {
    checkRows(rows, rowCount, columns);
    this.#workspace = workspace;
    this.rows = rowCount;
    this.columns = columns;
    this.groups = groups;
    this.groupRows = rowCount / groups;
    this.isCoded = rows.kind === 'coded';
    if (rows.kind === 'float') {
      this.#groupBytes = this.panelBytes(this.groupRows);
      this.byteLength = this.#groupBytes * groups;
      this.#offset = workspace.heap.allocate(this.byteLength);
      for (let g = 0; g < groups; g++) this.#packFloats(rows.values, g);
    } else {
      const { bits, levels } = rows;
      this.#bits = bits;
      this.#groupBytes = codeWords(this.groupRows, columns, bits) * 4;
      this.byteLength = this.#groupBytes * groups + levels.byteLength;
      this.#offset = workspace.heap.allocate(this.byteLength + TABLE_SPILL);
      this.#tables = this.#offset + this.#groupBytes * groups;
      this.#tableStride = rows.tableStride;
      this.#groupSize = Math.min(rows.groupSize, 2 ** 30);
      this.#packCodes(rows);
    }
  }

  /** Bytes of the float panels of `rows` rows. */
  panelBytes(rows: number): number {
    return Math.ceil(rows / PANEL_ROWS) * PANEL_ROWS * this.columns * 4;
  }

  /** Scratch that `panels` wants for `rows` rows. */
  scratchBytes(rows: number): number {
    return this.isCoded ? this.panelBytes(rows) + DECODER_SPILL : 0;
  }

  /** Address of the float panels of `rows` rows of a group from row `first` (a multiple of 4) on. */
  panels(group: number, first: number, rows: number, scratch: number): number {
    if (this.isCoded) this.#workspace.run([[this.decodeCall(group, first, rows, scratch)]]);
    return this.panelsAt(group, first, scratch);
  }

  /** Where these panels are; `scratch` where they are decoded to that. */
  panelsAt(group: number, first: number, scratch: number): number {
    return this.isCoded ? scratch : this.#offset + group * this.#groupBytes + this.panelBytes(first);
  }

  /** The call that decodes them. */
  decodeCall(group: number, first: number, rows: number, scratch: number): KernelCall {
    const bits = this.#bits;
    const words = this.#offset + group * this.#groupBytes + codeWords(first, this.columns, bits) * 4;
    const rowTables = this.#tableStride * (4 << bits);
    const tables = this.#tables + rowTables * (group * this.groupRows + first);
    const { columns } = this;
    return ['decodePanels', words, bits, columns, rows, tables, rowTables, this.#groupSize, scratch];
  }

  release(): void {
    if (this.#released) return;
    this.#released = true;
    this.#workspace.heap.free(this.#offset);
  }

  #packFloats(values: Float32Array, group: number): void {
    const { columns, groupRows } = this;
    const start = group * groupRows;
    const step = Math.max(
      PANEL_ROWS,
      Math.floor(STAGED_FLOATS / Math.max(columns, 1) / PANEL_ROWS) * PANEL_ROWS,
    );
    for (let first = 0; first < groupRows; first += step) {
      const count = Math.min(step, groupRows - first);
      const source = values.subarray((start + first) * columns, (start + first + count) * columns);
      const out = this.panels(group, first, count, 0);
      this.#workspace.call(EMPTY, [source], 0, (_output, _scratch, [from]) => {
        this.#workspace.exports.packRows(from!, count, columns, columns * 4, out);
      });
    }
  }

  #packCodes(rows: CodedRows): void {
    const { buffer } = this.#workspace.heap;
    const { bits, levels } = rows;
    for (let g = 0; g < this.groups; g++) {
      const words = new Uint32Array(buffer, this.#offset + g * this.#groupBytes, this.#groupBytes / 4);
      words.fill(0);
      arrangePlanes(rows, this.rows, this.columns, g * this.groupRows, this.groupRows, words);
    }
    new Uint8Array(buffer, this.#tables, levels.byteLength + TABLE_SPILL).fill(0);
    if (bits > 5) {
      new Float32Array(buffer, this.#tables, levels.length).set(levels);
      return;
    }
    // Byte j of every level together, as the decoder looks them up.
    const source = new Uint8Array(levels.buffer, levels.byteOffset, levels.byteLength);
    const tables = new Uint8Array(buffer, this.#tables, levels.byteLength);
    const count = 1 << bits;
    for (let i = 0; i < source.length; i++) {
      const table = i >> (bits + 2);
      const within = i & (4 * count - 1);
      tables[table * 4 * count + (within & 3) * count + (within >> 2)] = source[i]!;
    }
  }
}

const EMPTY = new Float32Array(0);
