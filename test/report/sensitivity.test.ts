import { describe, expect, it } from 'vitest';
import { SENSITIVITY_FILES } from '../../src/report/sensitivity-files.ts';
import { candidateName, lossText } from '../../src/report/sensitivity-format.ts';
import { elements, textOf } from './markup.ts';
import { sampleSensitivity } from './sensitivity-fixture.ts';

const report = sampleSensitivity();
const written = (ending: string): string => SENSITIVITY_FILES[ending]!(report);

describe('lossText', () => {
  it.each([
    [0.0407, '4.1e-2'],
    [0, '0'],
    [1.26, '1.3e0'],
    [123, '1.2e2'],
    [9.96e-5, '1.0e-4'],
    [Number.POSITIVE_INFINITY, '∞'],
    [null, '∞'],
  ])('writes %d as %s', (loss, text) => {
    expect(lossText(loss)).toBe(text);
  });
});

describe('candidateName', () => {
  it('says scheme and bits, and what is not the default', () => {
    expect(report.candidates.map(candidateName)).toEqual([
      ...['linear2', 'linear3', 'linear2 zero', 'linear3 zero'],
      ...['exp2', 'exp3', 'exp2 zero', 'exp3 zero'],
    ]);
    const odd = {
      ...report.candidates[4]!,
      granularity: 'group:16',
      levels: 'cells',
      fit: 'max-range',
    } as const;
    expect(candidateName(odd)).toBe('exp2 group:16 max-range cells');
  });
});

