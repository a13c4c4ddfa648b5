import type { FunctionBody } from '../../../ir/graph.ts';
import { type LevelRule, paramCount } from '../../../ir/levels.ts';
import type { DataType } from '../../../tensor/dtype.ts';
import { DATA_TYPES } from '../../../tensor/dtype.ts';
import { FunctionWriter } from './function-writer.ts';
import { writeLevels } from './level-nodes.ts';
import { callsPowers, powersFunction } from './powers-function.ts';

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
 * @returns the function, and those that it calls
 */
export function unpackFunctions(kind: UnpackKind, opset: number): FunctionBody[] {
  const { rule, bits, dtype } = kind;
  const write = new FunctionWriter(UNPACK_DOMAIN);
  const [planes, params, shape, output] = ['planes', 'params', 'shape', 'weight'] as const;

  // Bit i of a byte is element i: [bits, bytes, 1] by [8].
  const places = write.constant(
    'UINT8',
    [8],
    Uint8Array.from({ length: 8 }, (_, i) => i),
  );
  const shifted = write.node('BitShift', [planes, places], { direction: write.text('RIGHT') });
  const eights = write.node('Mod', [shifted, write.constant('UINT8', [1], Uint8Array.of(2))]);
  const flat = write.node('Flatten', [eights]);
  const values = write.constant(
    'UINT8',
    [bits],
    Uint8Array.from({ length: bits }, (_, b) => 2 ** b),
  );
  const codes = write.node('MatMulInteger', [values, flat]);
  const count = write.node('ReduceProd', [shape]);
  const own = write.node('Slice', [codes, write.ints([0]), count]);

  // [tables, parameters] − [0, parameters + 1]: as many rows, and −1 for what is left.
  const rest = write.ints([0, paramCount(rule, bits) + 1]);
  const grid = write.node('Sub', [write.node('Shape', [params]), rest]);
  const rows = write.node('Reshape', [own, grid]);
  const levels = writeLevels(write, rule, bits, params);
  const picked = write.node('GatherElements', [levels, rows], { axis: write.int(1) });
  const typed =
    dtype === 'FLOAT' ? picked : write.node('Cast', [picked], { to: write.int(DATA_TYPES[dtype].number) });
  write.node('Reshape', [typed, shape], {}, output);
  const calls = callsPowers(rule, bits);
  const unpack: FunctionBody = {
    name: unpackName(kind),
    domain: UNPACK_DOMAIN,
    overload: '',
    inputs: [planes, params, shape],
    outputs: [output],
    attributes: [],
    defaults: new Map(),
    nodes: write.nodes,
    opsets: new Map([['', opset], ...(calls ? [[UNPACK_DOMAIN, 1] as const] : [])]),
  };
  return calls ? [unpack, powersFunction(UNPACK_DOMAIN, opset)] : [unpack];
}
