import { describe, expect, it } from 'vitest';
import { discretizeModel } from '../../src/eval/discretize-model.ts';
import type { Model } from '../../src/ir/graph.ts';
import { residualNetwork } from './calibration/networks.ts';

const valuesOf = (model: Model, name: string): unknown => model.graph.initializers.get(name)!.read().data;

describe('equalization', () => {
  const network = residualNetwork();
  const settings = { scheme: 'exp', bits: 2, granularity: 'tensor', repairs: ['equalize'] } as const;

  it('is of layers that are discretized, not of those that stay in float', async () => {
    const { model, layers } = await discretizeModel(network, { ...settings, exclude: ['w3'] });
    expect(layers.map(({ name }) => name)).toEqual(['w1', 'w2', 'w4']);
    expect(valuesOf(model, 'w3')).toEqual(valuesOf(network, 'w3'));
    // Between w2 and w3 lies what equalizing both would change.
    const all = await discretizeModel(network, settings);
    expect(valuesOf(all.model, 'n2.gamma')).not.toEqual(valuesOf(network, 'n2.gamma'));
    expect(valuesOf(model, 'n2.gamma')).toEqual(valuesOf(network, 'n2.gamma'));
  });

  it('leaves weights of few bits as they are', async () => {
    const { model: coded } = await discretizeModel(network, { ...settings, repairs: [] });
    const again = await discretizeModel(coded, settings);
    expect(again.layers.every(({ kept }) => kept)).toBe(true);
    for (const name of ['w1', 'w2', 'w3', 'w4'])
      expect(valuesOf(again.model, name)).toEqual(valuesOf(coded, name));
  });
});
