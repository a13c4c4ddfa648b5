import { describe, expect, it } from 'vitest';
import { describeModel } from '../../src/eval/describe-model.ts';
import { inspectModel } from '../../src/eval/inspect.ts';
import { packModel } from '../../src/formats/packed/pack.ts';
import { readPacked } from '../../src/formats/packed/read.ts';
import { readModel } from '../../src/formats/read-model.ts';
import type { Model } from '../../src/ir/graph.ts';
import { quantizeModel } from '../../src/quantizers/quantize-model.ts';
import { createSession } from '../../src/runtime/session.ts';
import { randomFeeds } from '../../src/runtime/verify.ts';
import { sharedData } from '../shared-data.ts';

const models = sharedData('models');

function run(model: Model): unknown {
  const session = createSession(model);
  try {
    return [...session.run(randomFeeds(model.graph.inputs, 7)).values()].map(({ data }) => data);
  } finally {
    session.dispose();
  }
}

describe.skipIf(models === undefined)('published networks of few bits (needs ../shared/data)', () => {
  it.each([
    ['TFC_1W1A', 1, 'binary', ['BipolarQuant', '1 BipolarQuant']],
    ['TFC_1W2A', 1, 'binary', ['BipolarQuant', '2 Quant']],
    ['TFC_2W2A', 2, 'ternary', ['Quant', '2 Quant']],
    ['bnn_lfc_w1a1_mnist', 1, 'binary', [null, '1 Sign']],
    ['tfc_w1a1_multithreshold', 1, 'binary', [null, '1 MultiThreshold']],
  ])('%s keeps its weights of %i bits, whatever is asked for', async (name, bits, kind, [maker, by]) => {
    const source = await readModel(`${models}/${name}.onnx`);
    const { model, layers } = quantizeModel(source, { scheme: 'linear', bits: 3 });
    expect(layers).toHaveLength(4);
    for (const layer of layers)
      expect(layer).toMatchObject({
        kept: true,
        bits,
        scheme: kind,
        codeBytes: (layer.count * bits) / 8,
        levelBytes: 4,
      });
    const back = readPacked(Buffer.concat([...packModel(model, { toolVersion: 'test' }).chunks()]));
    expect(run(back)).toEqual(run(source));

    const { lowBit, weights } = await inspectModel(source);
    expect(weights).toEqual([]);
    expect(lowBit).toHaveLength(4);
    for (const one of lowBit) {
      expect(one).toMatchObject({ kind, bits, always: true, maker });
      expect(`${one.input!.bits} ${one.input!.by}`).toBe(by);
    }
    expect(() => describeModel(source, {})).toThrow(
      `nothing to try: all 4 weights of the model are of ${bits} bit${bits === 1 ? '' : 's'} already and are kept as they are; "score" gives its accuracy, "quantize" packs it`,
    );
  });

  it('the first layer of the binary CNN has pixels for its input, the others signs', async () => {
    const { lowBit } = await inspectModel(`${models}/bnn_cnv_w1a1_cifar10.onnx`);
    expect(lowBit.map(({ opType, bits }) => `${opType} ${bits}`)).toEqual([
      ...new Array(6).fill('Conv 1'),
      ...new Array(3).fill('Gemm 1'),
    ]);
    expect(lowBit.map(({ input }) => input?.by ?? 'pixels')).toEqual([
      'pixels',
      ...new Array(8).fill('Sign'),
    ]);
  });

  it('a float network has none', async () => {
    expect((await inspectModel(`${models}/cifar10_resnet20.onnx`)).lowBit).toEqual([]);
  });
});
