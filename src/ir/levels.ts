import { BnnqError } from '../errors.ts';

/**
 * How the parameters of a level table become its 2^bits levels, by code. All arithmetic is float64 on the float32
 * parameters, in the order written here, rounded once to float32, so that every reader of a packed file gets the same
 * levels. In the signed rules a code is `sign << (bits-1) | index` with sign 1 for minus and index 0 the smallest size.
 *
 * | rule           | parameters        | level of (sign, index)                                      |
 * | -------------- | ----------------- | ----------------------------------------------------------- |
 * | linear         | Δ                 | ±(index + ½)·Δ                                              |
 * | linear-zero    | Δ                 | ±index·Δ                                                    |
 * | geometric      | a, q              | ±a·q^(J−1−index), J = 2^(bits−1)                            |
 * | geometric-zero | a, q              | 0 for index 0, else ±a·q^(J−1−index)                        |
 * | magnitudes     | m_0 … m_(J−1)     | ±m_index                                                    |
 * | bases          | α_0 … α_(bits−1)  | Σ ±α_i, minus where bit i of the code is set                |
 * | ternary        | a                 | codes 0, 1, 2, 3: 0, +a, 0, −a (two bits: sign, not zero)   |
 * | affine         | Δ, z              | (code − z)·Δ                                                |
 * | table          | l_0 … l_(2^bits−1)| l_code                                                      |
 */
export type LevelRule =
  | 'linear'
  | 'linear-zero'
  | 'geometric'
  | 'geometric-zero'
  | 'magnitudes'
  | 'bases'
  | 'ternary'
  | 'affine'
  | 'table';

export const LEVEL_RULES: readonly LevelRule[] = [
  'linear',
  'linear-zero',
  'geometric',
  'geometric-zero',
  'magnitudes',
  'bases',
  'ternary',
  'affine',
  'table',
];

/** Parameters that one level table of the rule has. */
export function paramCount(rule: LevelRule, bits: number): number {
  switch (rule) {
    case 'linear':
    case 'linear-zero':
    case 'ternary':
      return 1;
    case 'geometric':
    case 'geometric-zero':
    case 'affine':
      return 2;
    case 'magnitudes':
      return 2 ** (bits - 1);
    case 'bases':
      return bits;
    case 'table':
      return 2 ** bits;
  }
}

/** The 2^bits levels of one table, by code. */
export function levelTable(rule: LevelRule, bits: number, params: Float32Array): Float32Array {
  if (params.length !== paramCount(rule, bits))
    throw new BnnqError(
      'mismatch',
      `levels: rule ${rule} of ${bits} bits has ${paramCount(rule, bits)} parameters a table, got ${params.length}`,
    );
  if (rule === 'table') return params.slice();
  if (rule === 'bases') return basesTable(bits, params);
  if (rule === 'affine')
    return Float32Array.from({ length: 2 ** bits }, (_, code) => (code - params[1]!) * params[0]!);
  if (rule === 'ternary' && bits !== 2)
    throw new BnnqError('mismatch', `levels: ternary takes 2 bits, got ${bits}`);
  const half = 2 ** (bits - 1);
  const levels = new Float32Array(2 * half);
  const sizes = rule === 'ternary' ? [0, params[0]!] : magnitudes(rule, half, params);
  for (let i = 0; i < half; i++) {
    levels[i] = sizes[i]!;
    levels[half + i] = sizes[i] === 0 ? 0 : -sizes[i]!;
  }
  return levels;
}

function magnitudes(rule: LevelRule, half: number, params: Float32Array): number[] {
  const sizes = new Array<number>(half);
  const first = params[0]!;
  if (rule === 'linear') for (let i = 0; i < half; i++) sizes[i] = (i + 0.5) * first;
  else if (rule === 'linear-zero') for (let i = 0; i < half; i++) sizes[i] = i * first;
  else if (rule === 'magnitudes') for (let i = 0; i < half; i++) sizes[i] = params[i]!;
  else {
    let size = first;
    for (let i = half - 1; i >= 0; i--) {
      sizes[i] = size;
      size *= params[1]!;
    }
    if (rule === 'geometric-zero') sizes[0] = 0;
  }
  return sizes;
}

function basesTable(bits: number, params: Float32Array): Float32Array {
  const levels = new Float32Array(2 ** bits);
  for (let code = 0; code < levels.length; code++) {
    let sum = 0;
    for (let i = 0; i < bits; i++) sum += (code >> i) & 1 ? -params[i]! : params[i]!;
    levels[code] = sum;
  }
  return levels;
}
