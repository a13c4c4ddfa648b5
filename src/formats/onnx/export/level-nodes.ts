import type { LevelRule } from '../../../ir/levels.ts';
import type { FunctionWriter } from './function-writer.ts';
import { callsPowers, RUN, writePowers } from './powers-function.ts';

/**
 * Nodes that make the level tables [tables, 2^bits] FLOAT of a rule from its parameters [tables, parameters] FLOAT, by code: DOUBLE
 * arithmetic in the order of `levelTable` (ir/levels.ts), rounded once, so that a runtime computes the very levels.
 * @returns the name of the tables
 */
export function writeLevels(write: FunctionWriter, rule: LevelRule, bits: number, params: string): string {
  const half = 2 ** (bits - 1);
  if (rule === 'table') return params;
  if (rule === 'magnitudes') return withSigns(write, params, write.constant('FLOAT', [], Float32Array.of(0)));
  const wide = write.node('Cast', [params], { to: write.int(DOUBLE) });
  const column = (index: number): string => write.column(wide, index);
  const signed = (sizes: string): string => narrow(write, withSigns(write, sizes, write.doubles([], [0])));
  switch (rule) {
    case 'linear':
    case 'linear-zero': {
      const steps = write.range(rule === 'linear' ? 0.5 : 0, half);
      return signed(write.node('Mul', [wide, steps]));
    }
    case 'geometric':
    case 'geometric-zero': {
      const [a, q] = [column(0), column(1)];
      const zero = () => write.node('Mul', [a, write.doubles([], [0])]);
      const sizes: string[] = [];
      if (callsPowers(rule, bits)) {
        for (let x = a; sizes.length < half / RUN; ) {
          const { next, run } = writePowers(write, x, q);
          sizes.unshift(run);
          x = next;
        }
        // Zero takes the place of the smallest.
        if (rule === 'geometric-zero') sizes.splice(0, 1, zero(), write.columns(sizes[0]!, 1, RUN));
      } else {
        sizes.push(a);
        while (sizes.length < half) sizes.unshift(write.node('Mul', [sizes[0]!, q]));
        if (rule === 'geometric-zero') sizes[0] = zero();
      }
      return signed(write.concat(sizes));
    }
    case 'ternary':
      return signed(write.node('Mul', [wide, write.doubles([1, 2], [0, 1])]));
    case 'affine': {
      const shifted = write.node('Sub', [write.range(0, 2 ** bits), column(1)]);
      return narrow(write, write.node('Mul', [shifted, column(0)]));
    }
    case 'bases': {
      // Bit b is the highest of those so far: all sums with + in front of those with −. The first ones are differences from 0, for a
      // sum begins with +0, and a runtime may leave out what is added to 0.
      const zero = write.doubles([], [0]);
      let sum = zero;
      for (let b = 0; b < bits; b++) {
        const base = column(b);
        const up =
          b === 0 ? write.node('Sub', [zero, write.node('Neg', [base])]) : write.node('Add', [sum, base]);
        sum = write.concat([up, write.node('Sub', [sum, base])]);
      }
      return narrow(write, sum);
    }
  }
}

const FLOAT = 1;
const DOUBLE = 11;

function narrow(write: FunctionWriter, wide: string): string {
  return write.node('Cast', [wide], { to: write.int(FLOAT) });
}

/** Sizes with plus, then the same with minus: the sign is the highest bit of a code. Minus nothing is +0, as 0 − 0 is. */
function withSigns(write: FunctionWriter, sizes: string, zero: string): string {
  return write.concat([sizes, write.node('Sub', [zero, sizes])]);
}
