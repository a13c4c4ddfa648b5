import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bnnq } from './run-cli.ts';
import { tinyFolder } from './tiny-model.ts';

let cwd: string;

beforeAll(() => {
  cwd = tinyFolder();
});
afterAll(() => rmSync(cwd, { recursive: true }));

describe('bnn-quantize cost', () => {
  it('lists layers, parts and operations of a model as it is', async () => {
    const { code, stdout, stderr } = await bnnq(['cost', 'model.onnx'], { cwd });
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^conv2 +Conv +float32 × float32 +9,216 +576 B/m);
    // 64 pixels × (4×9 + 4×36) and a Gemm of 16×4
    expect(stdout).toMatch(/^all +11,584 /m);
    expect(stdout).toMatch(/^float \(16 bits and more\) .* 100\.0 %$/m);
    expect(stdout).toMatch(/^float-multiply +32 +float \(16 bits and more\) +11,600 /m);
    expect(stdout).toContain('an estimate, not the measurement of a device');
  });

  it('tells what settings would cost, the same as of the packed file that they give', async () => {
    const foretold = await bnnq(['cost', 'model.onnx', '--scheme', 'linear', '--bits', '3', '--json'], {
      cwd,
    });
    await bnnq(['model.onnx', '--scheme', 'linear', '--bits', '3'], { cwd });
    const packed = await bnnq(['cost', 'model.linear3.bnnq', '--json'], { cwd });
    const [a, b] = [JSON.parse(foretold.stdout), JSON.parse(packed.stdout)];
    expect(a.model).toBe('model.onnx');
    expect(b.energy).toEqual(a.energy);
    expect(b.operations).toEqual(a.operations);
    expect(a.energy.dram).toBeGreaterThan(0);
    const { stdout } = await bnnq(['cost', 'model.onnx', '--weights-in', 'sram', '--json'], { cwd });
    expect(JSON.parse(stdout).energy.dram).toBeLessThan(a.energy.dram);
    const rounded = [
      'cost',
      'model.onnx',
      '--scheme',
      'binary',
      '--bits',
      '1',
      '--act-bits',
      '4',
      '--sram',
      '64',
    ];
    const low = await bnnq([...rounded, '--json'], { cwd });
    expect(JSON.parse(low.stdout)).toMatchObject({ sramBytes: 64, shares: { float: expect.any(Number) } });
    expect(JSON.parse(low.stdout).parts.lowBit.compute).toBeGreaterThan(0);
  });

  it.each([
    [['--bits', '3'], '--scheme and --bits go together'],
    [['--scheme', 'exp', '--bits', '1-3'], '--bits: expected one width, got 1, 2, 3'],
    [['--granularity', 'tensor'], '--granularity needs --scheme and --bits'],
    [['--shape', 'x:1,2'], '--shape: expected a name and whole numbers such as x=1,3,224,224, got "x:1,2"'],
    [['--shape', 'z=1,1,8,8'], '"z" is no input of the model, which has x'],
    [['--sram', 'much'], 'size: expected a number of bytes'],
    [['--scheme', 'ternary', '--bits', '3'], 'scheme ternary: expected 2 bits, got 3'],
  ])('refuses %j as wrong usage', async (args, message) => {
    const { code, stdout, stderr } = await bnnq(['cost', 'model.onnx', ...args], { cwd });
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toContain(message);
  });

  it('is part of what a sweep reports of each point, and of the float network', async () => {
    const args = [
      'sweep',
      'model.onnx',
      '--data',
      'idx:images.idx,labels.idx',
      '--schemes',
      'linear',
      '--bits',
      '3,8',
    ];
    expect((await bnnq([...args, '-o', 'report', '--quiet'], { cwd })).code).toBe(0);
    const report = JSON.parse(readFileSync(join(cwd, 'report', 'report.json'), 'utf8'));
    const [low, high] = report.points;
    const told = JSON.parse(
      (await bnnq(['cost', 'model.onnx', '--scheme', 'linear', '--bits', '3', '--json'], { cwd })).stdout,
    );
    expect(low.cost.energy.total).toBeCloseTo(told.energy.total, 5);
    expect(low.cost.energy.total).toBeLessThan(high.cost.energy.total);
    expect(high.cost.energy.total).toBeLessThan(report.float.cost.energy.total);
    expect(readFileSync(join(cwd, 'report', 'report.html'), 'utf8')).toContain(
      'What a sample takes in energy',
    );
  });
});
