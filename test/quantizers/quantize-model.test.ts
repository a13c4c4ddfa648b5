import { describe, expect, it } from 'vitest';
import { dequantize } from '../../src/ir/quantized-tensor.ts';
import { quantizeModel } from '../../src/quantizers/quantize-model.ts';
import { quantizeWeight } from '../../src/quantizers/quantize-weight.ts';
import { constant, int, modelOf, node, weight } from './model-builder.ts';
import { sampleOf } from './samples.ts';

function network() {
  const first = weight('first', [8, 3, 3, 3], sampleOf('gauss', 216, 1));
  const second = weight('second', [8, 6], sampleOf('laplace', 48, 2));
  const bias = weight('bias', [8]);
  const model = modelOf(
    [
      node('Conv', ['x', 'first', 'bias'], 'a', {}, 'conv'),
      node('Gemm', ['a', 'second'], 'y', { transB: int(0) }, 'fc'),
    ],
    [first, second, bias],
  );
  return { model, first, second, bias };
}

describe('discretizing a model', () => {
  it('replaces the weights and leaves the model itself and all else alone', () => {
    const { model, first, bias } = network();
    const result = quantizeModel(model, { scheme: 'linear', bits: 4 });
    expect(model.graph.initializers.get('first')).toBe(first);
    expect(result.model.graph.initializers.get('bias')).toBe(bias);
    expect(result.model.graph.nodes).toBe(model.graph.nodes);
    expect([...result.model.graph.initializers.keys()]).toEqual(['first', 'second', 'bias']);
    const { quantized, ...initializer } = result.model.graph.initializers.get('second')!;
    expect(quantized).toMatchObject({
      scheme: 'linear',
      bits: 4,
      rows: 6,
      columns: 8,
      shape: [8, 6],
      dtype: 'FLOAT',
    });
    expect(initializer.read().data).toEqual(dequantize(quantized!));
  });

  it('reports each layer by what quantizeWeight says of it', () => {
    const { model, first } = network();
    const { layers, skipped } = quantizeModel(model, { scheme: 'exp', bits: 3, granularity: 'group:10' });
    expect(skipped).toEqual([]);
    expect(
      layers.map(({ name, node, opType, rows, columns, count }) => ({
        name,
        node,
        opType,
        rows,
        columns,
        count,
      })),
    ).toEqual([
      { name: 'first', node: 'conv', opType: 'Conv', rows: 8, columns: 27, count: 216 },
      { name: 'second', node: 'fc', opType: 'Gemm', rows: 6, columns: 8, count: 48 },
    ]);
    const alone = quantizeWeight(
      first.read(),
      { split: [8, 3, 3, 3], perm: [0, 1, 2, 3], rowAxes: 1 },
      { scheme: 'exp', bits: 3, granularity: 'group:10' },
    );
    const { correlation, mse, energy, snrDb } = alone;
    expect(layers[0]).toMatchObject({
      ...{ correlation, mse, energy, snrDb },
      ...{ scheme: 'exp', bits: 3, granularity: 'group:10' },
      ...{ sourceBytes: 864, codeBytes: 81, levelBytes: 8 * 3 * 2 * 4 },
    });
  });

  it('reads each weight once and goes on in the order of the nodes, reporting how far it is', () => {
    const { model, first, second } = network();
    const seen: unknown[] = [];
    quantizeModel(model, { scheme: 'binary', bits: 1 }, ({ layer, done, total }) => {
      seen.push([layer.name, done, total, first.reads, second.reads]);
    });
    expect(seen).toEqual([
      ['first', 216, 264, 1, 0],
      ['second', 264, 264, 1, 1],
    ]);
  });

  it('takes other settings for single layers', () => {
    const { model } = network();
    const perLayer = new Map([['second', { scheme: 'codebook', bits: 5 }]]);
    const { layers } = quantizeModel(model, { scheme: 'linear', bits: 2, perLayer });
    expect(layers.map(({ scheme, bits }) => [scheme, bits])).toEqual([
      ['linear', 2],
      ['codebook', 5],
    ]);
  });

  it('refuses settings of layers that there are not, and bad ones, all at once', () => {
    const { model } = network();
    const perLayer = new Map<string, object>([
      ['third', { bits: 3 }],
      ['first', { bits: 11 }],
    ]);
    expect(() => quantizeModel(model, { scheme: 'linear', bits: 2, perLayer })).toThrow(
      [
        '2 problems:',
        '  settings for "third", which is not a weight that is discretized',
        '  "first": bits: expected a whole number from 1 to 8, got 11',
      ].join('\n'),
    );
  });

  it('checks the settings before it reads anything', () => {
    const { model, first } = network();
    expect(() => quantizeModel(model, { scheme: 'linear', bits: 0 })).toThrow(
      'bits: expected a whole number',
    );
    expect(() => quantizeModel(model, { scheme: 'linear', bits: 2, include: ['nothing'] })).toThrow(
      '"nothing"',
    );
    expect(first.reads).toBe(0);
  });

  it('names every weight that has NaN or infinities', () => {
    const bad = (name: string, at: number) => {
      const data = sampleOf('gauss', 12, 3);
      data[at] = Number.NaN;
      return weight(name, [4, 3, 1, 1], data);
    };
    const model = modelOf(
      ['one', 'two', 'three'].map((name) => node('Conv', ['x', name], `${name}_out`)),
      [bad('one', 5), weight('two', [4, 3, 1, 1]), bad('three', 0)],
    );
    expect(() => quantizeModel(model, { scheme: 'exp', bits: 3 })).toThrow(
      expect.objectContaining({
        code: 'weight',
        message: [
          '2 problems:',
          '  weight "one": element 5 is NaN; expected finite numbers',
          '  weight "three": element 0 is NaN; expected finite numbers',
        ].join('\n'),
      }),
    );
  });

  it('gives FLOAT16 weights back as FLOAT16', () => {
    const half = constant('w', {
      dtype: 'FLOAT16',
      shape: [1, 3],
      data: Uint16Array.of(0x3c00, 0xbc00, 0x3c00),
    }); // 1, −1, 1
    const model = modelOf([node('Gemm', ['x', 'w'], 'y', { transB: int(1) })], [half]);
    const result = quantizeModel(model, { scheme: 'linear', bits: 1 }).model.graph.initializers.get('w')!;
    expect(result.dtype).toBe('FLOAT16');
    expect(result.read().data).toEqual(Uint16Array.of(0x3c00, 0xbc00, 0x3c00));
  });

  it('the same model and settings give the same bytes', () => {
    const bytes = () => {
      const { model } = quantizeModel(network().model, { scheme: 'exp', bits: 5 });
      const { params, planes } = model.graph.initializers.get('first')!.quantized!;
      return [Buffer.from(params.buffer).toString('hex'), Buffer.from(planes).toString('hex')];
    };
    expect(bytes()).toEqual(bytes());
  });

  it('a discretized model is not discretized again', () => {
    const { model } = quantizeModel(network().model, { scheme: 'exp', bits: 5 });
    const again = quantizeModel(model, { scheme: 'exp', bits: 2 });
    expect(again.layers).toEqual([]);
    expect(again.skipped.map(({ reason }) => reason)).toEqual([
      'it is discretized already',
      'it is discretized already',
    ]);
  });
});
