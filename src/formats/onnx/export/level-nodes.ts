import type { LevelRule } from '../../../ir/levels.ts';
import type { FunctionWriter } from './function-writer.ts';

/**
 * Nodes that make the level tables [tables, 2^bits] FLOAT of a rule from its parameters [tables, parameters] FLOAT, by code: DOUBLE
 * arithmetic in the order of `levelTable` (ir/levels.ts), rounded once, so that a runtime computes the very levels.
 * @returns the name of the tables
 */
export function writeLevels(write: FunctionWriter, rule: LevelRule, bits: number, params: string): string {
  const half = 2 ** (bits - 1);
  if (rule === 'table') return params;
  if (rule === 'magnitudes')
    return withSigns(write, params, write.constant('FLOAT', [1, 1], Float32Array.of(0)));
  const wide = write.node('Cast', [params], { to: write.int(DOUBLE) });
  const column = (index: number): string => write.slice(wide, index, index + 1);
  const signed = (sizes: string): string =>
    narrow(write, withSigns(write, sizes, write.doubles([1, 1], [0])));
  switch (rule) {
    case 'linear':
    case 'linear-zero': {
      const steps = write.range(rule === 'linear' ? 0.5 : 0, half);
      return signed(write.node('Mul', [wide, steps]));
    }
    case 'geometric':
    case 'geometric-zero': {
      const [a, q] = [column(0), column(1)];
      const sizes: string[] = [a];
      while (sizes.length < half) sizes.unshift(write.node('Mul', [sizes[0]!, q]));
      if (rule === 'geometric-zero') sizes[0] = write.node('Mul', [a, write.doubles([1, 1], [0])]);
      return signed(write.concat(sizes));
    }
    case 'ternary':
      return signed(write.node('Mul', [wide, write.doubles([1, 2], [0, 1])]));
    case 'affine': {
      const shifted = write.node('Sub', [write.range(0, 2 ** bits), column(1)]);
      return narrow(write, write.node('Mul', [shifted, column(0)]));
    }
    case 'bases': {
      // Differences from 0, for the sum begins with +0, and a runtime may leave out what is added to 0.
      let sum = write.doubles([1, 1], [0]);
      for (let b = 0; b < bits; b++) {
        const signs = Array.from({ length: 2 ** bits }, (_, code) => ((code >> b) & 1 ? 1 : -1));
        const part = write.node('Mul', [column(b), write.doubles([1, 2 ** bits], signs)]);
        sum = write.node('Sub', [sum, part]);
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
