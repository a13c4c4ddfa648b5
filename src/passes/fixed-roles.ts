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
import { ADDEND, FUSED_DOMAIN, X_SCALE } from './fused.ts';
import type { GraphEditor } from './graph-editor.ts';
import { crops, isFlatten, isMapPool } from './map-readers.ts';

/**
 * What a node does with fixed-point values: a `layer` makes them of codes, an `inner` node makes them of others, `codes` end them,
 * and `flatten` stands before codes.
 */
export type FixedRole = {
  /** Values that are of one unit: what the node makes of them, and what it reads. */
  readonly values: readonly string[];
  /** The one that it makes. */
  readonly made?: string;
} & (
  | { readonly kind: 'layer' | 'codes' | 'flatten' }
  | {
      readonly kind: 'inner';
      /** The node on values [N, H, W, C]. */
      rewritten(editor: GraphEditor, unit: number): Node;
    }
);

/** Axes of [N, C, H, W] in [N, H, W, C]. */
const AXES = [0, 3, 1, 2];
const RANK = AXES.length;

/** The role of a node; undefined where it can have none. All values of a trunk are images, for layers alone begin one. */
export function fixedRole(editor: GraphEditor, node: Node): FixedRole | undefined {
  const [output = ''] = node.outputs;
  if (node.domain === FUSED_DOMAIN) {
    if (node.opType === 'Codes') return { kind: 'codes', values: [beforeFlatten(editor, node.inputs[0]!)] };
    if (node.opType !== 'IntegerConv' || node.attributes.has('y_scale')) return undefined;
    if (node.inputs[X_SCALE] !== undefined) return undefined;
    const addend = node.inputs[ADDEND] ?? '';
    return { kind: 'layer', values: addend === '' ? [output] : [output, addend], made: output };
  }
  if (node.domain !== '') return undefined;
  if (isFlatten(node))
    return endsInCodes(editor, output) ? { kind: 'flatten', values: [node.inputs[0]!] } : undefined;
  const rewritten = REWRITERS[node.opType]?.(editor, node);
  if (rewritten === undefined) return undefined;
  const inputs = rewritten.reads ?? [node.inputs[0]!];
  if (inputs.some((name) => editor.constant(name) !== undefined)) return undefined;
  return { kind: 'inner', values: [output, ...inputs], made: output, rewritten: rewritten.rewritten };
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
  const isCodes = ({ domain, opType }: Node): boolean => domain === FUSED_DOMAIN && opType === 'Codes';
  return !editor.isOutput(name) && readers.length > 0 && readers.every(isCodes);
}

interface Rewriter {
  /** Values that are read; the first input alone where absent. */
  readonly reads?: readonly string[];
  rewritten(editor: GraphEditor, unit: number): Node;
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
  const moved = given?.map((axis) => AXES[axis < 0 ? axis + RANK : axis]);
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
  if (!isPlain || pads?.length !== 2 * RANK) return undefined;
  const moved = new Array<number>(2 * RANK);
  AXES.forEach((axis, i) => {
    moved[axis] = pads[i]!;
    moved[RANK + axis] = pads[RANK + i]!;
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
  if (axis !== 1 && axis !== 1 - RANK) return undefined;
  return {
    reads: node.inputs,
    rewritten: () => ({ ...node, attributes: withAttributes(node.attributes, { axis: whole(RANK - 1) }) }),
  };
};

const REWRITERS: Readonly<Record<string, RewriterOf>> = {
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
