import { describe, expect, it } from 'vitest';
import { openBatches } from '../../../src/eval/calibration/batches.ts';
import { Lane } from '../../../src/eval/calibration/lane.ts';
import { lastCut, valueSizes } from '../../../src/eval/calibration/value-sizes.ts';
import type { Model } from '../../../src/ir/graph.ts';
import { createKernels } from '../../../src/kernels/select.ts';
import { valuesAcross } from '../../../src/passes/extract-graph.ts';
import { createSession } from '../../../src/runtime/session.ts';
import { widen } from '../../../src/runtime/widen.ts';
import type { Tensor } from '../../../src/tensor/tensor.ts';
import { inHalf, randomValues, residualNetwork } from './networks.ts';

const kernels = createKernels('auto');
const nothing = (): void => {};
const ELEMENTS = 3 * 36;

const open = (model: Model) => openBatches(model, randomValues(7, ELEMENTS), { batch: 3 });

/** All values of every batch, computed at once from the images. */
async function allValues(model: Model): Promise<Map<string, Tensor>[]> {
  const batches = await open(model);
  const names = model.graph.nodes.flatMap(({ outputs }) => outputs);
  const session = createSession(model, { kernels, keep: names });
  const values: Map<string, Tensor>[] = [];
  for (let i = 0; i < batches.batches; i++) {
    const feed = await batches.feed(i);
    values.push(new Map([...session.run({ x: feed }, { fetch: 'all' }), ['x', widen(feed)]]));
  }
  session.dispose();
  return values;
}

async function expectValues(lane: Lane, names: string[], values: Map<string, Tensor>[]): Promise<void> {
  const runner = lane.runner(names);
  for (const [i, expected] of values.entries()) {
    const found = await runner.run(i);
    expect([...found.keys()].sort()).toEqual([...names].sort());
    for (const name of names)
      expect(found.get(name), `batch ${i}, value ${name}`).toEqual(expected.get(name));
  }
  runner.dispose();
}

describe.each<[string, () => Model]>([
  ['a residual network', residualNetwork],
  ['a network in half precision', () => inHalf(residualNetwork())],
])('the lane of %s', (_, make) => {
  it('gives from every checkpoint the bits of the whole network, one value at a time and several', async () => {
    const model = make();
    const values = await allValues(model);
    const names = model.graph.nodes.map(({ outputs }) => outputs[0]!);
    const lane = new Lane(model, await open(model), kernels);
    await expectValues(lane, ['x'], values);
    for (const [i, cut] of names.entries()) {
      await lane.advance(cut, nothing);
      const across = valuesAcross(model, cut);
      await expectValues(lane, across, values);
      for (const later of names.slice(i)) await expectValues(lane, [later, across[0]!], values);
    }
  });

  it('gets there by leaps as well', async () => {
    const model = make();
    const values = await allValues(model);
    for (const [first, second] of [
      ['c2', 'logits'],
      ['r2', 's'],
      ['n1', 'c3'],
    ] as const) {
      const lane = new Lane(model, await open(model), kernels);
      await lane.advance(first, nothing);
      await lane.advance(second, nothing);
      await expectValues(lane, ['logits'], values);
    }
  });
});

describe('a lane', () => {
  it('goes on with another network behind the checkpoint', async () => {
    const model = residualNetwork();
    const lane = new Lane(model, await open(model), kernels);
    await lane.advance('c3', nothing);
    const nodes = model.graph.nodes.map((node) =>
      node.outputs[0] === 'r3' ? { ...node, opType: 'Abs' } : node,
    );
    lane.model = { ...model, graph: { ...model.graph, nodes } };
    await expectValues(lane, ['logits'], await allValues(lane.model));
  });

  it('stops where it is told to', async () => {
    const model = residualNetwork();
    const lane = new Lane(model, await open(model), kernels);
    let calls = 0;
    await expect(
      lane.advance('c2', () => {
        if (++calls === 2) throw new Error('enough');
      }),
    ).rejects.toThrow('enough');
    expect(calls).toBe(2);
  });
});

describe('the last cut', () => {
  it('is the nearest at which a batch fits, and never one behind the node', async () => {
    const model = residualNetwork();
    const sizes = await valueSizes(model, await open(model), kernels);
    const map = 4 * 3 * 8 * 36; // float32, images, channels, positions
    expect(sizes.get('c1')).toBe(map);
    expect(sizes.get('g')).toBe(4 * 3 * 8);
    expect(sizes.get('logits')).toBe(4 * 3 * 5);
    const cutFor = (output: string, bytes: number) => lastCut(model, model, output, sizes, bytes);
    expect(cutFor('logits', 10 * map)).toBe('logits');
    expect(cutFor('logits', 4 * 3 * 8)).toBe('logits');
    expect(cutFor('c3', 2 * map)).toBe('c3');
    expect(cutFor('c3', map)).toBe('c2'); // before c3 the two values r1 and r2 are held
    expect(cutFor('c1', 10 * map)).toBeUndefined();
    expect(cutFor('logits', 0)).toBeUndefined();
  });
});
