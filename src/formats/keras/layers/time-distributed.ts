import type { Dim } from '../../../ir/graph.ts';
import { reshapeDims } from '../graph-builder.ts';
import type { LayerCall, LayerConverter, LayerTable } from '../layer-call.ts';
import { layerJsonOf } from '../model/layer-json.ts';
import { BATCH, type KerasTensor } from '../tensor.ts';
import { cellKind } from './recurrent-cell.ts';

/** TimeDistributed: a layer, or a model, on every step. Batch and time become one axis for it: [N, T, …] as [N·T, …]. */
const timeDistributed: LayerConverter = (call) => {
  const x = call.inputOfKnownRank();
  if (x.shape.length < 3) throw call.malformed(`its input has ${x.shape.length} axes, needs 3 or more`);
  const layer = layerJsonOf(call.config.object('layer'), `the layer of ${call.where}`);
  if (
    x.mask !== undefined &&
    (cellKind(layer.className) !== undefined || layer.className === 'Bidirectional')
  )
    throw call.unsupported('a mask would go to the recurrent layer in it');
  const folded = fold(call, x);
  const made = call.context.convert(call.inner('layer', layer, [folded]));
  return made.map((y) => unfold(call, y, x));
};

/** The axes of the steps stay in the order in which they lie, if batch and time come first. */
function stepOrder(x: KerasTensor): readonly number[] | undefined {
  const order = x.order ?? x.shape!.map((_, axis) => axis);
  return order[0] === 0 && order[1] === 1 ? order : undefined;
}

function fold(call: LayerCall, given: KerasTensor & { readonly shape: readonly Dim[] }): KerasTensor {
  const x = stepOrder(given) === undefined ? call.kerasOrder(given) : given;
  const inner = x.physicalShape!.slice(2);
  const value = call.node('Reshape', [x.value, foldedShape(call, x, inner)], {}, 'fold');
  const order = x.order && [0, ...x.order.slice(2).map((axis) => axis - 1)];
  return x.with({ value, shape: [BATCH, ...given.shape.slice(2)], order, mask: undefined });
}

/** [N·T, …] as a constant, or as a computation where two sizes or more are unknown. */
function foldedShape(call: LayerCall, x: KerasTensor, inner: readonly Dim[]): string {
  if (inner.every((dim) => typeof dim === 'number'))
    return call.integers('folded', [-1, ...(inner as number[])]);
  const rest = call.node(
    'Slice',
    [shapeOf(call, x), call.integers('two', [2]), call.integers('end', [64])],
    {},
    'rest',
  );
  return call.node('Concat', [call.integers('minus_one', [-1]), rest], { axis: 0 }, 'folded');
}

function unfold(
  call: LayerCall,
  y: KerasTensor,
  x: KerasTensor & { readonly shape: readonly Dim[] },
): KerasTensor {
  if (y.shape === undefined) throw call.unsupported('the shape of what its layer makes is not known');
  const plain = (y.order?.[0] ?? 0) === 0 ? y : call.kerasOrder(y);
  const inner = plain.physicalShape!.slice(1);
  const steps = x.shape[1]!;
  const dims = reshapeDims([null, steps, ...inner].map((dim, i) => (i === 0 ? BATCH : dim!)));
  const shape =
    dims !== undefined && typeof steps === 'number'
      ? call.integers('unfolded', [-1, ...dims.slice(1)])
      : unfoldedShape(call, plain, x);
  const value = call.node('Reshape', [plain.value, shape], {}, 'unfold');
  const order = plain.order && [0, 1, ...plain.order.slice(1).map((axis) => axis + 1)];
  return plain.with({ value, shape: [x.shape[0]!, steps, ...y.shape.slice(1)], order, mask: x.mask });
}

/** Batch and time of the input, then what the layer made of the rest. */
function unfoldedShape(call: LayerCall, y: KerasTensor, x: KerasTensor): string {
  const [zero, one, two, end] = [0, 1, 2, 64].map((at) => call.integers(`at_${at}`, [at]));
  const source = stepOrder(x) === undefined ? call.kerasOrder(x) : x;
  const lead = call.node('Slice', [shapeOf(call, source), zero, two], {}, 'lead');
  const made = call.node('Shape', [y.value], {}, 'made');
  return call.node(
    'Concat',
    [lead, call.node('Slice', [made, one, end], {}, 'steps')],
    { axis: 0 },
    'unfolded',
  );
}

function shapeOf(call: LayerCall, x: KerasTensor): string {
  return call.node('Shape', [x.value], {}, 'shape');
}

export const TIME_DISTRIBUTED_LAYERS: LayerTable = { TimeDistributed: timeDistributed };
