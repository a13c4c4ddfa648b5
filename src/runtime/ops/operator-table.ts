import type { Operator } from '../call.ts';

/**
 * A family of operators: for every name, the implementations by the operator-set version from which each holds. A model
 * of version v gets the one with the largest version ≤ v; a model older than all of them is refused.
 */
export type OperatorTable = Readonly<Record<string, Readonly<Record<number, Operator>>>>;
