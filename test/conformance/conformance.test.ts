import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createReferenceKernels } from '../../src/kernels/reference.ts';
import { sharedData } from '../shared-data.ts';
import { caseNames, type Outcome, runCase } from './cases.ts';
import { readExpected, refusals } from './expected.ts';

const folder = sharedData('onnx-node-tests');

/** The part of the published cases that passes at least. */
const PASSED = 0.85;

describe.skipIf(folder === undefined)('operator tests of the ONNX standard (needs ../shared/data)', () => {
  const kernels = createReferenceKernels();
  const outcomes: Outcome[] = [];
  beforeAll(async () => {
    for (const name of caseNames(folder!)) outcomes.push(await runCase(folder!, name, kernels));
  });
  afterAll(() => kernels.dispose());

  it('give no wrong answer: a case passes or is refused', () => {
    expect(outcomes.filter(({ verdict }) => verdict === 'wrong')).toEqual([]);
  });

  it('are refused exactly where expected.json says so, for the reason that it gives (npm run conformance -- --update)', () => {
    expect(refusals(outcomes)).toEqual(readExpected());
  });

  it('pass in the great majority', () => {
    const passed = outcomes.filter(({ verdict }) => verdict === 'passed').length;
    expect(passed / outcomes.length).toBeGreaterThanOrEqual(PASSED);
  });

  it('leave nothing behind in the heap of the kernels', () => {
    expect(kernels.heap.usedBytes).toBe(0);
  });
});
