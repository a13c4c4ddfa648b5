import type { Initializer, Model, Node } from '../ir/graph.ts';
import { isQuantDomain } from '../ir/quant-domains.ts';
import { quantizedInitializer } from '../ir/quantized-initializer.ts';
import { copyInRowOrder, planesOf, type RowLayout } from '../ir/quantized-tensor.ts';
import { asFused } from './fused.ts';
import { GraphEditor } from './graph-editor.ts';
import { isFlatten, isMapPool } from './map-readers.ts';
import type { Pass } from './pass.ts';

/**
 * Weights that are floats, but only a few whole multiples of a unit in each row, become codes where a `Quant` rounds what their
 * layer reads: files of QONNX round weights by nodes of their own, of which folding leaves floats. `fuseInteger` can then take the
 * layer. The values stay the same, but −0 is 0.
 */
export const codeWeights: Pass = {
  name: 'code-weights',
  agreement: 'rounding',
  run(model: Model): Model {
    const editor = new GraphEditor(model);
    for (const node of editor.nodes()) {
      const layer = asFused(editor, node);
      const isConv = layer?.opType === 'Conv';
      // Of a MatMul it is not known here whether it has a matrix for input.
      if (layer === undefined || !(isConv || layer.attributes.has('transB'))) continue;
      const [input = '', name = ''] = layer.inputs;
      const weight = editor.constant(name);
      if (weight === undefined || node.inputs[1] !== name || !isRounded(editor, input)) continue;
      const transB = layer.attributes.get('transB');
      const isRows = isConv || (transB?.type === 'INT' && transB.value !== 0);
      const coded = editor.constant(codedName(name, isRows)) ?? codedWeight(weight, isRows);
      if (coded === undefined) continue;
      editor.setConstant(coded);
      editor.replace(node, { ...node, inputs: node.inputs.with(1, coded.name) });
    }
    return editor.result();
  },
};

/** Whether a value is rounded, and pooled or flattened after that at most. */
function isRounded(editor: GraphEditor, name: string): boolean {
  let producer: Node | undefined = editor.producer(name);
  while (producer !== undefined && (isMapPool(producer) || isFlatten(producer)))
    producer = editor.producer(producer.inputs[0]!);
  if (producer === undefined || !isQuantDomain(producer.domain)) return false;
  return producer.opType === 'Quant' || producer.opType === 'IntQuant';
}

function codedName(weight: string, isRows: boolean): string {
  return `${weight}/codes in ${isRows ? 'rows' : 'columns'}`;
}

const MOST_VALUES = 256;
/** Units to the largest value of a row: those of 8 bits. */
const MOST_UNITS = 255;

/** @param isRows whether the rows, one an output channel, are the first axis, or the second of a matrix */
function codedWeight(weight: Initializer, isRows: boolean): Initializer | undefined {
  const { shape, dtype } = weight;
  if (weight.quantized !== undefined || dtype !== 'FLOAT' || shape.length < 2) return undefined;
  const perm = isRows ? shape.map((_, axis) => axis) : [1, 0];
  const layout: RowLayout = { split: shape, perm, rowAxes: 1 };
  const floats = weight.read().data as Float32Array;
  const rows = shape[isRows ? 0 : 1]!;
  const columns = floats.length / rows;
  if (floats.length === 0) return undefined;
  const values = new Float32Array(floats.length);
  copyInRowOrder(floats, layout, 0, values);
  const tables = tablesOf(values, columns);
  if (tables === undefined) return undefined;
  const most = Math.max(...tables.map((table) => table.length));
  const all = sortedValues(tables.flat());
  const bits = bitsFor(most);
  // One table for all rows where that takes no more bits.
  const isShared = bitsFor(all.length) <= bits;
  const used = isShared ? [all] : tables;
  const codes = new Uint8Array(values.length);
  const places = used.map((table) => new Map(table.map((value, code) => [value, code])));
  for (let i = 0; i < codes.length; i++)
    codes[i] = places[isShared ? 0 : Math.floor(i / columns)]!.get(values[i]! + 0)!;
  const params = used.flatMap((table) =>
    Array.from({ length: 2 ** bits }, (_, code) => table[Math.min(code, table.length - 1)]!),
  );
  return quantizedInitializer(codedName(weight.name, isRows), {
    ...{ scheme: 'codebook', bits, shape, dtype, layout, rows, columns },
    ...{ granularity: isShared ? 'tensor' : 'channel', groupSize: isShared ? rows * columns : columns },
    rule: 'table',
    params: Float32Array.from(params),
    planes: planesOf(codes, bits),
  });
}

/** The values of each row in ascending order; undefined where one has too many, or such as are no multiples of a unit. */
function tablesOf(values: Float32Array, columns: number): number[][] | undefined {
  const tables: number[][] = [];
  for (let start = 0; start < values.length; start += columns) {
    const found = new Set<number>();
    for (let i = start; i < start + columns && found.size <= MOST_VALUES; i++) found.add(values[i]!);
    if (found.size > MOST_VALUES || !areMultiples(found)) return undefined;
    tables.push(sortedValues([...found]));
  }
  return tables;
}

/** Whether all are whole multiples of one number, to within what rounding to float32 leaves; see `integerLevels`. */
function areMultiples(values: ReadonlySet<number>): boolean {
  const all = [...values];
  const largest = Math.max(...all.map(Math.abs));
  if (!Number.isFinite(largest)) return false;
  for (let units = 1; units <= MOST_UNITS; units++) {
    const isWhole = (value: number): boolean => {
      const ratio = (value / largest) * units;
      return Math.abs(ratio - Math.round(ratio)) <= units * 2 ** -22;
    };
    if (largest === 0 || all.every(isWhole)) return true;
  }
  return false;
}

/** In ascending order, −0 as 0. */
function sortedValues(values: readonly number[]): number[] {
  return [...new Set(values.map((value) => value + 0))].sort((a, b) => a - b);
}

function bitsFor(count: number): number {
  return Math.max(1, Math.ceil(Math.log2(count)));
}
