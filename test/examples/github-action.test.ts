import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { tinyFolder } from '../cli/tiny-model.ts';
import { tool } from '../tool.ts';
import { commandFolder } from './command-on-path.ts';

const FOLDER = fileURLToPath(new URL('../../examples/github-action/', import.meta.url));
const action = parse(readFileSync(`${FOLDER}action.yml`, 'utf8'));
const workflow = parse(readFileSync(`${FOLDER}workflow.yml`, 'utf8'));

describe('the GitHub Action', () => {
  let cwd: string;
  let path: string;
  beforeAll(() => {
    cwd = tinyFolder();
    path = `${commandFolder(cwd)}:${process.env.PATH}`;
    mkdirSync(join(cwd, 'temp'));
    writeFileSync(
      join(cwd, 'bnnq.yaml'),
      'common: {data: "idx:images.idx,labels.idx", preprocess: unit, threads: 1}\nsweep: {model: model.onnx, schemes: linear, bits: 2-3, output: report}\nscore: {model: model.onnx}\n',
    );
  });
  afterAll(() => rmSync(cwd, { recursive: true, force: true }));

  /** Runs the step as GitHub's runner does: its text by bash, inputs as variables, files for what it says. */
  function runStep(inputs: Record<string, string>): {
    code: number | null;
    summary: string;
    outputs: string;
  } {
    for (const name of ['summary.md', 'output.txt']) writeFileSync(join(cwd, name), '');
    const step = action.runs.steps.find(({ id }: { id?: string }) => id === 'run');
    const given = Object.entries(step.env as Record<string, string>).map(([name, expression]) => {
      const input = /^\$\{\{ inputs\.([\w-]+) \}\}$/.exec(expression)![1]!;
      return [name, inputs[input] ?? action.inputs[input].default];
    });
    const env = {
      ...process.env,
      ...Object.fromEntries(given),
      ...{ PATH: path, CI: 'true', RUNNER_TEMP: join(cwd, 'temp'), GITHUB_ACTION_PATH: FOLDER },
      ...{ GITHUB_STEP_SUMMARY: join(cwd, 'summary.md'), GITHUB_OUTPUT: join(cwd, 'output.txt') },
    };
    const script = ['--noprofile', '--norc', '-eo', 'pipefail', '-c', step.run];
    const { status } = spawnSync('bash', script, { cwd, env, encoding: 'utf8' });
    const read = (name: string): string => readFileSync(join(cwd, name), 'utf8');
    return { code: status, summary: read('summary.md'), outputs: read('output.txt') };
  }

  it('sweeps by the file of options, and shows the report in the summary of the job', () => {
    const { code, summary, outputs } = runStep({ arguments: '--min-top1 10' });
    expect(code).toBe(0);
    expect(summary).toBe(readFileSync(join(cwd, 'report/report.md'), 'utf8'));
    expect(outputs).toMatch(/^code=0\nsummary=.*\/bnn-quantize-summary\.md\n$/);
  });

  it('fails by a gate, and says in the summary which', () => {
    const { code, summary, outputs } = runStep({ arguments: '--max-size 1kB' });
    expect([code, outputs]).toEqual([3, expect.stringMatching(/^code=3\n/)]);
    expect(summary).toMatch(/> \[!WARNING\]\n> bnn-quantize: gate not met by .*--max-size allows 1,000\n$/);
  });

  it('shows the score of another command, and the reason where one fails', () => {
    const scored = runStep({ command: 'score' });
    expect([scored.code, scored.summary]).toEqual([
      0,
      expect.stringMatching(/^### bnn-quantize score\n[\s\S]*top-1 /),
    ]);
    const failed = runStep({ command: 'score', config: 'none.yaml' });
    expect([failed.code, failed.summary]).toEqual([
      1,
      expect.stringMatching(/> \[!CAUTION\]\n> bnn-quantize: --config: cannot read "none\.yaml"/),
    ]);
  });

  it('runs nothing that is in an input', () => {
    runStep({ arguments: '$(touch owned) `touch owned` ; touch owned * "' });
    expect(spawnSync('ls', [join(cwd, 'owned')]).status).not.toBe(0);
    for (const { run = '' } of action.runs.steps) expect(run).not.toContain('${{');
  });

  it('has inputs and outputs by the names that the workflow uses', () => {
    const step = workflow.jobs.sweep.steps.find(({ id }: { id?: string }) => id === 'sweep');
    for (const name of Object.keys(step.with)) expect(Object.keys(action.inputs)).toContain(name);
    const used = JSON.stringify(workflow).matchAll(/steps\.sweep\.outputs\.(\w+)/g);
    for (const [, name] of used) expect(Object.keys(action.outputs)).toContain(name);
    expect(workflow.permissions).toEqual({ contents: 'read', 'pull-requests': 'write' });
  });

  const checker = tool('check-jsonschema');
  it.skipIf(!checker.isThere).each([
    ['action.yml', 'vendor.github-actions'],
    ['workflow.yml', 'vendor.github-workflows'],
  ])('%s is valid by the schema %s (skipped where check-jsonschema is missing)', (file, schema) => {
    const { status, stdout } = spawnSync(checker.path, ['--builtin-schema', schema, FOLDER + file], {
      encoding: 'utf8',
    });
    expect([status, stdout]).toEqual([0, expect.stringContaining('ok')]);
  });
});
