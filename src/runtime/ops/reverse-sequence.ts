import { BnnqError } from '../../errors.ts';
import type { Operator } from '../call.ts';
import { numbersOf, shapeText, sizeBetween } from '../shapes.ts';
import { allocateAny, copyRun, elementsOf } from './elements.ts';
import type { OperatorTable } from './operator-table.ts';

/** The first `sequence_lens[n]` steps of sequence n in reverse order, the rest as it is. */
const reverseSequence: Operator = (call) => {
  const x = call.input(0);
  const batchAxis = call.int('batch_axis', 1);
  const timeAxis = call.int('time_axis', 0);
  if (x.shape.length < 2 || batchAxis + timeAxis !== 1 || batchAxis * timeAxis !== 0)
    throw new BnnqError(
      'mismatch',
      `batch_axis ${batchAxis} and time_axis ${timeAxis} of ${shapeText(x.shape)}, expected 0 and 1`,
    );
  const lengths = numbersOf(call.input(1));
  const steps = x.shape[timeAxis]!;
  if (lengths.length !== x.shape[batchAxis] || lengths.some((length) => !(length >= 0 && length <= steps)))
    throw new BnnqError('mismatch', `lengths [${lengths}] of sequences in ${shapeText(x.shape)}`);
  const inner = sizeBetween(x.shape, 2, x.shape.length);
  const batchStep = batchAxis === 0 ? steps * inner : inner;
  const timeStep = timeAxis === 0 ? lengths.length * inner : inner;
  const y = allocateAny(call, x.dtype, x.shape);
  const from = elementsOf(x);
  const to = elementsOf(y);
  lengths.forEach((length, n) => {
    for (let t = 0; t < steps; t++) {
      const source = n * batchStep + (t < length ? length - 1 - t : t) * timeStep;
      copyRun(from, source, to, n * batchStep + t * timeStep, inner);
    }
  });
  return y;
};

export const SEQUENCE_REVERSALS: OperatorTable = { ReverseSequence: { 10: reverseSequence } };
