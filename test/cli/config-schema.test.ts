import { readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { isKnownPlaceholder, keysOf, placeholderOf } from '../../cli/config/config-keys.ts';
import { configSchema } from '../../cli/config/config-schema.ts';
import { rebase } from '../../cli/config/places.ts';
import { program } from '../../cli/program.ts';

const ajv = new Ajv2020({ allErrors: true, allowUnionTypes: true });
const isValid = ajv.compile(configSchema(program()));

describe('the schema of files of options', () => {
  it('is what the package ships', () => {
    const shipped = readFileSync(new URL('../../dist/config.schema.json', import.meta.url), 'utf8');
    expect(JSON.parse(shipped)).toEqual(configSchema(program()));
  });

  it.each([
    ['sweep: {model: m.onnx, bits: 2-4, schemes: [exp, linear], zero: true}', true],
    ['common: {data: "npz:x.npz", limit: 10}\nquantize:\n', true],
    ['score: {model: m.bnnq, cache: false, min-top1: 90.5}', true],
    ['sweep: {bit: 3}', false],
    ['sweep: {zero: "yes"}', false],
    ['quantize: {fit: best}', false],
    ['quantize: {output: [a, b]}', false],
    ['quantise: {}', false],
  ])('takes %j for valid: %s', (text, valid) => {
    expect(isValid(parse(text))).toBe(valid);
  });

  it('knows of every option what its value is, so that no path is read from the wrong folder', () => {
    const unknown = program().commands.flatMap((command) =>
      command.options
        .map(placeholderOf)
        .filter((placeholder) => placeholder !== undefined && !isKnownPlaceholder(placeholder))
        .map((placeholder) => `${command.name()}: <${placeholder}>`),
    );
    // A new one goes into PLACEHOLDERS or PLAIN of cli/config/config-keys.ts.
    expect(unknown).toEqual([]);
  });

  it('has a key for every option but those of one run', () => {
    const sweep = program().commands.find((command) => command.name() === 'sweep')!;
    const names = keysOf(sweep).map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining(['model', 'data', 'schemes', 'bits', 'output', 'max-size']));
    for (const name of ['force', 'config', 'save-config', 'dry-run']) expect(names).not.toContain(name);
  });
});

describe('a path of another folder', () => {
  it.each([
    ['m.onnx', 'path', '../m.onnx'],
    ['/m.onnx', 'path', '/m.onnx'],
    ['s3://bucket/store', 'path', 's3://bucket/store'],
    ['idx:a.gz,b.gz', 'dataset', 'idx:../a.gz,../b.gz'],
    ['imagefolder:/data', 'dataset', 'imagefolder:/data'],
    ['csv:a,b.csv', 'dataset', 'csv:../a,b.csv'],
    ['torch', 'preset', 'torch'],
    ['steps.json', 'preset', '../steps.json'],
    ['x=a.npy', 'named', 'x=../a.npy'],
    ['a.npy', 'named', '../a.npy'],
    ['exp', undefined, 'exp'],
  ] as const)('%s (%s) is %s seen from a folder in it', (text, kind, moved) => {
    expect(rebase(text, kind, '.', 'inner')).toBe(moved);
  });
});
