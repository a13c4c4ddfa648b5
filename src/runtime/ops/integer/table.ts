import type { OperatorTable } from '../operator-table.ts';
import { codes } from './codes.ts';
import { dynamicCodes } from './dynamic-codes.ts';
import { FIXED } from './fixed.ts';
import { integerConv, integerLinear } from './layer.ts';
import { codePool } from './pool.ts';

/** What `fuseInteger` and `fuseFixed` make of layers on rounded values, domain bnnq. */
export const FUSED_INTEGER: OperatorTable = {
  ...FIXED,
  Codes: { 1: codes },
  DynamicCodes: { 1: dynamicCodes },
  IntegerConv: { 1: integerConv },
  IntegerLinear: { 1: integerLinear },
  CodePool: { 1: codePool },
};
