import type { Model } from '../../ir/graph.ts';
import { producersOf } from '../../ir/traverse.ts';
import type { Kernels } from '../../kernels/contract.ts';
import { valuesAcross } from '../../passes/extract-graph.ts';
import { createSession } from '../../runtime/session.ts';
import type { CalibrationBatches } from './batches.ts';

/** Bytes of every value of the first batch, by name. */
export async function valueSizes(
  model: Model,
  batches: CalibrationBatches,
  kernels: Kernels,
): Promise<ReadonlyMap<string, number>> {
  const keep = model.graph.nodes.flatMap(({ outputs }) => outputs.filter((name) => name !== ''));
  const session = createSession(model, { kernels, keep });
  const feed = await batches.feed(0);
  const sizes = new Map<string, number>();
  for (const [name, { data }] of session.run(new Map([[batches.input, feed]]), { fetch: 'all' }))
    sizes.set(name, Array.isArray(data) ? 0 : data.byteLength);
  session.dispose();
  return sizes;
}

/**
 * The last cut up to the node that makes `output` at which the values of a batch fit into `bytes`; undefined where that is the
 * beginning of the network.
 * @param float a network that is cut there, too; nodes that only `model` has make no cut
 */
export function lastCut(
  model: Model,
  float: Model,
  output: string,
  sizes: ReadonlyMap<string, number>,
  bytes: number,
): string | undefined {
  const { nodes } = model.graph;
  const common = producersOf(float.graph.nodes);
  for (let i = nodes.findIndex(({ outputs }) => outputs[0] === output); i > 0; i--) {
    const before = nodes[i]!.outputs.find((name) => name !== '')!;
    if (!common.has(before)) continue;
    const across = valuesAcross(model, before);
    // A value without a size (a sequence) cannot be held.
    const total = across.reduce((sum, name) => sum + (sizes.get(name) ?? Number.POSITIVE_INFINITY), 0);
    if (across.length > 0 && total <= bytes) return before;
  }
  return undefined;
}
