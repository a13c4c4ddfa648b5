import { describe, expect, it } from 'vitest';
import { sharedData } from '../shared-data.ts';
import { caseNames, type Outcome, runCase } from './node-tests.ts';

const folder = sharedData('onnx-node-tests');

/** Passed when this was written; may only grow. */
const PASSED = 972;

describe.skipIf(folder === undefined)('operator tests of the ONNX standard (needs ../shared/data)', () => {
  it('every case is passed or refused, none gives a wrong result', async () => {
    const outcomes: Outcome[] = [];
    for (const name of caseNames(folder!)) outcomes.push(await runCase(folder!, name));
    const wrong = outcomes.filter((outcome) => outcome.verdict === 'wrong');
    expect(wrong).toEqual([]);
    const passed = outcomes.filter((outcome) => outcome.verdict === 'passed').length;
    console.info(`operator tests: ${passed} passed, ${outcomes.length - passed} refused`);
    expect(passed).toBeGreaterThanOrEqual(PASSED);
  });
});
