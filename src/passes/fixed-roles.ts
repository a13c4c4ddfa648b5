import type { Node } from '../ir/graph.ts';
import { type Grid, roundingOf } from './code-grids.ts';
import { FIXED_REWRITERS, IMAGE_RANK, type Rewriter } from './fixed-rewriters.ts';
import { isCodes } from './fuse-integer.ts';
import { ADDEND, FUSED_DOMAIN, X_SCALE } from './fused.ts';
import type { GraphEditor } from './graph-editor.ts';
import { isFlatten } from './map-readers.ts';

/**
 * What a node does with fixed-point values: a `layer` makes them of codes, an `inner` node makes them of others, `codes` end them,
 * `flatten` stands before codes, and `quant` rounds a value, which may be fixed-point as well, to codes and makes them of these.
 */
export type FixedRole = FixedValues &
  (
    | { readonly kind: 'layer' }
    | { readonly kind: 'codes' }
    | { readonly kind: 'flatten' }
    | { readonly kind: 'inner'; readonly rewritten: Rewriter['rewritten'] }
    | {
        readonly kind: 'quant';
        /** What is rounded, and to which grid. */
        readonly ends: string;
        readonly grid: Grid;
        readonly coder: Node | undefined;
      }
  );

interface FixedValues {
  /** Values that are of one unit: what the node makes of them, and what it reads. */
  readonly values: readonly string[];
  /** The one that it makes. */
  readonly made?: string;
}

/** The role of a node; undefined where it can have none. All values of a trunk are images, for layers begin one, or what is known to be images. */
export function fixedRole(editor: GraphEditor, node: Node): FixedRole | undefined {
  const [output = ''] = node.outputs;
  if (node.domain === FUSED_DOMAIN) {
    if (node.opType === 'Codes') return { kind: 'codes', values: [beforeFlatten(editor, node.inputs[0]!)] };
    if (node.opType !== 'IntegerConv' || node.attributes.has('y_scale')) return undefined;
    if (node.inputs[X_SCALE] !== undefined) return undefined;
    const addend = node.inputs[ADDEND] ?? '';
    return { kind: 'layer', values: addend === '' ? [output] : [output, addend], made: output };
  }
  const rounding = roundingOf(editor, node);
  if (rounding !== undefined && rounding.grid !== 'dynamic') {
    const { input: ends, grid, coder } = rounding;
    return isImage(editor, output)
      ? { kind: 'quant', values: [output], made: output, ends, grid, coder }
      : undefined;
  }
  if (node.domain !== '') return undefined;
  if (isFlatten(node))
    return endsInCodes(editor, output) ? { kind: 'flatten', values: [node.inputs[0]!] } : undefined;
  const rewritten = FIXED_REWRITERS[node.opType]?.(editor, node);
  if (rewritten === undefined) return undefined;
  const inputs = rewritten.reads ?? [node.inputs[0]!];
  if (inputs.some((name) => editor.constant(name) !== undefined)) return undefined;
  return { kind: 'inner', values: [output, ...inputs], made: output, rewritten: rewritten.rewritten };
}

export function gridOfCodes({ attributes }: Node): Grid {
  return Object.fromEntries(attributes) as Grid;
}

/** Whether a value is known to be of the shape [N, C, H, W]: a convolution makes or reads it, rounded, added or bounded maybe. */
function isImage(editor: GraphEditor, value: string): boolean {
  const maker = editor.producer(value);
  if (maker === undefined) return false;
  if (isConv(editor, maker)) return true;
  const rounding = roundingOf(editor, maker);
  const source = rounding?.input ?? maker.inputs[0]!;
  const isRead = editor
    .consumers(source)
    .some((reader) => isCodes(reader) && readByConv(editor, reader.outputs[0]!));
  if (rounding !== undefined && isRead) return true;
  const isPassed =
    rounding !== undefined ||
    (maker.domain === '' && ['Add', 'Relu', 'Clip', 'MaxPool'].includes(maker.opType));
  return isPassed && isImage(editor, source);
}

function readByConv(editor: GraphEditor, codes: string): boolean {
  return editor.consumers(codes).some((reader) => isConv(editor, reader));
}

function isConv(editor: GraphEditor, { domain, opType, inputs }: Node): boolean {
  if (domain === FUSED_DOMAIN && opType === 'IntegerConv') return true;
  return opType === 'Conv' && editor.constant(inputs[1])?.shape.length === IMAGE_RANK;
}

/** Flattened codes are the codes themselves, as in `fuseInteger`. */
function beforeFlatten(editor: GraphEditor, name: string): string {
  const producer = editor.producer(name);
  return producer !== undefined && isFlatten(producer) && endsInCodes(editor, name)
    ? producer.inputs[0]!
    : name;
}

function endsInCodes(editor: GraphEditor, name: string): boolean {
  const readers = editor.consumers(name);
  return !editor.isOutput(name) && readers.length > 0 && readers.every(isCodes);
}
