/**
 * `npm run conformance -- [folder] [--only <glob>]… [--update]`: runs every case of a folder in the layout of ONNX's operator
 * tests, ../shared/data/onnx-node-tests by default. `--update` writes what is refused to expected.json.
 */
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import picomatch from 'picomatch';
import { createKernels } from '../../src/kernels/select.ts';
import { caseNames, type Outcome, runCase } from './cases.ts';
import { writeExpected } from './expected.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { only: { type: 'string', multiple: true }, update: { type: 'boolean', default: false } },
});
// npm runs scripts in the package's folder; a path is meant from where the command was given.
const folder = resolve(process.env.INIT_CWD ?? '.', positionals[0] ?? '../shared/data/onnx-node-tests');
const isWanted = values.only === undefined ? () => true : picomatch(values.only);
const names = caseNames(folder).filter((name) => isWanted(name));
const kernels = createKernels();
const outcomes: Outcome[] = [];
for (const name of names) outcomes.push(await runCase(folder, name, kernels));

for (const verdict of ['refused', 'wrong'] as const) {
  const found = outcomes.filter((outcome) => outcome.verdict === verdict);
  for (const [detail, cases] of byReason(found))
    for (const { name } of cases) console.log(`${verdict} ${name}: ${detail}`);
}
const count = (verdict: Outcome['verdict']): number =>
  outcomes.filter((outcome) => outcome.verdict === verdict).length;
if (values.update && values.only === undefined) writeExpected(outcomes);
console.log(`${count('passed')} passed, ${count('refused')} refused, ${count('wrong')} wrong`);
if (count('wrong') > 0 || names.length === 0) process.exitCode = 1;

/** The outcomes by their detail, the most frequent first. */
function byReason(list: readonly Outcome[]): [string, Outcome[]][] {
  const groups = new Map<string, Outcome[]>();
  for (const outcome of list) groups.set(outcome.detail, [...(groups.get(outcome.detail) ?? []), outcome]);
  return [...groups].sort(([, a], [, b]) => b.length - a.length);
}
