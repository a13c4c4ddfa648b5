import { constantInitializer } from '../../../ir/constant-initializer.ts';
import type { Attribute, FunctionBody, Initializer, Node } from '../../../ir/graph.ts';
import type { Tensor } from '../../../tensor/tensor.ts';

/** A node behind the one that makes a weight, which orders its elements or computes them. */
export interface Step {
  readonly opType: string;
  /** Besides the value: names, or numbers as INT64. */
  readonly inputs: readonly (string | readonly number[])[];
  readonly attributes: Readonly<Record<string, Attribute>>;
}

/** Collects what makes weights: nodes that go before those of the graph, constants and functions. */
export class WeightParts {
  readonly nodes: Node[] = [];
  readonly initializers: Initializer[] = [];
  readonly functions: Map<string, FunctionBody> = new Map();
  readonly #shared = new Map<string, string>();
  readonly #counts = new Map<string, number>();
  /** Gives a name that nothing in the graph has. */
  readonly free: (wanted: string) => string;

  constructor(free: (wanted: string) => string) {
    this.free = free;
  }

  /** A constant with a short name: `kind.number`. */
  constant(kind: string, tensor: Tensor): string {
    const number = this.#counts.get(kind) ?? 0;
    this.#counts.set(kind, number + 1);
    const name = this.free(`${kind}.${number}`);
    this.initializers.push(constantInitializer(name, tensor));
    return name;
  }

  /** A constant of that very name. */
  named(name: string, tensor: Tensor): void {
    this.initializers.push(constantInitializer(name, tensor));
  }

  /** A small constant, once for all who want the same. */
  shared(kind: string, tensor: Tensor): string {
    const key = `${tensor.dtype} [${tensor.shape}] ${tensor.data}`;
    const name = this.#shared.get(key) ?? this.constant(kind, tensor);
    this.#shared.set(key, name);
    return name;
  }

  /** Numbers as INT64. */
  ints(values: readonly number[]): string {
    const data = BigInt64Array.from(values, BigInt);
    return this.shared('shape', { dtype: 'INT64', shape: [values.length], data });
  }

  /** A number as FLOAT. */
  scalar(value: number): string {
    return this.shared('number', { dtype: 'FLOAT', shape: [], data: Float32Array.of(value) });
  }

  /** A node that makes a weight, and steps behind it, of which the last one gives the weight under its name. */
  make(
    name: string,
    first: Pick<Node, 'opType' | 'domain' | 'inputs'> & Partial<Node>,
    steps: readonly Step[],
  ): void {
    let made = name;
    const chain: Node[] = [];
    // From the last step to the first. What a step reads is called after what it makes: so a reader tells it from the
    // model's own nodes.
    for (const { opType, inputs, attributes } of steps.toReversed()) {
      const before = this.free(`${made}.${opType}`);
      const operands = inputs.map((input) => (typeof input === 'string' ? input : this.ints(input)));
      chain.unshift({
        ...{ name: '', opType, domain: '', inputs: [before, ...operands], outputs: [made] },
        attributes: new Map(Object.entries(attributes)),
      });
      made = before;
    }
    this.nodes.push({ name: '', attributes: new Map(), ...first, outputs: [made] }, ...chain);
  }
}
