import { describe, expect, it } from 'vitest';
import { quantizedInitializer } from '../../src/ir/quantized-initializer.ts';
import { dequantize, planesOf, type QuantizedTensor } from '../../src/ir/quantized-tensor.ts';
import { type Evaluate, foldConstants } from '../../src/passes/fold-constants.ts';
import { liftWeightViews } from '../../src/passes/lift-weight-views.ts';
import { noteHalfTypes, OPERAND_TYPES } from '../../src/passes/note-half-types.ts';
import { runPasses } from '../../src/passes/pass.ts';
import { floats, type Tensor } from '../../src/tensor/tensor.ts';
import { buildModel, int64 } from '../runtime/build-model.ts';

const weight: QuantizedTensor = {
  scheme: 'linear',
  bits: 2,
  granularity: 'channel',
  shape: [2, 3, 4],
  dtype: 'FLOAT',
  layout: { split: [6, 4], perm: [1, 0], rowAxes: 1 },
  rows: 4,
  columns: 6,
  groupSize: 6,
  rule: 'linear',
  params: Float32Array.of(1, 2, 3, 4),
  planes: planesOf(
    Uint8Array.from({ length: 24 }, (_, i) => (i * 7) % 4),
    2,
  ),
};

describe('fold-constants', () => {
  const twice: Evaluate = (_, operands) => {
    const data = (operands[0]!.read().data as Float32Array).map((v) => 2 * v);
    return [floats(operands[0]!.shape, data)];
  };

  it('computes chains of constant nodes and drops what is no longer used', () => {
    const model = buildModel({
      inputs: { x: ['FLOAT', [2]] },
      outputs: ['y'],
      constants: { c: floats([2], [1, 2]) },
      nodes: [
        { op: 'Twice', inputs: ['c'], outputs: ['d'] },
        { op: 'Twice', inputs: ['d'], outputs: ['e'] },
        { op: 'Add', inputs: ['x', 'e'], outputs: ['y'] },
      ],
    });
    const { graph } = runPasses(model, [foldConstants(twice)]).model;
    expect(graph.nodes.map((node) => node.opType)).toEqual(['Add']);
    expect([...graph.initializers.keys()]).toEqual(['e']);
    expect(graph.initializers.get('e')!.read()).toEqual(floats([2], [4, 8]));
  });

  it('does not blow constants up, does not touch discretized weights, and keeps outputs', () => {
    const large: Evaluate = () => [floats([2 ** 19], new Float32Array(2 ** 19))];
    const model = buildModel({
      inputs: { x: ['FLOAT', [2]] },
      outputs: ['y', 'z'],
      constants: { c: floats([2], [1, 2]), q: quantizedInitializer('q', weight) },
      nodes: [
        { op: 'Grow', inputs: ['c'], outputs: ['g'] },
        { op: 'Twice', inputs: ['q'], outputs: ['t'] },
        { op: 'Add', inputs: ['g', 't'], outputs: ['y'] },
        { op: 'Twice', inputs: ['c'], outputs: ['z'] },
      ],
    });
    expect(runPasses(model, [foldConstants(large)]).model).toBe(model);
  });
});

describe('lift-weight-views', () => {
  const view = (op: string, extra: Tensor | undefined, attributes = {}): QuantizedTensor | undefined => {
    const model = buildModel({
      opset: 13,
      inputs: { x: ['FLOAT', [2]] },
      outputs: ['y'],
      constants: { w: quantizedInitializer('w', weight), ...(extra === undefined ? {} : { extra }) },
      nodes: [
        { op, inputs: extra === undefined ? ['w'] : ['w', 'extra'], outputs: ['v'], attributes },
        { op: 'Use', inputs: ['x', 'v'], outputs: ['y'] },
      ],
    });
    return runPasses(model, [liftWeightViews]).model.graph.initializers.get('v')?.quantized;
  };

  it('gives a reshaped weight the same codes under the new shape', () => {
    const values = dequantize(weight);
    for (const [viewed, shape] of [
      [view('Reshape', int64([6, -1])), [6, 4]],
      [view('Flatten', undefined, { axis: 2 }), [6, 4]],
      [view('Unsqueeze', int64([0])), [1, 2, 3, 4]],
      [view('Identity', undefined), [2, 3, 4]],
    ] as const) {
      expect(viewed!.shape).toEqual(shape);
      expect(viewed!.planes).toBe(weight.planes);
      expect(dequantize(viewed!)).toEqual(values);
    }
  });

  it('gives a transposed weight the same rows', () => {
    const matrix = { ...weight, shape: [6, 4] };
    const model = buildModel({
      inputs: { x: ['FLOAT', [2]] },
      outputs: ['y'],
      constants: { w: quantizedInitializer('w', matrix) },
      nodes: [
        { op: 'Transpose', inputs: ['w'], outputs: ['v'] },
        { op: 'Use', inputs: ['x', 'v'], outputs: ['y'] },
      ],
    });
    const lifted = runPasses(model, [liftWeightViews]).model.graph.initializers.get('v')!.quantized!;
    expect(lifted.layout).toEqual({ split: [4, 6], perm: [0, 1], rowAxes: 1 });
    const [before, after] = [dequantize(matrix), dequantize(lifted)];
    for (let r = 0; r < 6; r++) for (let c = 0; c < 4; c++) expect(after[c * 6 + r]).toBe(before[r * 4 + c]);
  });

  it('follows a transpose whose axes are parts of those of the codes', () => {
    const turned = view('Transpose', undefined)!;
    expect(turned.shape).toEqual([4, 3, 2]);
    const [before, after] = [dequantize(weight), dequantize(turned)];
    for (let i = 0; i < 24; i++) {
      const [a, b, c] = [Math.floor(i / 12), Math.floor(i / 4) % 3, i % 4];
      expect(after[(c * 3 + b) * 2 + a]).toBe(before[i]);
    }
  });
});

describe('note-half-types', () => {
  it('makes a CastLike a Cast to the type of its second operand', () => {
    const model = buildModel({
      inputs: { x: ['FLOAT', [2]], like: ['FLOAT16', [1]] },
      outputs: ['y'],
      nodes: [{ op: 'CastLike', inputs: ['x', 'like'], outputs: ['y'] }],
    });
    const [node] = runPasses(model, [noteHalfTypes]).model.graph.nodes;
    expect(node!.opType).toBe('Cast');
    expect(node!.inputs).toEqual(['x']);
    expect(node!.attributes.get('to')).toEqual({ type: 'INT', value: 10 });
  });

  it('notes what types the operands have where half precision is among them and matters', () => {
    const model = buildModel({
      inputs: { x: ['FLOAT', [2]], scale: ['BFLOAT16', []] },
      outputs: ['y'],
      nodes: [
        { op: 'Identity', inputs: ['scale'], outputs: ['same'] },
        { op: 'QuantizeLinear', inputs: ['x', 'same'], outputs: ['y'] },
      ],
    });
    const node = runPasses(model, [noteHalfTypes]).model.graph.nodes[1]!;
    expect(node.attributes.get(OPERAND_TYPES)).toEqual({ type: 'INTS', value: [1, 16] });
  });

  it('leaves a model alone that has nothing of the kind', () => {
    const model = buildModel({
      inputs: { x: ['FLOAT', [2]], scale: ['FLOAT', []] },
      outputs: ['y'],
      nodes: [{ op: 'QuantizeLinear', inputs: ['x', 'scale'], outputs: ['y'] }],
    });
    expect(runPasses(model, [noteHalfTypes]).changed).toEqual([]);
  });
});
