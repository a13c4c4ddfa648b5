import {
  addEnergy,
  floatAddEnergy,
  floatMultiplyEnergy,
  floatWidth,
  lookUpEnergy,
  multiplyEnergy,
} from './energy-table.ts';
import type { OperationKind, Part } from './types.ts';

/** Some operations of one kind and width. */
export interface Operations {
  readonly kind: OperationKind;
  /** Bits of the operands; of a multiplication of integers those of the first, of a look-up those of the code. */
  readonly width: number;
  /** Bits of the second factor of a multiplication of integers. */
  readonly by?: number;
  readonly part: Part;
  readonly count: number;
}

/** The part of a network that values of that many bits belong to. */
export function partOf(bits: number): Part {
  if (bits <= 1) return 'binary';
  return bits <= 8 ? 'lowBit' : 'float';
}

/** Picojoules of one of the operations. */
export function energyOf({ kind, width, by = width }: Omit<Operations, 'count' | 'part'>): number {
  switch (kind) {
    case 'xnor':
    case 'popcount':
    case 'logic':
    case 'add':
    case 'shift':
    case 'compare':
      return addEnergy(width);
    case 'multiply':
      return multiplyEnergy(width, by);
    case 'look-up':
      return lookUpEnergy(width);
    case 'float-add':
      return floatAddEnergy(width);
    case 'float-multiply':
      return floatMultiplyEnergy(width);
  }
}

/** What is done with one element, in additions, multiplications, comparisons and bitwise operations. */
export interface Work {
  readonly add?: number;
  readonly multiply?: number;
  readonly compare?: number;
  readonly logic?: number;
}

/** What an element is, as far as arithmetic is concerned. */
export interface ElementType {
  readonly bits: number;
  readonly integer: boolean;
}

/** The work on `count` elements. Floats are compared like integers of their bits, as sign and magnitude. */
export function workOn(
  { add, multiply, compare, logic }: Work,
  type: ElementType,
  count: number,
): Operations[] {
  const { bits, integer } = type;
  const width = integer ? bits : floatWidth(bits);
  const part = partOf(integer ? bits : 32);
  const list: [OperationKind, number | undefined][] = [
    [integer ? 'add' : 'float-add', add],
    [integer ? 'multiply' : 'float-multiply', multiply],
    ['compare', compare],
    ['logic', logic],
  ];
  return list.flatMap(([kind, times = 0]) => {
    const total = times * count;
    if (total <= 0) return [];
    return [{ kind, width, ...(kind === 'multiply' && { by: width }), part, count: total }];
  });
}

/** The operations with those of the same kind, widths and part put together, in the order of their first. */
export function merged(operations: Iterable<Operations>): Operations[] {
  const sums = new Map<string, Operations>();
  for (const one of operations) {
    const key = `${one.kind} ${one.width} ${one.by ?? ''} ${one.part}`;
    const known = sums.get(key);
    if (one.count > 0) sums.set(key, known === undefined ? one : { ...one, count: known.count + one.count });
  }
  return [...sums.values()];
}
