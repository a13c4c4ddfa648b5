#!/usr/bin/env node
/**
 * `npm run cost [-- --write]`: energy of one sample for every network of ../shared/data/models, as it is and at 4, 2 and 1 bits, by the
 * model of docs/cost.md. Counted, not measured: the same table on every machine. `--write` puts it into docs/results/cost.md.
 */
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { energyText, modelCost, readModel } from '../dist/src/index.js';

const MODELS = fileURLToPath(new URL('../../shared/data/models/', import.meta.url));
const RESULT = fileURLToPath(new URL('../docs/results/cost.md', import.meta.url));

/** Sizes of inputs that a file leaves open. */
const SHAPES = { 'ch_PP-OCRv4_det_infer.onnx': new Map([['x', [1, 3, 320, 320]]]) };

const SETTINGS = [
  ['as it is', {}],
  ...[4, 2, 1].map((bits) => [`${bits} × float`, { weights: { scheme: 'linear', bits } }]),
  ...[4, 2, 1].map((bits) => [`${bits} × 8`, { weights: { scheme: 'linear', bits }, actBits: 8 }]),
];

if (!existsSync(MODELS)) throw new Error(`cost: ${MODELS} is missing`);
const rows = [];
for (const name of readdirSync(MODELS).toSorted()) {
  const path = existsSync(`${MODELS}${name}/model.json`) ? `${MODELS}${name}/model.json` : `${MODELS}${name}`;
  const model = await readModel(path);
  const seen = new Set();
  for (const [setting, options] of SETTINGS) {
    const cost = modelCost(model, { ...options, inputShapes: SHAPES[name] });
    // Networks of few bits keep them, whatever is asked for; inputs of FLOAT16 are not rounded.
    const counted = JSON.stringify([cost.operations, cost.traffic]);
    if (seen.has(counted)) continue;
    seen.add(counted);
    rows.push([name, setting, cost]);
  }
}
const table = markdown(rows);
if (process.argv.includes('--write')) writeFileSync(RESULT, page(table));
else console.log(table);

function markdown(list) {
  const head = [
    ...['network', 'weights × inputs', 'million MACs', 'energy', 'arithmetic', 'SRAM', 'DRAM'],
    ...['binary, %', 'low-bit, %', 'float, %', 'float in arithmetic, %'],
  ];
  const lines = list.map(([name, setting, { macs, energy, parts, shares, uncounted }], i) => [
    list[i - 1]?.[0] === name ? '' : `${name}${uncounted === undefined ? '' : ' (in part)'}`,
    setting,
    list[i - 1]?.[0] === name ? '' : (macs / 1e6).toPrecision(3),
    ...[energy.total, energy.compute, energy.sram, energy.dram].map(energyText),
    ...[shares.binary, shares.lowBit, shares.float].map((share) => share.toFixed(1)),
    ((100 * parts.float.compute) / energy.compute).toFixed(1),
  ]);
  const line = (cells) => `| ${cells.join(' | ')} |`;
  return [line(head), line(['---', '---', ...head.slice(2).map(() => '--:')]), ...lines.map(line)].join('\n');
}

function page(text) {
  return `# What networks cost

Made by \`npm run cost -- --write\`. One sample, by the model of [cost.md](../cost.md): arithmetic and memory in 45 nm, the graph as it is written, weights read once from off-chip
memory, activations in on-chip memory of the size that they need. Estimates, not measurements. \`4 × 8\` stands for weights of 4 bits in equal steps, a scale a channel (\`--scheme linear --bits 4\`), and inputs of
layers of 8 bits; \`4 × float\` for the same weights and inputs as they are. Rows that come out as one
before are left out: networks of few bits keep their weights, and inputs of FLOAT16 are not rounded.

${text}

What it shows:

- **Fewer bits in weights alone save memory, not arithmetic**, until they are signs: a product with a float is one of floats. Signs need no multiplication, which is four fifths of the arithmetic.
- **8-bit inputs are worth more than the last bits of weights**: arithmetic falls by an order of magnitude.
- **The float parts are what is left.** With signs for weights and 8-bit inputs they are most of the arithmetic in networks with BatchNormalization and shortcuts; in networks that were made binary it is
  the first layer, whose inputs are pictures.
- One sample reads every weight once. Where layers are large and pictures small (LFC, the autoencoder) that is nearly all of the energy, and bits a weight are what counts.
`;
}
