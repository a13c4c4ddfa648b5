import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { program } from '../../cli/program.ts';

const FILE = fileURLToPath(new URL('../../examples/argo/workflow.yaml', import.meta.url));
const workflow = parse(readFileSync(FILE, 'utf8'));

interface Template {
  readonly name: string;
  readonly inputs?: {
    readonly parameters?: readonly { readonly name: string }[];
    readonly artifacts?: readonly { readonly name: string; readonly path?: string }[];
  };
  readonly dag?: { readonly tasks: readonly Task[] };
  readonly container?: {
    readonly command: readonly string[];
    readonly args: readonly string[];
    readonly workingDir: string;
  };
  readonly outputs?: { readonly artifacts: readonly { readonly path: string }[] };
}

interface Task {
  readonly template: string;
  readonly arguments: Template['inputs'];
}

const templates = workflow.spec.templates as readonly Template[];
const templateOf = (name: string): Template => templates.find((one) => one.name === name)!;
const names = (inputs: Template['inputs']): string[] =>
  [...(inputs?.parameters ?? []), ...(inputs?.artifacts ?? [])].map(({ name }) => name).toSorted();

describe('the Argo workflow', () => {
  it('gives every task the inputs that its template has, and begins with one that there is', () => {
    const { arguments: given, entrypoint } = workflow.spec;
    const [first, ...rest] = names(templateOf(entrypoint).inputs);
    for (const name of [first, ...rest]) expect(names(given)).toContain(name);
    const tasks = templates.flatMap(({ dag }) => dag?.tasks ?? []);
    expect(tasks.length).toBeGreaterThan(1);
    for (const task of tasks) expect(names(task.arguments)).toEqual(names(templateOf(task.template).inputs));
  });

  it('uses parameters that are there', () => {
    const text = readFileSync(FILE, 'utf8');
    const known = names({ parameters: workflow.spec.arguments.parameters });
    for (const [, name] of text.matchAll(/\{\{workflow\.parameters\.([\w-]+)\}\}/g))
      expect(known).toContain(name);
    for (const template of templates)
      for (const [, name] of JSON.stringify(template).matchAll(/\{\{inputs\.\w+\.([\w-]+)\}\}/g))
        expect(names(template.inputs)).toContain(name);
  });

  it('calls commands with options that they have, reads what it was given and keeps what they write', () => {
    for (const { container, inputs, outputs } of templates.filter((one) => one.container !== undefined)) {
      const [name, model, ...options] = container!.args;
      const command = program().commands.find((one) => one.name() === name)!;
      const flags = command.options.flatMap(({ long, short }) => [long, short]);
      for (const option of options) expect(flags).toContain(option.split('=')[0]);
      const paths = inputs!.artifacts!.map(({ path }) => path);
      expect(paths).toContain(`${container!.workingDir}/${model}`);
      expect(options).toContain('--data=imagefolder:val');
      expect(paths).toContain(`${container!.workingDir}/val`);
      const written = options.find((option) => option.startsWith('--output='))!.slice('--output='.length);
      expect(outputs!.artifacts[0].path).toBe(`${container!.workingDir}/${written}`);
    }
  });

  // Hera is the Python client of Argo; its models are made from the schema of the workflows.
  const python = process.env.BNNQ_TOOLS ? `${process.env.BNNQ_TOOLS}/python` : 'python3';
  const hasHera = spawnSync(python, ['-c', 'import hera.workflows, yaml'], { timeout: 60_000 }).status === 0;
  it.skipIf(!hasHera)(
    'is a workflow by the models of Argo, with no key that they do not know (skipped where hera is missing)',
    () => {
      const script = `
import sys, yaml
from hera.workflows.models import Workflow
given = yaml.safe_load(open(sys.argv[1]))
known = Workflow.model_validate(given).model_dump(by_alias=True, exclude_none=True)
def lost(a, b, at):
    if isinstance(a, dict):
        return [x for k in a for x in ([f"{at}.{k}"] if not isinstance(b, dict) or k not in b else lost(a[k], b[k], f"{at}.{k}"))]
    if isinstance(a, list):
        return [x for i, v in enumerate(a) for x in lost(v, b[i], f"{at}[{i}]")]
    return []
print("lost:", *lost(given, known, ""))
broken = {**given, "spec": {**given["spec"], "entrypiont": "x"}}
print("seen:", *lost(broken, Workflow.model_validate(broken).model_dump(by_alias=True, exclude_none=True), ""))
`;
      const { stdout, stderr } = spawnSync(python, ['-c', script, FILE], { encoding: 'utf8' });
      expect([stdout, stderr]).toEqual(['lost:\nseen: .spec.entrypiont\n', '']);
    },
  );
});
