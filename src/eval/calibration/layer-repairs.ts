import type { Initializer, Model, Node } from '../../ir/graph.ts';
import { quantizedInitializer } from '../../ir/quantized-initializer.ts';
import { dequantize, type QuantizedTensor } from '../../ir/quantized-tensor.ts';
import { withConstants } from '../../ir/with-constants.ts';
import type { LinearAlgebra } from '../../kernels/linear-algebra/contract.ts';
import { biasBehind } from '../../passes/channel-constants.ts';
import { GraphEditor } from '../../passes/graph-editor.ts';
import { type Absorber, absorb, findAbsorber, type LayerAffine } from '../../passes/layer-affine.ts';
import type { LayerMoments } from '../../quantizers/calibrate/moments.ts';
import { layerRepair, type Repair, repairsAt } from '../../quantizers/calibrate/repair.ts';
import { scaleRows } from '../../quantizers/calibrate/scale-levels.ts';
import type { PlannedWeight } from '../../quantizers/plan/plan-weights.ts';
import { inRowOrder } from '../../quantizers/weight-values.ts';

/** What is done about a layer's outputs: its levels scaled, or an affine behind it. */
export interface LayerRepairs {
  /** With levels of another scale; absent where these stay. */
  readonly quantized?: QuantizedTensor | undefined;
  readonly affine?: LayerAffine | undefined;
  readonly repairs: readonly Repair[];
}

/** Whether means are made up for behind layers. */
export function shiftsMeans(repairs: readonly Repair[]): boolean {
  return repairs.some((repair) => repair !== 'equalize');
}

/** Where a shift behind a layer goes, and the bias that its outputs have; undefined where it gets none or that is not known. */
export function repairPlace(
  model: Model,
  node: Node,
  repairs: readonly Repair[],
): { readonly absorber: Absorber; readonly bias: Float64Array } | undefined {
  if (!shiftsMeans(repairs)) return undefined;
  const absorber = findAbsorber(model, node);
  const bias = absorber && biasOf(model, node, absorber.channels);
  return bias && { absorber, bias };
}

/**
 * What makes the outputs of a discretized layer what they should be, as far as levels and a constant behind it can.
 * @param asked repairs of the network
 * @param bits of its levels, where these may be scaled
 */
export function repairsOf(
  model: Model,
  node: Node,
  asked: readonly Repair[],
  moments: LayerMoments,
  quantized: QuantizedTensor,
  bits: number | undefined,
  algebra: LinearAlgebra,
): LayerRepairs {
  const place = repairPlace(model, node, asked);
  if (place === undefined) return { repairs: [] };
  const { absorber, bias } = place;
  const own = repairsAt(asked, bits ?? quantized.bits);
  const scaled = own.filter((repair) => repair === 'batch-norm' || repair === 'scale');
  const valuesOf = (weight: QuantizedTensor): Float64Array =>
    Float64Array.from(inRowOrder(dequantize(weight), weight.layout));
  const wanted = layerRepair(valuesOf(quantized), moments, own, bias, scaled.length > 0, algebra);
  if (scaled.length === 0) return { affine: { shift: wanted.shift }, repairs: ['bias'] };
  if (absorber.takesScale) return { affine: wanted, repairs: scaled };
  const scaledRows = bits === undefined ? undefined : scaleRows(quantized, wanted.scale);
  const { shift } = layerRepair(valuesOf(scaledRows ?? quantized), moments, [], bias, false, algebra);
  return {
    quantized: scaledRows,
    affine: { shift },
    repairs: scaledRows === undefined ? ['bias'] : scaled,
  };
}

/** The network with a weight discretized, and with what is done behind its layer. */
export function withLayer(
  model: Model,
  { name, chain }: PlannedWeight,
  quantized: QuantizedTensor,
  affine: LayerAffine | undefined,
): Model {
  const constants = new Map<string, Initializer>([[name, quantizedInitializer(name, quantized)]]);
  const changed = withConstants(model, constants);
  if (affine === undefined) return changed;
  const operand = chain.views.at(-1)?.node.outputs[0] ?? chain.value;
  const node = changed.graph.nodes.find(({ inputs }) => inputs.includes(operand))!;
  return absorb(changed, findAbsorber(changed, node)!, affine);
}

/**
 * What a layer adds to its products, by row; undefined where that is not known. The bias of a MatMul is that of the Add behind
 * it, which its outputs do not have yet.
 */
export function biasOf(model: Model, node: Node, rows: number): Float64Array | undefined {
  const bias = node.opType === 'MatMul' ? 'none' : biasBehind(model, new GraphEditor(model), node, rows);
  return bias === 'none' ? new Float64Array(rows) : bias?.values;
}
