import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { inspectModel } from '../../src/eval/inspect.ts';
import { measureMemory } from '../../src/eval/measure-memory.ts';
import { readModel } from '../../src/formats/read-model.ts';
import { buildModel } from '../runtime/build-model.ts';
import { someTensor } from '../runtime/oracle.ts';
import { sharedData } from '../shared-data.ts';

const DIGITS = fileURLToPath(new URL('../../examples/demo/digits.onnx', import.meta.url));

/** A chain of convolutions over an image of so many channels. */
const chain = (channels: number) =>
  buildModel({
    inputs: { x: ['FLOAT', ['N', channels, 16, 16]] },
    outputs: ['z'],
    constants: { w: someTensor('FLOAT', [channels, channels, 1, 1], 1) },
    nodes: [
      { op: 'Conv', inputs: ['x', 'w'], outputs: ['y'] },
      { op: 'Conv', inputs: ['y', 'w'], outputs: ['z'] },
    ],
  });

describe('the memory of one sample', () => {
  it('is that of an input and an output of a layer, where layers follow each other', () => {
    const plane = 4 * 16 * 16;
    expect(measureMemory(chain(8))).toEqual({
      weightBytes: 8 * 8 * 4,
      activationBytes: 2 * 8 * plane,
      aliveBytes: 2 * 8 * plane,
      layers: { signs: 0, integers: 0, floats: 2 },
    });
  });

  const networks = [
    'cifar10_resnet20.onnx',
    'ic_resnet8_cifar10.h5',
    'squeezenet1.1_imagenet.onnx',
    'mobilenet_v2_1.0_224_bn_float_hybrid.onnx',
    'bnn_cnv_w1a1_cifar10.onnx',
    'ultraface_version-slim-320.onnx',
  ].map((name) => [name, sharedData(join('models', name))] as const);
  for (const [name, path] of [['the demo network', DIGITS] as const, ...networks])
    it.skipIf(path === undefined)(
      `is within a tenth of what is alive at once: ${name}${path === DIGITS ? '' : ' (needs ../shared/data)'}`,
      async () => {
        const memory = measureMemory(await readModel(path!));
        if (typeof memory === 'string') throw new Error(memory);
        expect(memory.activationBytes).toBeGreaterThanOrEqual(memory.aliveBytes);
        expect(memory.activationBytes).toBeLessThanOrEqual(1.1 * memory.aliveBytes);
      },
    );

  it('is a sentence where a shape is not known, or an operator', async () => {
    const open = buildModel({
      inputs: { x: ['FLOAT', ['N', 3, 'H', 'W']] },
      outputs: ['y'],
      nodes: [{ op: 'Relu', inputs: ['x'], outputs: ['y'] }],
    });
    expect(measureMemory(open)).toBe('the shape of input "x" is not known');
    const unknown = buildModel({
      inputs: { x: ['FLOAT', [1]] },
      outputs: ['y'],
      nodes: [{ op: 'Wobble', inputs: ['x'], outputs: ['y'] }],
    });
    expect((await inspectModel(unknown, { memory: true })).memory).toMatch(/Wobble/);
    expect(await inspectModel(unknown)).not.toHaveProperty('memory');
  });
});
