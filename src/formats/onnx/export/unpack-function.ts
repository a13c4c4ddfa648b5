import type { FunctionBody } from '../../../ir/graph.ts';
import type { LevelRule } from '../../../ir/levels.ts';
import type { DataType } from '../../../tensor/dtype.ts';
import { DATA_TYPES } from '../../../tensor/dtype.ts';
import { FunctionWriter } from './function-writer.ts';
import { writeLevels } from './level-nodes.ts';

/** Domain of the functions that unpack weights. */
export const UNPACK_DOMAIN = 'bnnq';

/** The operator set from which on all operators of the functions are there. */
export const UNPACK_OPSET = 11;

/** What a function is made for. */
export interface UnpackKind {
  readonly rule: LevelRule;
  readonly bits: number;
  readonly dtype: DataType;
}

export function unpackName({ rule, bits, dtype }: UnpackKind): string {
  return `Unpack_${rule}_${bits}${dtype === 'FLOAT' ? '' : `_${dtype}`}`.replaceAll('-', '_');
}

/**
 * An ONNX function, of operators of the standard alone, that makes a weight of its bit-planes; a runtime folds it once, when it
 * loads the model.
 *
 * Inputs: `planes` UINT8 [bits, bytes, 1]; `params` FLOAT [tables, parameters of the rule]; `shape` INT64. Codes are in row order, as
 * many for each table, one table after the other. Output: the levels of all codes in this shape.
 */
export function unpackFunction(kind: UnpackKind, opset: number): FunctionBody {
  const { rule, bits, dtype } = kind;
  const write = new FunctionWriter();
  const [planes, params, shape, output] = ['planes', 'params', 'shape', 'weight'] as const;

  // Bit i of a byte is element i: to the top, whatever is above falls off, and down to the lowest place.
  const up = write.constant(
    'UINT8',
    [8],
    Uint8Array.from({ length: 8 }, (_, i) => 7 - i),
  );
  const down = write.constant('UINT8', [1], Uint8Array.of(7));
  const top = write.node('BitShift', [planes, up], { direction: write.text('LEFT') });
  const eights = write.node('BitShift', [top, down], { direction: write.text('RIGHT') });
  const flat = write.node('Reshape', [eights, write.ints([bits, -1])]);
  const values = write.constant(
    'UINT8',
    [1, bits],
    Uint8Array.from({ length: bits }, (_, b) => 2 ** b),
  );
  const codes = write.node('MatMulInteger', [values, flat]);
  const count = write.node('ReduceProd', [shape], { keepdims: write.int(1) });
  const own = write.node('Slice', [codes, write.ints([0]), count, write.ints([1])]);

  const first = write.node('Shape', [params]);
  const tables = write.node('Slice', [first, write.ints([0]), write.ints([1]), write.ints([0])]);
  const grid = write.node('Concat', [tables, write.ints([-1])], { axis: write.int(0) });
  const rows = write.node('Reshape', [own, grid]);
  const levels = writeLevels(write, rule, bits, params);
  const picked = write.node('GatherElements', [levels, rows], { axis: write.int(1) });
  const typed =
    dtype === 'FLOAT' ? picked : write.node('Cast', [picked], { to: write.int(DATA_TYPES[dtype].number) });
  write.node('Reshape', [typed, shape], {}, output);
  return {
    name: unpackName(kind),
    domain: UNPACK_DOMAIN,
    overload: '',
    inputs: [planes, params, shape],
    outputs: [output],
    attributes: [],
    defaults: new Map(),
    nodes: write.nodes,
    opsets: new Map([['', opset]]),
  };
}
