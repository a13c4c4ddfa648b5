import type { Node } from '../../../ir/graph.ts';
import { type LevelRule, levelTable, paramCount } from '../../../ir/levels.ts';
import { isQuantDomain } from '../../../ir/quant-domains.ts';
import { rowOrder } from '../../../ir/quantized-tensor.ts';
import { SMALLEST_SCALE } from '../export/domains.ts';
import { pairs, placeOf, planesFrom } from './integer-weight.ts';
import type { ExportedGraph, MadeWeight } from './made-weight.ts';
import { stepWalker } from './step-walker.ts';

/** How the levels of a weight follow from what a node of QONNX rounds it by. */
interface Rounding {
  readonly rule: LevelRule;
  readonly bits: number;
  readonly params: Float32Array;
}

/** The weight that a node of QONNX begins, as `exportQonnx` writes it; undefined for another node. */
export function quantWeightAt(node: Node, graph: ExportedGraph): MadeWeight | undefined {
  const [values, scale] = node.inputs.map(graph.constant);
  if (!isQuantDomain(node.domain) || node.name !== '' || values?.dtype !== 'FLOAT') return undefined;
  if (scale?.dtype !== 'FLOAT') return undefined;
  const walker = stepWalker(node, graph);
  const axis = scale.shape.findIndex((dim) => dim > 1);
  const place = placeOf(walker, values.shape, Math.max(0, axis), graph);
  if (place === undefined || !values.name.startsWith(`${walker.value}.values`)) return undefined;
  const rounding = roundingOf(node, scale.read().data as Float32Array, graph, walker.value);
  if (rounding === undefined) return undefined;
  const { dtype, ...where } = place;
  const { rule, bits, params } = rounding;
  return {
    ...{ name: walker.value, nodes: walker.nodes, rule, bits, dtype, params },
    ...where,
    planesIn: (layout, rows, columns) => {
      const given = values.read().data as Float32Array;
      const order = place.isInOwnOrder === true ? rowOrder(layout) : undefined;
      const inRows = order === undefined ? given : Float32Array.from(order, (at) => given[at]!);
      return planesFrom(
        codesIn(inRows, rounding),
        bits,
        { ...place, isInOwnOrder: false },
        layout,
        rows,
        columns,
      );
    },
  };
}

function roundingOf(
  node: Node,
  scales: Float32Array,
  graph: ExportedGraph,
  name: string,
): Rounding | undefined {
  const { scheme } = graph.noteOf(name);
  if (node.opType === 'BipolarQuant') {
    // ±a: half of Δ for the scheme with equal steps.
    const doubled = scales.map((a) => 2 * a);
    const isLinear = scheme === 'linear' && doubled.every(Number.isFinite);
    return isLinear
      ? { rule: 'linear', bits: 1, params: doubled }
      : { rule: 'bases', bits: 1, params: scales };
  }
  if (node.opType !== 'Quant' && node.opType !== 'IntQuant') return undefined;
  const flag = (key: string): boolean => node.attributes.get(key)?.value === 1;
  const zeros = graph.constant(node.inputs[2])?.read().data as Float32Array | undefined;
  const bits = Number(graph.constant(node.inputs[3])?.read().data[0]);
  if (zeros === undefined || !Number.isInteger(bits) || bits < 1 || bits > 8) return undefined;
  if (zeros.length !== 1 && zeros.length !== scales.length) return undefined;
  // Nothing can be divided by 0: tables of nothing but zeros have the smallest scale.
  const steps = scales.map((scale) => (scale === SMALLEST_SCALE ? 0 : scale));
  if (!flag('signed'))
    return { rule: 'affine', bits, params: pairs(steps, (i) => zeros[zeros.length === 1 ? 0 : i]!) };
  if (!flag('narrow')) return { rule: 'linear', bits, params: steps };
  return { rule: scheme === 'ternary' && bits === 2 ? 'ternary' : 'linear-zero', bits, params: steps };
}

/** The codes of values in row order, as many for each table; undefined where a value is no level. */
function codesIn(values: Float32Array, { rule, bits, params }: Rounding): Uint8Array | undefined {
  const width = paramCount(rule, bits);
  const tables = params.length / width;
  const each = values.length / tables;
  if (!Number.isInteger(each)) return undefined;
  const codes = new Uint8Array(values.length);
  for (let t = 0; t < tables; t++) {
    const levels = levelTable(rule, bits, params.subarray(t * width, (t + 1) * width));
    // The lowest code of each level; a key of a Map does not tell −0 from 0.
    const codeOf = new Map([...levels].map((level, code) => [level, code] as const).reverse());
    for (let i = t * each; i < (t + 1) * each; i++) {
      const code = codeOf.get(values[i]!);
      if (code === undefined) return undefined;
      codes[i] = code;
    }
  }
  return codes;
}
