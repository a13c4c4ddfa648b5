import { BnnqError } from '../../errors.ts';
import { sha256Hex } from '../../tensor/sha256.ts';

export type CType = 'uint8_t' | 'int16_t' | 'int32_t' | 'int64_t' | 'uint32_t' | 'float' | 'double';

type Elements =
  | Uint8Array
  | Int16Array
  | Int32Array
  | BigInt64Array
  | Uint32Array
  | Float32Array
  | Float64Array;

const TYPES: readonly (readonly [new (length: number) => Elements, CType])[] = [
  [Uint8Array, 'uint8_t'],
  [Int16Array, 'int16_t'],
  [Int32Array, 'int32_t'],
  [BigInt64Array, 'int64_t'],
  [Uint32Array, 'uint32_t'],
  [Float32Array, 'float'],
  [Float64Array, 'double'],
];

/** What an array is for: codes of weights, what the codes stand for, anything else. */
export type ArrayUse = 'codes' | 'levels' | 'other';

/** Characters of a line of numbers. */
const LINE = 120;

/** The constant arrays of a network, each content once. */
export class ConstantArrays {
  /** Bytes that they take in the memory of the device, by what they are for. */
  readonly bytes: Record<ArrayUse, number> = { codes: 0, levels: 0, other: 0 };
  readonly #prefix: string;
  readonly #known = new Map<string, string>();
  readonly #definitions: (() => string)[] = [];
  readonly #declarations: string[] = [];

  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  /** The name of an array with these elements; `label` is taken where it is a new one. */
  add(label: string, elements: Elements, use: ArrayUse = 'other'): string {
    const type = TYPES.find(([maker]) => elements instanceof maker)![1];
    const bytes = new Uint8Array(elements.buffer, elements.byteOffset, elements.byteLength);
    const key = `${type} ${elements.length} ${sha256Hex(bytes)}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const name = `${this.#prefix}_${label}`;
    this.#known.set(key, name);
    this.bytes[use] += elements.byteLength;
    const head = `const ${type} ${name}[${elements.length}]`;
    this.#declarations.push(`extern ${head};\n`);
    this.#definitions.push(() => `${head} = {\n${linesOf(elements, type, name)}};\n`);
    return name;
  }

  get declarations(): string {
    return this.#declarations.join('');
  }

  get definitions(): string {
    return this.#definitions.map((text) => text()).join('\n');
  }
}

function linesOf(elements: Elements, type: CType, name: string): string {
  const lines: string[] = [];
  let line = '   ';
  for (const element of elements) {
    const text = ` ${textOf(element, type, name)},`;
    if (line.length + text.length > LINE) {
      lines.push(line);
      line = '   ';
    }
    line += text;
  }
  return `${[...lines, line].join('\n')}\n`;
}

function textOf(element: number | bigint, type: CType, name: string): string {
  if (type === 'float') return cFloat(element as number, name);
  // Seventeen digits tell any double from all others.
  return type === 'double' ? Number(element).toExponential(16) : cInteger(element, type);
}

function cInteger(value: number | bigint, type: CType): string {
  if (type === 'uint32_t') return `0x${value.toString(16)}u`;
  // The constants of C have no sign: −2^63 would be the negative of what no int64_t holds.
  if (type === 'int64_t') return `INT64_C(${value})`;
  return String(value);
}

/** A float32 as a constant of C that is read back as the same bits. @throws unsupported for infinities and NaN, which C99 has no constants for */
export function cFloat(value: number, where: string): string {
  if (!Number.isFinite(value))
    throw new BnnqError(
      'unsupported',
      `c: ${where} has a ${value} among its elements, finite numbers are needed`,
    );
  const short = [6, 7, 8, 9].map((digits) => Number(value.toPrecision(digits)));
  // Nine digits tell any float32 from all others.
  const decimal = String(short.find((text) => Math.fround(text) === value) ?? value);
  const sign = Object.is(value, -0) ? '-' : '';
  return `${sign}${decimal}${/[.e]/.test(decimal) ? '' : '.0'}f`;
}
