import { describe, it } from 'vitest';
import type { DataType } from '../../src/tensor/dtype.ts';
import { floats, type Tensor } from '../../src/tensor/tensor.ts';
import type { ShortAttribute, ShortModel } from './build-model.ts';
import { expectAsOnnxRuntime, someTensor } from './oracle.ts';

export type Attributes = Readonly<Record<string, ShortAttribute>>;

/** One call of one operator. */
export interface Case {
  readonly op: string;
  readonly note: string;
  /** Types and shapes of the inputs X0, X1, …; a tensor is a constant. null is an absent operand. */
  readonly inputs: readonly (Tensor | readonly [DataType, readonly number[]] | null)[];
  readonly attributes?: Attributes;
  readonly outputs?: readonly DataType[];
  readonly opset?: number;
  readonly domain?: string;
}

/** A FLOAT input of that shape. */
export const f = (...shape: number[]): readonly [DataType, readonly number[]] => ['FLOAT', shape];

/** A FLOAT constant of that shape. */
export const fixed = (...shape: number[]): Tensor => someTensor('FLOAT', shape, 99);

/** A FLOAT constant above 0. */
export const positive = (...shape: number[]): Tensor => {
  const tensor = fixed(...shape);
  return floats(
    shape,
    (tensor.data as Float32Array).map((v) => Math.abs(v) + 0.1),
  );
};

/** An operator of one FLOAT input. */
export const unary = (op: string, attributes: Attributes = {}, opset = 17): Case => ({
  op,
  note: JSON.stringify(attributes),
  inputs: [f(3, 37)],
  attributes,
  opset,
});

const FLOAT_ONLY: readonly DataType[] = ['FLOAT'];

/** The model of one node: inputs X0, X1, … (a tensor is a constant), outputs Y0, Y1, … */
export function modelOfCase({
  op,
  inputs,
  attributes = {},
  outputs = FLOAT_ONLY,
  opset = 17,
  domain = '',
}: Omit<Case, 'note'>): ShortModel {
  const fed: Record<string, readonly [DataType, readonly number[]]> = {};
  const constants: Record<string, Tensor> = {};
  const names = inputs.map((input, i) => {
    if (input === null) return '';
    if ('dtype' in input) constants[`X${i}`] = input;
    else fed[`X${i}`] = input;
    return `X${i}`;
  });
  const made = outputs.map((_, i) => `Y${i}`);
  return {
    opset,
    inputs: fed,
    constants,
    outputs: made,
    outputTypes: Object.fromEntries(outputs.map((dtype, i) => [`Y${i}`, dtype])),
    nodes: [{ op, domain, inputs: names, outputs: made, attributes }],
  };
}

/** A test a case: the same outputs as onnxruntime. */
export function testFamily(family: string, cases: readonly Case[]): void {
  describe(`${family} agree with onnxruntime`, () => {
    for (const given of cases)
      it(`${given.op} ${given.note}`, async () => {
        await expectAsOnnxRuntime(modelOfCase(given));
      });
  });
}
