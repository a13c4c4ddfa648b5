import type { Model, Node, Value } from '../../ir/graph.ts';
import { isQuantDomain } from '../../ir/quant-domains.ts';
import { producersOf } from '../../ir/traverse.ts';
import { activationBits } from '../../passes/activation-bits.ts';
import { textAttribute } from '../../passes/constant-values.ts';
import { VIEWS } from '../../passes/weight-chain.ts';
import { DATA_TYPES, type DataType } from '../../tensor/dtype.ts';
import { sizeOf } from '../../tensor/tensor.ts';
import type { ElementType } from './operations.ts';

/** How a value is held and multiplied. */
export interface ValueWidth extends ElementType {
  /** What its whole numbers are multiplied with to give the values: nothing, one number, or one a channel. */
  readonly scale: 'none' | 'one' | 'channel';
}

/** Operators that put elements of their inputs together, cut or repeat them, or choose among them. */
const MOVING: ReadonlySet<string> = new Set([
  ...VIEWS,
  'Pad',
  'Concat',
  'Split',
  'Slice',
  'Gather',
  'MaxPool',
  'Max',
  'Min',
  'Dropout',
  'Expand',
  'Tile',
  'DepthToSpace',
  'SpaceToDepth',
]);

const INTEGER = /^U?INT/;

/** The width of every value of the main graph; float32 where nothing is known. */
export function valueWidths(model: Model, values: ReadonlyMap<string, Value>): Map<string, ValueWidth> {
  const { graph } = model;
  const rounded = activationBits(model);
  const producers = producersOf(graph.nodes);
  const widths = new Map<string, ValueWidth>();
  for (const { name, dtype } of [...graph.inputs, ...graph.initializers.values()])
    widths.set(name, widthOfType(values.get(name)?.dtype ?? dtype));
  for (const node of graph.nodes)
    for (const output of node.outputs) {
      const bits = rounded(output)?.bits;
      const declared = widthOfType(values.get(output)?.dtype);
      // A file may declare any width.
      if (bits !== undefined && bits >= 1 && bits <= declared.bits)
        widths.set(output, { bits, integer: true, scale: scaleOf(model, producers, output, bits) });
      else widths.set(output, movedWidth(node, widths) ?? declared);
    }
  return widths;
}

export function widthOfType(dtype: DataType = 'FLOAT'): ValueWidth {
  if (dtype === 'BOOL') return { bits: 1, integer: true, scale: 'none' };
  return { bits: DATA_TYPES[dtype].bits || 32, integer: INTEGER.test(dtype), scale: 'none' };
}

/** The widest of what is moved. */
function movedWidth(node: Node, widths: ReadonlyMap<string, ValueWidth>): ValueWidth | undefined {
  const isNearest =
    /^(Resize|Upsample)$/.test(node.opType) && textAttribute(node, 'mode', 'nearest') === 'nearest';
  if (node.domain !== '' || !(MOVING.has(node.opType) || isNearest)) return undefined;
  const takesAll = node.opType === 'Concat' || node.opType === 'Max' || node.opType === 'Min';
  const moved = (takesAll ? node.inputs : node.inputs.slice(0, 1)).flatMap((name) => widths.get(name) ?? []);
  if (moved.length === 0) return undefined;
  return moved.reduce((a, b) => ({
    bits: Math.max(a.bits, b.bits),
    integer: a.integer && b.integer,
    scale: a.scale === b.scale ? a.scale : 'channel',
  }));
}

/** Signs are ±1 but for those of a BipolarQuant with a scale; whole numbers of several bits have a scale. */
function scaleOf(
  { graph }: Model,
  producers: ReadonlyMap<string, Node>,
  output: string,
  bits: number,
): ValueWidth['scale'] {
  let node = producers.get(output);
  while (node !== undefined && (node.opType === 'Add' || (node.domain === '' && MOVING.has(node.opType))))
    node = producers.get(node.inputs.find((name) => producers.has(name)) ?? '');
  if (node === undefined || !(isQuantDomain(node.domain) || node.opType === 'DequantizeLinear'))
    return bits === 1 || node?.opType === 'QuantizeLinear' ? 'none' : 'one';
  const scale = graph.initializers.get(node.inputs[1] ?? '');
  if (node.opType === 'MultiThreshold') return bits === 1 ? 'none' : 'one';
  return scale !== undefined && sizeOf(scale.shape) > 1 ? 'channel' : bits === 1 ? 'none' : 'one';
}
