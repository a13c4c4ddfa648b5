import type { OperatorTable } from '../operator-table.ts';
import { binaryConv, binaryLinear } from './layer.ts';
import { signCombine, signFloats, signMove, signPad } from './maps.ts';
import { signPool } from './pool.ts';
import { signs } from './signs.ts';

/** What `fuseBinary` makes of binary layers, domain bnnq. */
export const FUSED_BINARY: OperatorTable = {
  Signs: { 1: signs },
  BinaryConv: { 1: binaryConv },
  BinaryLinear: { 1: binaryLinear },
  SignPool: { 1: signPool },
  SignCombine: { 1: signCombine },
  SignMove: { 1: signMove },
  SignPad: { 1: signPad },
  SignFloats: { 1: signFloats },
};
