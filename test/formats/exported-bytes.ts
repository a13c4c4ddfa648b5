import { spliceOnnx } from '../../src/formats/onnx/export/splice.ts';
import { NOTES_KEY } from '../../src/formats/onnx/export/unpack-notes.ts';
import { readOnnx } from '../../src/formats/onnx/read.ts';
import type { Model } from '../../src/ir/graph.ts';

/** An exported file with other notes, or without any. */
export function withNotes(bytes: Uint8Array, value?: string): Uint8Array {
  const nothing = { replaced: new Set<string>(), nodes: [], substitutes: new Map(), initializers: [] };
  const notes = value === undefined ? undefined : { key: NOTES_KEY, value };
  const rest = { functions: [], opsets: new Map(), irVersion: 0, notes };
  return spliceOnnx(bytes, { ...nothing, ...rest, metadata: new Set([NOTES_KEY]) });
}

/** An exported file as one of another making: without the notes by which its nodes are taken for the weights that they make. */
export function readAsForeign(bytes: Uint8Array): Model {
  return readOnnx(withNotes(bytes));
}
