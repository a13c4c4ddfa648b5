import { readFileSync } from 'node:fs';
import { memorySource } from '../../../src/formats/byte-source.ts';
import { readNpy } from '../../../src/formats/npy/npy.ts';
import { unzipMember, zipMembers } from '../../../src/formats/zip.ts';
import type { Model } from '../../../src/ir/graph.ts';
import { createSession } from '../../../src/runtime/session.ts';
import type { Tensor } from '../../../src/tensor/tensor.ts';

/** The arrays `input_0`, `input_1`, …, `output_0`, … of a fixture. */
export function readGolden(path: string): { inputs: Tensor[]; outputs: Tensor[] } {
  const archive = memorySource(readFileSync(path));
  const arrays = new Map(
    zipMembers(archive, path).map((member) => [
      member.name.replace(/\.npy$/, ''),
      readNpy(unzipMember(archive, member, 2 ** 26, path), member.name),
    ]),
  );
  const list = (kind: string): Tensor[] => {
    const found: Tensor[] = [];
    for (let next = arrays.get(`${kind}_0`); next !== undefined; next = arrays.get(`${kind}_${found.length}`))
      found.push(next);
    return found;
  };
  return { inputs: list('input'), outputs: list('output') };
}

/** Runs a model on inputs in the order of its graph; the outputs are in that order, too. */
export function runInOrder(
  model: Model,
  inputs: readonly Tensor[],
  kernels: 'auto' | 'reference' = 'reference',
): Tensor[] {
  const session = createSession(model, { kernels });
  try {
    const feeds = Object.fromEntries(session.inputs.map(({ name }, i) => [name, inputs[i]!]));
    const made = session.run(feeds);
    return session.outputs.map(({ name }) => made.get(name)!);
  } finally {
    session.dispose();
  }
}

/** max |made − expected| / max |expected|. */
export function relativeError(made: Tensor, expected: Tensor): number {
  const [a, b] = [made.data, expected.data] as [Float32Array, Float32Array];
  let difference = 0;
  let size = 0;
  for (let i = 0; i < b.length; i++) {
    const d = Math.abs(Number(a[i]) - Number(b[i]));
    difference = d > difference || Number.isNaN(d) ? d : difference;
    size = Math.max(size, Math.abs(Number(b[i])));
  }
  return difference / size;
}
