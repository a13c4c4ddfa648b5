import { BnnqError } from '../../errors.ts';
import type { PackedSize } from '../../formats/packed/pack.ts';
import type { Initializer, Model } from '../../ir/graph.ts';
import { paramCount } from '../../ir/levels.ts';
import { quantizedInitializer } from '../../ir/quantized-initializer.ts';
import { payloadBytes, type QuantizedTensor, tableCount } from '../../ir/quantized-tensor.ts';
import { withConstants } from '../../ir/with-constants.ts';
import { groupSizeOf, resolveOptions } from '../../quantizers/options.ts';
import { type PlannedWeight, planWeights } from '../../quantizers/plan/plan-weights.ts';
import { encodeWeight } from '../../quantizers/quantize-model.ts';
import { parseScheme } from '../../quantizers/registry.ts';
import { planeBytes } from '../../tensor/bits.ts';
import { type PackOptions, packedSize } from '../save.ts';
import { allocate, allocateUniformly } from './allocate.ts';
import type { Allocation, Candidate, SensitivityTable } from './table.ts';

/** An allocation and the exact bytes of the packed file that comes of it. */
export interface SizedAllocation extends Allocation {
  readonly packed: PackedSize;
}

/**
 * The least summed loss for a packed file of at most `bytes` bytes, all of it. What a file has besides codes and levels
 * depends a little on the choices, which it names: it is taken from the choice itself, and the budget tightened by what
 * is too much until the exact size fits. No worse, by summed loss, than any candidate taken for all layers whose file fits.
 * Where nothing fits: the smallest choice, with `met` false.
 * @param options that will be recorded in the file; they take bytes, too
 */
export function allocateToSize(
  model: Model,
  table: SensitivityTable,
  bytes: number,
  options: PackOptions = {},
): SizedAllocation {
  const sized = (allocation: Allocation): SizedAllocation => ({
    ...allocation,
    packed: packedSizeOf(model, table, allocation, options),
  });
  const found = withinBytes(table, bytes, sized);
  // A file of one setting says it once, so there may be room for a uniform choice where none is left for names.
  const better = table.candidates
    .map((_, candidate) => allocateUniformly(table, candidate))
    .filter(({ loss, payloadBytes }) => (!found.met || loss < found.loss) && payloadBytes <= bytes)
    .map(sized)
    .filter(({ packed }) => packed.total <= bytes);
  return better.reduce((a, b) => (!a.met || b.loss < a.loss ? b : a), found);
}

function withinBytes(
  table: SensitivityTable,
  bytes: number,
  sized: (allocation: Allocation) => SizedAllocation,
): SizedAllocation {
  const smallest = sized(allocate(table, { payloadBytes: 0 }));
  if (smallest.packed.total > bytes) return { ...smallest, met: false };
  let capacity = bytes - (smallest.packed.total - smallest.payloadBytes);
  for (;;) {
    const found = sized(allocate(table, { payloadBytes: Math.max(capacity, smallest.payloadBytes) }));
    const excess = found.packed.total - bytes;
    if (excess <= 0) return found;
    // Down to the smallest choice, which fits; so this ends.
    if (capacity <= smallest.payloadBytes) return { ...smallest, met: true };
    capacity = Math.min(capacity, found.payloadBytes) - excess;
  }
}

/** The exact size of the packed file of an allocation, without discretizing: it follows from shapes and settings. */
export function packedSizeOf(
  model: Model,
  table: SensitivityTable,
  allocation: Allocation,
  options: PackOptions = {},
): PackedSize {
  const planned = new Map(planWeights(model).chosen.map((weight) => [weight.name, weight]));
  const empty = new Map<string, Initializer>();
  for (const [i, { name, candidate, bytes }] of allocation.layers.entries()) {
    const weight = planned.get(name);
    if (weight === undefined)
      throw new BnnqError(
        'option',
        `the table has the weight "${name}", which the model does not discretize`,
        {
          tensor: name,
        },
      );
    const settings = table.candidates[candidate]!;
    const kept = table.layers[i]!.cells[candidate]?.kept === true;
    const quantized = kept ? keptCodes(model, weight, settings) : emptyCodes(weight, settings);
    const { codes, levels } = payloadBytes(quantized);
    if (codes + levels !== bytes)
      throw new BnnqError(
        'option',
        `weight "${name}": the table says ${bytes} bytes of codes and levels, its settings make ${codes + levels}`,
        { tensor: name },
      );
    empty.set(name, quantizedInitializer(name, quantized));
  }
  return packedSize(withConstants(model, empty), options);
}

/** A discretized weight of the right lengths, all zeros. */
function emptyCodes(weight: PlannedWeight, candidate: Candidate): QuantizedTensor {
  const { scheme, bits, granularity, ...options } = resolveOptions(candidate);
  const { shape, dtype, layout, rows, columns } = weight;
  const groupSize = groupSizeOf(granularity, rows, columns);
  const rule = parseScheme(scheme).rule({ bits, ...options });
  const tables = tableCount({ rows, columns, granularity, groupSize });
  return {
    ...{ scheme, bits, granularity, shape, dtype, layout, rows, columns, groupSize, rule },
    params: new Float32Array(tables * paramCount(rule, bits)),
    planes: new Uint8Array(bits * planeBytes(rows * columns)),
  };
}

/** The codes of a weight that keeps its values: what they are only the values tell. */
function keptCodes(model: Model, weight: PlannedWeight, candidate: Candidate): QuantizedTensor {
  const found = encodeWeight(model, weight, candidate);
  if (typeof found === 'string')
    throw new BnnqError('internal', `weight "${weight.name}": ${found}`, { tensor: weight.name });
  return found.quantized;
}
