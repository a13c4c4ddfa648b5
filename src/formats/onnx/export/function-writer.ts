import { constantInitializer } from '../../../ir/constant-initializer.ts';
import type { Attribute, Node } from '../../../ir/graph.ts';
import type { DataType } from '../../../tensor/dtype.ts';
import { sizeOf, type Tensor } from '../../../tensor/tensor.ts';

/** Writes the nodes of a function one after the other; values are named by number, for names take bytes. */
export class FunctionWriter {
  readonly nodes: Node[] = [];
  readonly #constants = new Map<string, string>();
  readonly #domain: string;
  #count = 0;

  /** @param domain of functions that are called */
  constructor(domain = '') {
    this.#domain = domain;
  }

  /** A node of the standard with one output; returns its name. */
  node(
    opType: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, Attribute>> = {},
    output: string = this.#fresh(),
  ): string {
    const map = new Map(Object.entries(attributes));
    this.nodes.push({ name: '', opType, domain: '', inputs, outputs: [output], attributes: map });
    return output;
  }

  /** A call of another function of the domain; returns the names of what it makes. */
  call(opType: string, inputs: readonly string[], count: number): string[] {
    const outputs = Array.from({ length: count }, () => this.#fresh());
    this.nodes.push({ name: '', opType, domain: this.#domain, inputs, outputs, attributes: new Map() });
    return outputs;
  }

  int(value: number): Attribute {
    return { type: 'INT', value };
  }

  text(value: string): Attribute {
    return { type: 'STRING', value };
  }

  /** A constant, made once for each content. */
  constant(dtype: DataType, shape: readonly number[], data: Tensor['data']): string {
    const key = `${dtype} [${shape}] ${[...(data as ArrayLike<number> & Iterable<number>)]}`;
    const known = this.#constants.get(key);
    if (known !== undefined) return known;
    const value: Attribute = { type: 'TENSOR', value: constantInitializer('', { dtype, shape, data }) };
    const name = this.node('Constant', [], { value });
    this.#constants.set(key, name);
    return name;
  }

  ints(values: readonly number[], shape: readonly number[] = [values.length]): string {
    return this.constant('INT64', shape, BigInt64Array.from(values, BigInt));
  }

  doubles(shape: readonly number[], values: readonly number[]): string {
    return this.constant('DOUBLE', shape, Float64Array.from(values.slice(0, sizeOf(shape))));
  }

  /** A row of `count` numbers, DOUBLE: `first` and what is 1, 2, … more; many of them are said by an operator. */
  range(first: number, count: number): string {
    if (count <= 8)
      return this.doubles(
        [1, count],
        Array.from({ length: count }, (_, i) => first + i),
      );
    const [start, end, step] = [first, first + count, 1].map((value) => this.doubles([], [value]));
    return this.node('Range', [start!, end!, step!]);
  }

  /** One column of a matrix, as a matrix. */
  column(matrix: string, index: number): string {
    return this.node('Gather', [matrix, this.ints([index])], { axis: this.int(1) });
  }

  /** Columns `start` to `end` of a matrix. */
  columns(matrix: string, start: number, end: number): string {
    return this.node('Slice', [matrix, this.ints([start]), this.ints([end]), this.ints([1])]);
  }

  /** Matrices side by side. */
  concat(parts: readonly string[]): string {
    return parts.length === 1 ? parts[0]! : this.node('Concat', parts, { axis: this.int(1) });
  }

  #fresh(): string {
    return (this.#count++).toString(36);
  }
}
