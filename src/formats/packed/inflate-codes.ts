import { BnnqError } from '../../errors.ts';
import { planesOf } from '../../ir/quantized-tensor.ts';
import { inflate } from '../inflate.ts';
import { codeBytesLength, fromCodeBytes } from './code-bytes.ts';
import type { WeightDescription } from './weight-index.ts';

/** Huffman codes take a bit at least; streams of these alone are in the format, so that no small file is a large network. */
const MOST_BYTES_A_BYTE = 8;

/**
 * The bit-planes of a weight whose codes are a DEFLATE stream; nothing is allocated before it is known that they can be in there.
 * @param where begins messages
 * @throws malformed
 */
export function inflateCodes(stream: Uint8Array, weight: WeightDescription, where: string): Uint8Array {
  const { name, bits, rows, columns } = weight;
  const refuse = (text: string): never => {
    throw new BnnqError('malformed', `${where} has the codes of "${name}" ${text}`, { tensor: name });
  };
  const count = rows * columns;
  const expected = codeBytesLength(count, bits);
  if (expected > MOST_BYTES_A_BYTE * stream.length)
    return refuse(
      `in ${stream.length} compressed bytes, ${count} codes of ${bits} bits need ${Math.ceil(expected / MOST_BYTES_A_BYTE)} at least`,
    );
  const bytes = inflate('raw', stream, expected, `${where}: weight "${name}": its codes`);
  if (bytes?.length !== expected)
    return refuse(
      `compressed from ${bytes?.length ?? `more than ${expected}`} bytes, ${count} codes of ${bits} bits are ${expected}`,
    );
  const codes = fromCodeBytes(bytes, bits, count);
  return codes === undefined ? refuse(`with values of more than ${bits} bits`) : planesOf(codes, bits);
}
