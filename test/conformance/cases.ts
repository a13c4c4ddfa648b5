import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { BnnqError, messageOf } from '../../src/errors.ts';
import { readModel } from '../../src/formats/read-model.ts';
import type { Model, Value } from '../../src/ir/graph.ts';
import type { Kernels } from '../../src/kernels/contract.ts';
import { unsupportedOperators } from '../../src/runtime/operator-support.ts';
import { createSession } from '../../src/runtime/session.ts';
import type { RuntimeValue } from '../../src/runtime/values.ts';
import { difference } from './compare.ts';
import { readValueFile } from './values.ts';

/** What became of a case: `passed`, `refused` with the operators or the reason, `wrong` with the difference. */
export interface Outcome {
  readonly name: string;
  readonly verdict: 'passed' | 'refused' | 'wrong';
  readonly detail: string;
}

/** The cases of a folder in the layout of ONNX's operator tests (`NAME/model.onnx`, `NAME/test_data_set_N`), by name. */
export function caseNames(folder: string): string[] {
  return readdirSync(folder)
    .filter((name) => existsSync(join(folder, name, 'model.onnx')))
    .sort();
}

/**
 * Runs one case with all its data sets, each twice, for the second run replays the memory of the first. A model that
 * cannot be read or run by what is implemented (code `unsupported`) is refused; anything else that is not right is wrong.
 */
export async function runCase(folder: string, name: string, kernels: Kernels): Promise<Outcome> {
  const at = join(folder, name);
  try {
    const model = await readModel(join(at, 'model.onnx'));
    const missing = unsupportedOperators(model);
    if (missing.length > 0) {
      const names = missing.map(({ domain, opType }) => (domain === '' ? opType : `${domain}::${opType}`));
      return { name, verdict: 'refused', detail: `unsupported: ${names.sort().join(', ')}` };
    }
    const problem = run(model, at, kernels);
    return { name, verdict: problem === undefined ? 'passed' : 'wrong', detail: problem ?? '' };
  } catch (thrown) {
    const isRefusal = thrown instanceof BnnqError && thrown.code === 'unsupported';
    const detail = messageOf(thrown).replace(/^(node "[^"]*" \((.*?)\): )+/, '$2: ');
    return { name, verdict: isRefusal ? 'refused' : 'wrong', detail };
  }
}

/** What is wrong with the results; undefined where nothing is. */
function run(model: Model, folder: string, kernels: Kernels): string | undefined {
  const session = createSession(model, { kernels });
  try {
    const sets = readdirSync(folder).filter((entry) => /^test_data_set_\d+$/.test(entry));
    if (sets.length === 0) return 'there is no test_data_set_0';
    for (const set of sets.sort()) {
      const inputs = readValues(join(folder, set), 'input', model.graph.inputs);
      const expected = readValues(join(folder, set), 'output', model.graph.outputs);
      const feeds = Object.fromEntries(inputs.map((value, i) => [model.graph.inputs[i]!.name, value]));
      const first = [...session.evaluate(feeds).values()];
      const second = [...session.evaluate(feeds).values()];
      for (const [i, wanted] of expected.entries()) {
        const problem = difference(wanted, first[i]) ?? difference(first[i]!, second[i]);
        if (problem !== undefined) return `output ${i}: ${problem}`;
      }
    }
    return undefined;
  } finally {
    session.dispose();
  }
}

function readValues(folder: string, kind: 'input' | 'output', declared: readonly Value[]): RuntimeValue[] {
  const values: RuntimeValue[] = [];
  for (let i = 0; ; i++) {
    const path = join(folder, `${kind}_${i}.pb`);
    if (!existsSync(path)) break;
    if (declared[i] === undefined) throw new Error(`${kind}_${i}.pb belongs to no ${kind} of the model`);
    values.push(readValueFile(path, declared[i]));
  }
  return values;
}
