import { afterAll, describe, expect, it } from 'vitest';
import type { Kernels } from '../../src/kernels/contract.ts';
import { createReferenceKernels } from '../../src/kernels/reference.ts';
import { createSimdKernels } from '../../src/kernels/simd.ts';
import {
  binaryConv2d,
  combineSigns,
  moveChannels,
  packSigns,
  padSigns,
  poolSigns,
  unpackSigns,
} from './operations/binary.ts';
import { conv2d } from './operations/conv2d.ts';
import { affine, binary, softmax, unary } from './operations/elementwise.ts';
import { addFixed, codesOfFixed, fixedOfCodes, poolFixed } from './operations/fixed.ts';
import { integerConv2d, poolCodes, quantizeCodes, valueRange } from './operations/integer.ts';
import { linear, matmul } from './operations/linear.ts';
import { averagePool2d, maxPool2d } from './operations/pool.ts';
import { expectSameBits } from './support/bits.ts';
import type { Operation } from './support/operation.ts';
import { Random } from './support/random.ts';

/** Every kernel of the contract; one that is missing here fails the first test. */
const OPERATIONS: readonly Operation[] = [
  conv2d,
  linear,
  matmul,
  unary,
  binary,
  affine,
  maxPool2d,
  averagePool2d,
  softmax,
  packSigns,
  binaryConv2d,
  poolSigns,
  unpackSigns,
  combineSigns,
  moveChannels,
  padSigns,
  quantizeCodes,
  valueRange,
  integerConv2d,
  poolCodes,
  addFixed,
  codesOfFixed,
  fixedOfCodes,
  poolFixed,
];

/**
 * The fast sets, made when they are wanted first. Those of several threads divide even the smallest work; in one of them the caller leaves
 * everything to the others.
 */
const SETS: readonly { readonly what: string; make(): Kernels }[] = [
  { what: 'one thread', make: () => createSimdKernels() },
  { what: 'two threads', make: () => createSimdKernels({ threads: 2, dividesAll: true }) },
  {
    what: 'two threads that the caller takes no part in',
    make: () => createSimdKernels({ threads: 3, dividesAll: true, callerWorks: false }),
  },
  { what: 'three threads', make: () => createSimdKernels({ threads: 3, dividesAll: true }) },
].map(({ what, make }) => {
  let made: Kernels | undefined;
  afterAll(() => made?.dispose());
  return { what, make: () => (made ??= make()) };
});

describe('the SIMD kernels', () => {
  it('are all in this suite', () => {
    const others = ['prepareConv2d', 'prepareLinear', 'prepareBinary', 'prepareInteger', 'dispose'];
    const kernels = Object.entries(createReferenceKernels())
      .filter(([name, value]) => typeof value === 'function' && !others.includes(name))
      .map(([name]) => name);
    expect(OPERATIONS.map(({ name }) => name).sort()).toEqual(kernels.sort());
  });

  for (const operation of OPERATIONS) {
    it(`give the bits of the reference with any number of threads: ${operation.name}`, () => {
      const reference = createReferenceKernels();
      let count = 0;
      for (const { what, run } of operation.cases(new Random(20))) {
        const expected = run(reference);
        for (const set of SETS) expectSameBits(run(set.make()), expected, `${what}, ${set.what}`);
        count++;
      }
      expect(count).toBeGreaterThan(10);
    });
  }
});
