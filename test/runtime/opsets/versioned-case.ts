import { expect } from 'vitest';
import { encodeModel } from '../../../src/formats/onnx/encode.ts';
import { inferShapes } from '../../../src/passes/infer-shapes.ts';
import { createSession } from '../../../src/runtime/session.ts';
import type { DataType } from '../../../src/tensor/dtype.ts';
import type { Tensor } from '../../../src/tensor/tensor.ts';
import { buildModel } from '../build-model.ts';
import { runOnnxRuntime } from '../onnxruntime.ts';
import { type Attributes, modelOfCase } from '../operator-cases.ts';
import { expectAgreement, someTensor } from '../oracle.ts';
import { CHANGELOG } from './changelog.ts';

/** The versions of the operator set that this package promises. */
export const FIRST_OPSET = 7;
export const LAST_OPSET = 26;

/** One call of one operator, and the versions of the operator set in which it means the same. */
export interface VersionedCase {
  readonly op: string;
  /** What is special about it: a part of the test's name. */
  readonly note?: string;
  /** First and last version in which the call is valid and means this; 7 and 26 where absent. */
  readonly from?: number;
  readonly to?: number;
  /** Types and shapes of the inputs; a tensor is a constant, null an absent operand. */
  readonly inputs: readonly (Tensor | readonly [DataType, readonly number[]] | null)[];
  readonly attributes?: Attributes;
  /** Types of the outputs; one FLOAT where absent. */
  readonly outputs?: readonly DataType[];
  /** What comes out, derived by hand, where onnxruntime has no such version or does not follow the standard. */
  readonly expected?: readonly Tensor[];
  /** The sentence that it is refused with, as this is the right thing to do. */
  readonly refused?: RegExp;
  /** The shape of the output depends on the data: shape inference need not know it. */
  readonly dataShaped?: boolean;
}

/** The versions at which a case is run: those where ONNX changed the operator, and the first of its range. */
export function versionsOfCase({ op, from = FIRST_OPSET, to = LAST_OPSET }: VersionedCase): number[] {
  const changes = (CHANGELOG[op] ?? []).filter((version) => version >= from && version <= to);
  const first = Math.max(from, Math.min(...(CHANGELOG[op] ?? [from])));
  return [...new Set([first, ...changes])].sort((a, b) => a - b);
}

/**
 * The outputs that onnxruntime has for the case: at that version, or at the nearest earlier one in the range of the case
 * where it has no kernel of that version.
 */
async function oracle(
  versioned: VersionedCase,
  opset: number,
  feeds: Readonly<Record<string, Tensor>>,
): Promise<Map<string, Tensor>> {
  const versions = versionsOfCase(versioned).filter((version) => version <= opset);
  let problem: unknown;
  for (const version of versions.reverse())
    try {
      return await runOnnxRuntime(
        encodeModel(buildModel(modelOfCase({ ...versioned, opset: version }))),
        feeds,
      );
    } catch (thrown) {
      problem ??= thrown;
    }
  throw problem;
}

/** Runs a case at one version: the same outputs as the oracle, of the shapes and types that shape inference says. */
export async function expectVersion(versioned: VersionedCase, opset: number): Promise<void> {
  const { expected, refused, dataShaped } = versioned;
  const model = buildModel(modelOfCase({ ...versioned, opset }));
  const feeds: Record<string, Tensor> = {};
  versioned.inputs.forEach((input, i) => {
    if (input !== null && !('dtype' in input)) feeds[`X${i}`] = someTensor(input[0], input[1], i + 1);
  });
  if (refused !== undefined) {
    expect(() => createSession(model).run(feeds)).toThrow(refused);
    return;
  }
  const session = createSession(model);
  const results = session.run(feeds);
  session.dispose();
  const wanted =
    expected === undefined
      ? await oracle(versioned, opset, feeds)
      : new Map(expected.map((tensor, i) => [`Y${i}`, tensor]));
  for (const [name, tensor] of wanted) expectAgreement(tensor, results.get(name)!);
  const inferred = inferShapes(model);
  for (const [name, { dtype, shape }] of results) {
    const known = inferred.get(name);
    expect(known?.dtype ?? 'unknown', `inferred type of ${name}`).toBe(dtype);
    const dims = known?.shape?.map((dim, axis) =>
      dataShaped === true && typeof dim !== 'number' ? shape[axis] : dim,
    );
    if (dataShaped !== true || dims !== undefined) expect(dims, `inferred shape of ${name}`).toEqual(shape);
  }
}
