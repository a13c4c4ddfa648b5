import { fitScale, largestScale, type Shape, shapeOf } from './fit/scale.ts';
import type { Scheme } from './scheme.ts';

/** Sizes for Δ = 1: mid-rise (j + ½), or j with a zero level. */
export function linearSizes(bits: number, zero: boolean): Float64Array {
  return Float64Array.from({ length: 2 ** (bits - 1) }, (_, j) => (zero ? j : j + 0.5));
}

const shapes = new Map<string, Shape>();

/** The shape of these levels, made once. */
export function linearShape(bits: number, zero: boolean): Shape {
  const key = `${bits} ${zero}`;
  let shape = shapes.get(key);
  if (shape === undefined) {
    shape = shapeOf(linearSizes(bits, zero));
    shapes.set(key, shape);
  }
  return shape;
}

/** Equal steps: ±(j+½)Δ, or ±jΔ with a zero level. */
export const linear: Scheme = {
  name: 'linear',
  summary: 'equal steps ±(j+½)Δ; --zero: ±jΔ',
  bits: { from: 1, to: 8 },
  fits: ['correlation', 'max-range'],
  choices: ['zero'],
  problems: ({ bits, zero }) =>
    zero && bits === 1 ? ['linear with a zero level needs at least 2 bits'] : [],
  rule: ({ zero }) => (zero ? 'linear-zero' : 'linear'),
  fit(values, { bits, fit, zero }) {
    if (fit === 'correlation')
      return { params: [fitScale(values.magnitudes(), linearShape(bits, zero)).first] };
    const steps = zero ? 2 ** (bits - 1) - 1 : 2 ** (bits - 1);
    return { params: [Math.min(values.max() / steps, largestScale(linearShape(bits, zero)))] };
  },
};
