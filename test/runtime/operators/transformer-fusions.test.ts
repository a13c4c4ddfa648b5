import { describe, expect, it } from 'vitest';
import { createSession } from '../../../src/runtime/session.ts';
import { buildModel, type ShortAttribute } from '../build-model.ts';
import { type Case, f, fixed, testFamily } from '../operator-cases.ts';
import { someTensor } from '../oracle.ts';

const microsoft = (
  op: string,
  note: string,
  inputs: Case['inputs'],
  attributes: NonNullable<Case['attributes']> = {},
): Case => ({ op, note, inputs, attributes, domain: 'com.microsoft' });

testFamily('what onnxruntime fuses in transformers', [
  microsoft('Gelu', '', [f(3, 37)]),
  microsoft('FastGelu', 'without bias', [f(3, 37)]),
  microsoft('FastGelu', 'with bias', [f(2, 3, 8), fixed(8)]),
  microsoft('BiasGelu', '', [f(2, 3, 8), fixed(8)]),
  microsoft('QuickGelu', '', [f(3, 37)]),
  microsoft('QuickGelu', 'alpha', [f(3, 37)], { alpha: { float: 1.2 } }),
  microsoft('SkipLayerNormalization', 'scale', [f(2, 3, 8), f(2, 3, 8), fixed(8)]),
  {
    ...microsoft('SkipLayerNormalization', 'all operands, one skip for the batch', [
      f(2, 3, 8),
      f(3, 8),
      fixed(8),
      fixed(8),
      fixed(8),
    ]),
    outputs: ['FLOAT'],
  },
  microsoft('SkipSimplifiedLayerNormalization', 'bias', [f(2, 3, 8), f(2, 3, 8), fixed(8), fixed(8)]),
  microsoft('FusedMatMul', 'transposed on the left', [f(2, 5, 3), f(2, 5, 4)], {
    transA: 1,
    alpha: { float: 0.5 },
  }),
  microsoft('FusedMatMul', 'constant, transposed on the right', [f(2, 3, 5), fixed(4, 5)], { transB: 1 }),
  microsoft('FusedMatMul', 'batches transposed on the left', [f(3, 2, 4, 5), f(2, 4, 5, 6)], {
    transBatchA: 1,
  }),
  microsoft('FusedMatMul', 'batches transposed on both sides', [f(3, 2, 5), f(5, 2, 4)], {
    transBatchA: 1,
    transBatchB: 1,
  }),
  microsoft('FusedMatMul', 'everything transposed', [f(5, 2, 4, 3), f(6, 2, 4, 5)], {
    transA: 1,
    transB: 1,
    transBatchA: 1,
    transBatchB: 1,
  }),
]);

describe('the sum that SkipLayerNormalization gives out', () => {
  const run = (
    op: string,
    outputs: readonly string[],
    attributes: Readonly<Record<string, ShortAttribute>> = {},
  ) => {
    const session = createSession(
      buildModel({
        inputs: { x: ['FLOAT', [2, 4]], skip: ['FLOAT', [2, 4]] },
        constants: { scale: fixed(4) },
        outputs: outputs.filter((name) => name !== ''),
        nodes: [{ op, domain: 'com.microsoft', inputs: ['x', 'skip', 'scale'], outputs, attributes }],
      }),
    );
    const feeds = { x: someTensor('FLOAT', [2, 4], 1), skip: someTensor('FLOAT', [2, 4], 2) };
    const results = session.run(feeds);
    session.dispose();
    return { feeds, results };
  };

  it('is input and skip added', () => {
    for (const op of ['SkipLayerNormalization', 'SkipSimplifiedLayerNormalization']) {
      const { feeds, results } = run(op, ['y', '', '', 'sum']);
      const added = (feeds.x.data as Float32Array).map(
        (value, i) => value + (feeds.skip.data as Float32Array)[i]!,
      );
      expect(results.get('sum')!.data).toEqual(added);
    }
  });
});
