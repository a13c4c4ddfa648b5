import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ExportOptions, exportModel } from '../../src/eval/export-model.ts';
import { readModel } from '../../src/formats/read-model.ts';
import type { Model } from '../../src/ir/graph.ts';
import { LEVEL_RULES } from '../../src/ir/levels.ts';
import { quantizeModel } from '../../src/quantizers/quantize-model.ts';
import { sharedData } from '../shared-data.ts';
import { modelOfWeights, sampleWeight } from './quantized-samples.ts';

// BNNQ_PYTHON names another interpreter, such as that of a virtual environment.
const python = process.env.BNNQ_PYTHON ?? 'python3';
const has = (modules: string): boolean => spawnSync(python, ['-c', `import ${modules}`]).status === 0;

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'bnnq-onnx-python-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const CHECK = `
import sys, onnx
for path in sys.argv[1:]:
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True, data_prop=True)
    print("fine")
`;

const EVERY_FORM: readonly ExportOptions[] = [
  { to: 'onnx' },
  { to: 'onnx', opset: 25 },
  { to: 'onnx', flavor: 'msft' },
  { to: 'onnx', flavor: 'float' },
  { to: 'qonnx' },
  { to: 'qonnx', flavor: 'integer' },
];

function write(model: Model, options: ExportOptions): string {
  const path = join(folder, `${Math.random()}.onnx`);
  writeFileSync(path, exportModel(model, options));
  return path;
}

function expectFine(paths: readonly string[]): void {
  const output = execFileSync(python, ['-c', CHECK, ...paths], { encoding: 'utf8' });
  expect(output.trim().split(/\s+/)).toEqual(paths.map(() => 'fine'));
}

/** A weight of every rule and width, as a matrix that a MatMul reads. */
function everyRule(): ReturnType<typeof sampleWeight>[] {
  const layout = { split: [6, 16], perm: [1, 0], rowAxes: 1 };
  const fixed = { granularity: 'group:3', shape: [6, 16], layout, dtype: 'FLOAT', seed: 3 } as const;
  return LEVEL_RULES.flatMap((rule) =>
    (rule === 'ternary' ? [2] : [1, 2, 3, 4, 5, 6, 7, 8]).map((bits) =>
      sampleWeight({ ...fixed, rule, bits }),
    ),
  );
}

describe.skipIf(!has('onnx'))(
  'the checker and the strict shape inference of ONNX (needs python3 with onnx)',
  () => {
    it('find nothing wrong with weights of every rule and width', () => {
      expectFine([11, 13, 17, 21].map((opset) => write(modelOfWeights(everyRule(), opset), { to: 'onnx' })));
    });

    it('find nothing wrong with equal steps in every form', () => {
      const rules = everyRule().filter(({ rule, bits }) => rule !== 'linear-zero' && bits === 4);
      const equal = rules.filter(({ rule }) => rule === 'linear' || rule === 'affine');
      expectFine(EVERY_FORM.map((options) => write(modelOfWeights(equal, 13), options)));
    });

    it('find nothing wrong with integers of 2, 4 and 8 bits', () => {
      const model = modelOfWeights(everyRule(), 13);
      expectFine([13, 21, 25].map((opset) => write(model, { to: 'onnx', opset })));
    });

    it.skipIf(sharedData('models') === undefined)(
      'find nothing wrong with real networks, a Keras model among them (needs ../shared/data)',
      async () => {
        const files = [
          ...['cifar10_resnet20.onnx', 'ic_resnet8_cifar10.h5', 'bnn_cnv_w1a1_cifar10.onnx'],
          ...['ultraface_version-slim-320.onnx', 'tfc_w1a1_multithreshold.onnx', 'TFC_1W2A.onnx'],
        ];
        const paths: string[] = [];
        for (const file of files) {
          const source = await readModel(sharedData(`models/${file}`)!);
          for (const options of EVERY_FORM) {
            const { model } = quantizeModel(source, { scheme: 'linear', bits: 4, granularity: 'group:32' });
            paths.push(write(model, options));
          }
        }
        expectFine(paths);
      },
    );
  },
);
