import { OPERAND_TYPES } from '../passes/note-half-types.ts';
import { type DataType, dataTypeOf } from '../tensor/dtype.ts';
import type { Call } from './call.ts';
import { ConstantTensor } from './constants.ts';

/**
 * The type of an operand as the model has it, FLOAT16 and BFLOAT16 among them, for the operators that the pass
 * note-half-types watches; for others that of a constant, or what is computed with.
 */
export function declaredType(call: Call, index: number): DataType | undefined {
  const operand = call.optional(index);
  if (operand === undefined || operand.dtype !== 'FLOAT') return operand?.dtype;
  if (operand instanceof ConstantTensor) return operand.initializer.dtype;
  return dataTypeOf(call.ints(OPERAND_TYPES)?.[index] ?? 0) ?? operand.dtype;
}
