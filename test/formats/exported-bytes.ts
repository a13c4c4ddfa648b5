import { spliceOnnx } from '../../src/formats/onnx/export/splice.ts';
import { NOTES_KEY } from '../../src/formats/onnx/export/unpack-notes.ts';
import { readOnnx } from '../../src/formats/onnx/read.ts';
import type { Model } from '../../src/ir/graph.ts';

/** An exported file as one of another making: without the notes by which its nodes are taken for the weights that they make. */
export function readAsForeign(bytes: Uint8Array): Model {
  const nothing = { replaced: new Set<string>(), nodes: [], substitutes: new Map(), initializers: [] };
  const rest = { functions: [], opsets: new Map(), irVersion: 0, notes: undefined };
  return readOnnx(spliceOnnx(bytes, { ...nothing, ...rest, metadata: new Set([NOTES_KEY]) }));
}