describe('the sensitivity page', () => {
  const page = written('html');
  const tree = elements(page);

  it('is well-formed, with every id once, and asks for nothing from anywhere', () => {
    const ids = tree.flatMap(({ attributes }) => attributes.get('id') ?? []);
    expect(new Set(ids).size).toBe(ids.length);
    expect(page).not.toMatch(/https?:|\/\/[a-z]|@import|url\((?!#)/i);
    for (const name of ['script', 'link', 'img', 'iframe', 'object', 'embed', 'use', 'image'])
      expect(tree.filter((element) => element.name === name)).toEqual([]);
    const policy = tree.find(({ attributes }) => attributes.get('http-equiv') === 'Content-Security-Policy');
    expect(policy!.attributes.get('content')).toBe("default-src 'none'; style-src 'unsafe-inline'");
  });

  it('draws a cell for every layer and candidate that there is, darker where the loss is larger', () => {
    const cells = tree.filter(({ attributes }) => attributes.get('class') === 'heat-cell');
    expect(cells).toHaveLength(4 * 8 - 1);
    const opacity = cells.map(({ attributes }) => Number(attributes.get('fill-opacity')));
    const at = (layer: number, candidate: number): number => opacity[8 * layer + candidate]!;
    expect(at(0, 0)).toBeGreaterThan(at(0, 1)); // 2 bits, 3 bits
    expect(at(1, 1)).toBeGreaterThan(at(0, 1));
    expect(at(2, 0)).toBe(0); // kept
    expect(at(3, 0)).toBe(0.6); // infinite
    expect(Math.max(...opacity)).toBe(0.6);
    expect(Math.min(...opacity.slice(0, 16))).toBeGreaterThan(0);
  });

  it('draws a choice for each layer below one candidate for all', () => {
    const chart = page.match(/<svg[^>]*aria-labelledby="allocation-title[\s\S]*?<\/svg>/)![0];
    expect(chart.match(/class="dot"/g)).toHaveLength(8);
    const curve = /class="curve" d="M([\d.]+),([\d.]+)/.exec(chart)!;
    const dots = [...chart.matchAll(/translate\(([\d.]+),([\d.]+)\)/g)].map(([, x, y]) => [
      Number(x),
      Number(y),
    ]);
    // Both begin at 2 bits and a sixteenth.
    expect([Number(curve[1]), Number(curve[2])]).toEqual(dots[0]);
    expect(dots[4]![1]!).toBeLessThan(dots[0]![1]!);
  });

  it('gives both pictures a title, a description and the table beside them', () => {
    const charts = tree.filter(({ attributes }) => attributes.get('class') === 'chart');
    expect(charts).toHaveLength(2);
    for (const { attributes } of charts)
      for (const id of attributes.get('aria-labelledby')!.split(' '))
        expect(tree.some((element) => element.attributes.get('id') === id)).toBe(true);
    const table = page.match(/<table class="sensitivity">[\s\S]*?<\/table>/)![0];
    expect(table.match(/<tr>/g)).toHaveLength(1 + 4 + 3);
    expect(textOf(table)).toContain('a <b> & "c"|d');
    expect(textOf(table)).toContain('∞');
    expect(table.match(/<td class="best">/g)!.length).toBeGreaterThanOrEqual(4);
  });

  it('says that the sums are estimates, and what stays in float', () => {
    const text = textOf(page);
    expect(text).toContain('do not add up exactly');
    expect(text).toContain('it is <odd>');
    expect(text).toContain('KL divergence from float, nats, mean over 64 images of cifar10:calib.bin');
  });

  it('leaves out the picture of the choices where there is no loss to draw', () => {
    const nothing = sampleSensitivity({
      uniform: report.uniform.map((one) => ({ ...one, loss: 0, allocatedLoss: 0 })),
      frontier: [{ bitsPerWeight: 2, loss: 0 }],
      layers: report.layers.map((layer) => ({
        ...layer,
        cells: layer.cells.map((cell) => cell && { ...cell, loss: 0 }),
      })),
    });
    const plain = SENSITIVITY_FILES.html!(nothing);
    expect(elements(plain).filter(({ attributes }) => attributes.get('class') === 'chart')).toHaveLength(1);
    expect(plain).not.toMatch(/NaN|Infinity|undefined/);
  });

  it('has no numbers that are none in its drawings', () => {
    expect(page.match(/<svg[\s\S]*?<\/svg>/g)!.join('')).not.toMatch(/NaN|Infinity|undefined/);
  });
});

describe('the other files of a sensitivity table', () => {
  it('sensitivity.json is the report, infinite losses null', () => {
    const read = JSON.parse(written('json'));
    expect(read).toMatchObject({ schema: 'bnn-quantize/sensitivity@1', measure: 'kl', images: 64 });
    expect(read.layers[3].cells[0].loss).toBeNull();
    expect(read.layers[0].cells[0]).toEqual({ loss: 0.01, codeBytes: 108, levelBytes: 64 });
  });

  it('the CSV has a line a layer and candidate', () => {
    const lines = written('csv').trimEnd().split('\r\n');
    expect(lines).toHaveLength(1 + 31);
    expect(lines[0]).toBe(
      'layer,node,operator,weights,scheme,bits,granularity,fit,levels,zero,bases,measure,loss,codeBytes,levelBytes,kept,images,model,modelSha256,dataset',
    );
    expect(lines[1]).toMatch(
      /^conv1\.weight,node0,Conv,432,linear,2,channel,correlation,geometric,false,joint,kl,0\.01,108,64,false,64,resnet20\.onnx,/,
    );
    expect(lines[9]).toMatch(/^"a <b> & ""c""\|d",/);
    expect(lines[25]).toContain(',kl,inf,');
  });

  it('the Markdown has a row a layer, names that cannot do anything, and the sums', () => {
    const lines = written('md').split('\n');
    expect(lines).toContain(
      '| layer | weights | linear2 | linear3 | linear2 zero | linear3 zero | exp2 | exp3 | exp2 zero | exp3 zero |',
    );
    expect(lines.some((line) => line.startsWith('| `a <b> & "c"\\|d` | 864 | 1.0e-1 |'))).toBe(true);
    expect(lines.some((line) => line.startsWith('| a choice for each, same size |'))).toBe(true);
  });
});
