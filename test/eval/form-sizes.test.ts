import { describe, expect, it } from 'vitest';
import { exportC } from '../../src/eval/export-c.ts';
import { exportModel } from '../../src/eval/export-model.ts';
import { type FormRefusal, type FormSize, formSizes } from '../../src/eval/form-sizes.ts';
import { encodePacked } from '../../src/eval/save.ts';
import { readModel } from '../../src/formats/read-model.ts';
import { quantizeModel } from '../../src/quantizers/quantize-model.ts';

const FORMS = [
  ...['packed', 'compressed', 'onnx planes', 'onnx integer', 'onnx msft', 'onnx float', 'qonnx', 'c'],
];

async function sizesOf(scheme: string, bits: number) {
  const { model } = quantizeModel(await readModel('examples/demo/digits.onnx'), { scheme, bits });
  return { model, sizes: formSizes(model) };
}

describe('the sizes of the forms of a model', () => {
  it('are those of the files that are written, and every byte is for something', async () => {
    const { model, sizes } = await sizesOf('linear', 4);
    expect(sizes.map(({ form }) => form)).toEqual(FORMS);
    const made = (sizes as FormSize[]).map(({ codes, levels, other, graph, total }) => {
      expect(codes + levels + other + graph).toBe(total);
      return total;
    });
    const { arrayBytes, structBytes, codeBytes } = exportC(model).size;
    expect(made).toEqual([
      encodePacked(model).length,
      encodePacked(model, { compress: true }).length,
      exportModel(model, { to: 'onnx' }).length,
      exportModel(model, { to: 'onnx', opset: 25 }).length,
      exportModel(model, { to: 'onnx', flavor: 'msft' }).length,
      exportModel(model, { to: 'onnx', flavor: 'float' }).length,
      exportModel(model, { to: 'qonnx' }).length,
      arrayBytes + structBytes + codeBytes,
    ]);
  });

  it('say the same of codes, and of tensors that are not discretized, in every form that keeps them', async () => {
    const { sizes } = await sizesOf('exp', 3);
    const of = (name: string) => sizes.find(({ form }) => form === name) as FormSize;
    const [packed, compressed, planes, c] = ['packed', 'compressed', 'onnx planes', 'c'].map(of);
    expect(planes).toMatchObject({ codes: packed!.codes, levels: packed!.levels, other: packed!.other });
    expect(c!.codes).toBe(packed!.codes);
    expect(compressed!.codes).toBeLessThan(packed!.codes);
    expect(compressed).toMatchObject({ levels: packed!.levels, other: packed!.other });
    expect(of('onnx float').codes).toBe(0);
  });

  it('have the sentence of the refusal where a model cannot be written so', async () => {
    const { sizes } = await sizesOf('exp', 3);
    const refused = sizes.find(({ form }) => form === 'qonnx') as FormRefusal;
    expect(refused.reason).toMatch(/^qonnx: 9 weights have levels that are not equally far apart/);
  });
});
