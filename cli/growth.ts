import type { Model } from '../src/index.ts';
import { grouped, printable } from './terminal/format.ts';

/** A file up to a block of the disk takes a block, whatever is in it. */
const BLOCK_BYTES = 4096;

/**
 * Says on stderr that a file comes out larger than what its model was made from, before it is written: few bits take little only
 * where there are many weights to a level table and to a node.
 */
export function noteGrowth(file: string, bytes: number, { source, graph }: Model, quiet = false): void {
  // A model whose weights lie in other files has the bytes of its description alone.
  const constants = [...graph.initializers.values()].reduce(
    (sum, { byteLength, quantized }) =>
      sum + (quantized === undefined ? byteLength : 4 * quantized.rows * quantized.columns),
    0,
  );
  const before = Math.max(source.byteLength ?? 0, constants);
  if (quiet || bytes <= BLOCK_BYTES || source.byteLength === undefined || bytes <= before) return;
  process.stderr.write(
    `${printable(file)} is larger than what it is made from: ${grouped(bytes)} bytes, before ${grouped(before)}\n`,
  );
}
