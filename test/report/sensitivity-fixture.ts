import { candidatesOf } from '../../src/eval/allocation/candidates.ts';
import type { SensitivityReport } from '../../src/eval/types.ts';
import { sampleReport } from './fixture.ts';

const { candidates } = candidatesOf({ schemes: ['linear', 'exp'], bits: [2, 3], zero: [false, true] });

/** A report of four layers and eight candidates, with a name that wants escaping, a weight that is kept, and an infinite loss. */
export function sampleSensitivity(changes: Partial<SensitivityReport> = {}): SensitivityReport {
  const { tool, created, model, dataset } = sampleReport();
  const names = [
    'conv1.weight',
    'a <b> & "c"|d',
    'encoder.layers.0.attention.self.query.weight.transposed',
    'fc',
  ];
  const layers = names.map((name, layer) => ({
    name,
    node: `node${layer}`,
    opType: 'Conv',
    shape: [16, 3, 3, 3],
    count: 432 * (layer + 1),
    cells: candidates.map(({ bits }, i) => {
      if (layer === 3 && i === 7) return null;
      const loss = layer === 3 && i === 0 ? Number.POSITIVE_INFINITY : 10 ** (layer - bits) * (1 + i / 10);
      const bytes = { codeBytes: 54 * bits * (layer + 1), levelBytes: 64 };
      return layer === 2 ? { loss: 0, ...bytes, kept: true as const } : { loss, ...bytes };
    }),
  }));
  return {
    schema: 'bnn-quantize/sensitivity@1',
    measure: 'kl',
    outputs: ['logits'],
    images: 64,
    fingerprint: dataset.fingerprint,
    candidates,
    layers,
    skipped: [{ name: 'gate', reason: 'it is <odd>' }],
    seconds: 12.3,
    tool,
    command: ['bnn-quantize', 'sensitivity', 'resnet20.onnx', '--calib', 'cifar10:calib.bin'],
    created,
    model,
    dataset: { ...dataset, spec: 'cifar10:calib.bin', count: 64 },
    uniform: candidates.map(({ bits }, candidate) => ({
      candidate,
      payloadBytes: 540 * bits,
      bitsPerWeight: bits + candidate / 10,
      loss: 4 ** -bits * (1 + candidate),
      allocatedLoss: 4 ** -bits,
    })),
    frontier: [2, 2.5, 3, 3.5].map((bitsPerWeight) => ({ bitsPerWeight, loss: 4 ** -bitsPerWeight })),
    ...changes,
  };
}
