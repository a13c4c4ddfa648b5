import { deflateRaw, Z_HUFFMAN_ONLY } from 'pako';
import { codesOf, type QuantizedTensor } from '../../ir/quantized-tensor.ts';
import { toCodeBytes } from './code-bytes.ts';

/**
 * Huffman codes alone: what repeats among codes does so by chance, and naming where costs more than saying it again (measured: up to
 * 7 % of the file, decision 20). The longest blocks, for each brings along its code.
 */
const HUFFMAN = { strategy: Z_HUFFMAN_ONLY, memLevel: 9 } as const;

/** Bytes that a compressed weight takes in the index: `,"deflated":` and its length. */
const ENTRY_BYTES = 18;

/**
 * The codes of a weight as a DEFLATE stream (RFC 1951), coded by a library in JavaScript, so that they are the same bytes on every version of
 * Node.
 * @returns undefined where that saves nothing
 */
export function deflateCodes(q: QuantizedTensor): Uint8Array | undefined {
  const { planes } = q;
  // The frame of a block alone takes so much; a weight of that size is not looked at.
  if (planes.length <= ENTRY_BYTES) return undefined;
  const stream = deflateRaw(toCodeBytes(codesOf({ ...q, planes }), q.bits), HUFFMAN);
  return stream.length + ENTRY_BYTES < planes.length ? stream : undefined;
}
