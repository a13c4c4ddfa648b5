import type { Attribute, Initializer, Node } from '../ir/graph.ts';
import type { Tensor } from '../tensor/tensor.ts';
import {
  integerValues,
  numberAttribute,
  numbersAttribute,
  textAttribute,
  withAttributes,
} from './constant-values.ts';
import { boundsOf } from './fuse-clamp.ts';
import { FUSED_DOMAIN } from './fused.ts';
import type { GraphEditor } from './graph-editor.ts';
import { crops, isMapPool } from './map-readers.ts';

/** Axes of [N, C, H, W] in [N, H, W, C]. */
const AXES = [0, 3, 1, 2];
export const IMAGE_RANK: number = AXES.length;

/** An operator on values [N, C, H, W], and as one on fixed-point values [N, H, W, C]. */
export interface Rewriter {
  /** Values that are read; the first input alone where absent. */
  readonly reads?: readonly string[];
  readonly rewritten: (editor: GraphEditor, unit: number) => Node;
}

type RewriterOf = (editor: GraphEditor, node: Node) => Rewriter | undefined;

const fused = (node: Node, opType: string, attributes: Readonly<Record<string, Attribute>> = {}): Node => ({
  ...{ ...node, domain: FUSED_DOMAIN, opType },
  attributes: withAttributes(node.attributes, attributes),
});

const whole = (value: number): Attribute => ({ type: 'INT', value });

const add: RewriterOf = (_, node) => ({
  reads: node.inputs,
  rewritten: () => ({ ...fused(node, 'FixedAdd'), attributes: new Map() }),
});

const clamp: RewriterOf = (editor, node) => {
  const bounds = boundsOf(editor, node);
  if (bounds === undefined || bounds.some(Number.isNaN)) return undefined;
  const [low, high] = bounds;
  return {
    rewritten: (_, unit) => ({
      ...fused(node, 'FixedAdd'),
      inputs: [node.inputs[0]!],
      attributes: new Map<string, Attribute>(
        Object.entries({ low, high, unit }).map(([name, value]) => [name, { type: 'FLOAT', value }]),
      ),
    }),
  };
};

const pool =
  (isAverage: 0 | 1, isGlobal: 0 | 1): RewriterOf =>
  (_, node) => {
    const isPlain = isGlobal === 1 || (isAverage === 0 ? isMapPool(node) : isPlainAverage(node));
    if (!isPlain) return undefined;
    return {
      rewritten: () => fused(node, 'FixedPool', { average: whole(isAverage), global: whole(isGlobal) }),
    };
  };

/** An average over images of what lies inside these. */
function isPlainAverage(node: Node): boolean {
  if (numbersAttribute(node, 'kernel_shape')?.length !== 2 || crops(node)) return false;
  const isBare =
    (numbersAttribute(node, 'pads') ?? []).every((pad) => pad === 0) &&
    numberAttribute(node, 'ceil_mode', 0) === 0 &&
    ['NOTSET', 'VALID'].includes(textAttribute(node, 'auto_pad', 'NOTSET'));
  return isBare || numberAttribute(node, 'count_include_pad', 0) === 0;
}

/** Starts, ends, axes and steps as inputs, all constant. */
const slice: RewriterOf = (editor, node) => {
  const [x = '', starts = '', ends = '', axes = '', steps = ''] = node.inputs;
  const count = integerValues(editor.constant(starts))?.length;
  const given =
    axes === '' ? Array.from({ length: count ?? 0 }, (_, i) => i) : integerValues(editor.constant(axes));
  const moved = given?.map((axis) => AXES[axis < 0 ? axis + IMAGE_RANK : axis]);
  const isConstant = [ends, ...(steps === '' ? [] : [steps])].every(
    (name) => editor.constant(name) !== undefined,
  );
  if (
    count === undefined ||
    moved?.length !== count ||
    moved.some((axis) => axis === undefined) ||
    !isConstant
  )
    return undefined;
  return {
    rewritten: (target) => {
      const name = target.addConstant(`${node.outputs[0]}/axes`, indices(moved as number[]));
      return { ...node, inputs: [x, starts, ends, name, ...(steps === '' ? [] : [steps])] };
    },
  };
};

/** Zeros around an image, or more channels of zeros. */
const pad: RewriterOf = (editor, node) => {
  const [x = '', padsName, value = '', axes = ''] = node.inputs;
  const isAttribute = padsName === undefined;
  const pads = isAttribute ? numbersAttribute(node, 'pads') : integerValues(editor.constant(padsName));
  const filler = value === '' ? numberAttribute(node, 'value', 0) : zeroOf(editor.constant(value));
  const isPlain = textAttribute(node, 'mode', 'constant') === 'constant' && axes === '' && filler === 0;
  if (!isPlain || pads?.length !== 2 * IMAGE_RANK) return undefined;
  const moved = new Array<number>(2 * IMAGE_RANK);
  AXES.forEach((axis, i) => {
    moved[axis] = pads[i]!;
    moved[IMAGE_RANK + axis] = pads[IMAGE_RANK + i]!;
  });
  return {
    rewritten: (target) => {
      if (isAttribute)
        return {
          ...node,
          attributes: withAttributes(node.attributes, { pads: { type: 'INTS', value: moved } }),
        };
      const name = target.addConstant(`${node.outputs[0]}/pads`, indices(moved));
      return { ...node, inputs: [x, name] };
    },
  };
};

function indices(values: readonly number[]): Tensor {
  return { dtype: 'INT64', shape: [values.length], data: BigInt64Array.from(values, BigInt) };
}

function zeroOf(constant: Initializer | undefined): number | undefined {
  return constant === undefined ? undefined : Number(constant.read().data[0]);
}

const concat: RewriterOf = (_, node) => {
  const axis = numberAttribute(node, 'axis', 0);
  if (axis !== 1 && axis !== 1 - IMAGE_RANK) return undefined;
  return {
    reads: node.inputs,
    rewritten: () => ({
      ...node,
      attributes: withAttributes(node.attributes, { axis: whole(IMAGE_RANK - 1) }),
    }),
  };
};

/** By operator of ONNX; what gives undefined cannot be rewritten. */
export const FIXED_REWRITERS: Readonly<Record<string, RewriterOf>> = {
  Add: add,
  Relu: clamp,
  Clip: clamp,
  MaxPool: pool(0, 0),
  AveragePool: pool(1, 0),
  GlobalMaxPool: pool(0, 1),
  GlobalAveragePool: pool(1, 1),
  Slice: slice,
  Pad: pad,
  Concat: concat,
};
