import { describe, expect, it } from 'vitest';
import { operatorNames, versionsOf } from '../../../src/runtime/ops/registry.ts';
import { createSession } from '../../../src/runtime/session.ts';
import { buildModel } from '../build-model.ts';
import { CHANGELOG } from './changelog.ts';
import { ELEMENTWISE_VERSIONS } from './elementwise.ts';
import { LAYER_VERSIONS } from './layers.ts';
import { MOVEMENT_VERSIONS } from './movement.ts';
import { QUANTIZED_VERSIONS } from './quantized.ts';
import { REDUCTION_VERSIONS } from './reduction.ts';
import { SELECTION_VERSIONS } from './selection.ts';
import { SEQUENCE_VERSIONS } from './sequences.ts';
import { SPATIAL_VERSIONS } from './spatial.ts';
import {
  expectVersion,
  FIRST_OPSET,
  LAST_OPSET,
  type VersionedCase,
  versionsOfCase,
} from './versioned-case.ts';

const CASES: readonly VersionedCase[] = [
  ...ELEMENTWISE_VERSIONS,
  ...LAYER_VERSIONS,
  ...MOVEMENT_VERSIONS,
  ...QUANTIZED_VERSIONS,
  ...REDUCTION_VERSIONS,
  ...SELECTION_VERSIONS,
  ...SEQUENCE_VERSIONS,
  ...SPATIAL_VERSIONS,
];

for (const op of [...new Set(CASES.map((versioned) => versioned.op))].sort())
  describe(`${op} means what it meant`, () => {
    for (const versioned of CASES.filter((one) => one.op === op))
      for (const opset of versionsOfCase(versioned))
        it(`in opset ${opset} ${versioned.note ?? ''}`, () => expectVersion(versioned, opset));
  });

const BODIES = 'it takes graphs, which a case here cannot have: test/runtime/control-flow.test.ts';

const SEQUENCES =
  'it takes or gives sequences, which a case here cannot have: test/runtime/sequences.test.ts';

/** Operators without cases here, each with the reason. */
const EXEMPT: Readonly<Record<string, string>> = {
  If: BODIES,
  Loop: BODIES,
  Scan: BODIES,
  ...Object.fromEntries(
    'ConcatFromSequence Optional OptionalGetElement OptionalHasElement SequenceAt SequenceConstruct SequenceEmpty SequenceErase SequenceInsert SequenceLength SequenceMap SplitToSequence'
      .split(' ')
      .map((op) => [op, SEQUENCES]),
  ),
};

describe('every operator that can be executed', () => {
  const covered = new Map<string, Set<number>>();
  for (const versioned of CASES.filter((one) => one.refused === undefined))
    for (const version of versionsOfCase(versioned))
      covered.set(versioned.op, (covered.get(versioned.op) ?? new Set()).add(version));

  it('is run at each version at which ONNX or its own table changes it', () => {
    const missing: string[] = [];
    for (const op of operatorNames('').filter((name) => EXEMPT[name] === undefined)) {
      const boundaries = [...(CHANGELOG[op] ?? []), ...Object.keys(versionsOf('', op) ?? {}).map(Number)];
      const runnable = boundaries
        .map((version) => Math.max(version, FIRST_OPSET))
        .filter((v) => v <= LAST_OPSET);
      for (const version of new Set(runnable))
        if (covered.get(op)?.has(version) !== true) missing.push(`${op} ${version}`);
    }
    expect(missing).toEqual([]);
  });

  it('has a case here if it is not exempt, and is one of ONNX', () => {
    expect(Object.keys(EXEMPT).filter((op) => covered.has(op) || versionsOf('', op) === undefined)).toEqual(
      [],
    );
    expect([...covered.keys()].filter((op) => CHANGELOG[op] === undefined)).toEqual([]);
  });

  it('is refused before the first version that is implemented, in a sentence with both versions', () => {
    const model = (op: string, opset: number) =>
      buildModel({
        opset,
        inputs: { A: ['FLOAT', [2, 3]], B: ['FLOAT', [3]] },
        outputs: ['Y'],
        nodes: [{ op, inputs: ['A', 'B'], outputs: ['Y'], attributes: { broadcast: 1 } }],
      });
    // Until opset 6 operands were broadcast by attributes, along an axis.
    for (const op of [
      'Add',
      'Sub',
      'Mul',
      'Div',
      'Pow',
      'And',
      'Or',
      'Xor',
      'Equal',
      'Less',
      'Greater',
      'PRelu',
      'Gemm',
    ])
      expect(() => createSession(model(op, 6))).toThrow(
        `ai.onnx::${op} of operator set 6 (implemented since 7) (1 node)`,
      );
    expect(() => createSession(model('Mod', 9))).toThrow(
      'ai.onnx::Mod of operator set 9 (implemented since 10) (1 node)',
    );
  });
});
