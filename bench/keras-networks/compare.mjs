/**
 * `node --import ./scripts/load-typescript.mjs bench/keras-networks/compare.mjs FOLDER [--table] [name …]`: reads the networks that make.py
 * wrote and compares what they compute with what Keras computed; then quantizes, packs, reads and runs each. `--table` writes docs/results/keras-networks.md.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readModelBytes } from '../../src/formats/read-model.ts';
import { createSession, encodePacked, notConverted, quantize, readModel } from '../../src/index.ts';
import { readGolden, relativeError } from '../../test/formats/keras/golden.ts';

const TOLERANCE = 1e-4;
const KINDS = { v3: 'Keras 3.15', v2: 'Keras 2.15' };

const [folder, ...words] = process.argv.slice(2);
const wanted = words.filter((word) => word !== '--table');
// Rows are kept beside the networks, so that some of them can be looked at again.
const kept = join(folder, 'rows.json');
const rows = existsSync(kept) ? JSON.parse(readFileSync(kept, 'utf8')) : {};
for (const kind of Object.keys(KINDS)) {
  if (!existsSync(join(folder, kind))) continue;
  for (const file of readdirSync(join(folder, kind)).sort()) {
    const name = file.replace(/\..*$/, '');
    if (/\.(npz|json)$/.test(file) || (wanted.length > 0 && !wanted.includes(name))) continue;
    const row = {
      kind,
      name,
      format: file.slice(name.length),
      ...(await examine(join(folder, kind), kind, name, file)),
    };
    rows[`${kind}/${file}`] = row;
    console.log([kind, file, row.error, row.transposes, row.notes, row.packed].join(' | '));
    writeFileSync(kept, JSON.stringify(rows, null, 1));
  }
}
if (words.includes('--table'))
  writeFileSync(new URL('../../docs/results/keras-networks.md', import.meta.url), table(Object.values(rows)));

/** What the table says of one file. */
async function examine(directory, kind, name, file) {
  const row = { error: '', transposes: '', notes: '', packed: '' };
  try {
    const path = join(directory, file);
    const model = file.endsWith('.weights.h5')
      ? await readModel(path, { architecture: join(directory, `${name}.json`) })
      : await readModel(file.endsWith('.tfjs') ? join(path, 'model.json') : path);
    row.notes = notConverted(model).join('; ');
    row.transposes = model.graph.nodes.filter(({ opType }) => opType === 'Transpose').length;
    if (row.notes === '') {
      const { inputs, outputs } = readGolden(join(directory, `${name}.npz`));
      const made = run(model, inputs);
      made.forEach((tensor, i) => {
        if (`${tensor.shape}` !== `${outputs[i].shape}`)
          throw new Error(`output ${i} is [${tensor.shape}], Keras has [${outputs[i].shape}]`);
      });
      row.error = Math.max(...made.map((tensor, i) => relativeError(tensor, outputs[i]))).toExponential(1);
      // The graph is the same whatever the file; of one of them is enough.
      const known = Object.values(rows).find(
        (one) => one.kind === kind && one.name === name && one.packed !== '',
      );
      row.packed = known?.packed ?? (await packedAgrees(model, inputs));
    } else {
      const { model: small } = quantize(model, { scheme: 'linear', bits: 4 });
      await readModelBytes(encodePacked(small));
      row.packed = 'packs';
    }
  } catch (error) {
    row.error = `${error.message}`.slice(0, 300);
  }
  return row;
}

/** Whether the packed file of the quantized model computes, bit for bit, what the quantized model computes. */
async function packedAgrees(model, inputs) {
  const { model: small, layers } = quantize(model, { scheme: 'linear', bits: 4 });
  if (layers.length === 0) return 'no layers';
  const before = run(small, inputs);
  const after = run(await readModelBytes(encodePacked(small)), inputs);
  const isSame = before.every((tensor, i) =>
    tensor.data.every((value, at) => Object.is(value, after[i].data[at])),
  );
  const areFinite = before.every((tensor) => tensor.data.every((value) => Number.isFinite(Number(value))));
  return isSame && areFinite
    ? `${layers.length}`
    : `${isSame ? '' : 'differs '}${areFinite ? '' : 'not finite'}`;
}

function run(model, inputs) {
  const session = createSession(model, { kernels: 'auto' });
  try {
    const made = session.run(Object.fromEntries(session.inputs.map(({ name }, i) => [name, inputs[i]])));
    return session.outputs.map(({ name }) => made.get(name));
  } finally {
    session.dispose();
  }
}

function table(all) {
  const isGood = ({ error }) => error !== '' && Number(error) <= TOLERANCE;
  const lines = [
    '# Keras networks as people use them',
    '',
    '`bench/keras-networks/make.py` builds them with real Keras, with random weights and statistics; `compare.mjs --table` beside it made this table: the commands are in the two files.',
    'Applications are of their smallest size, with small images, 75 × 75 without the top. Error: the largest difference from what Keras computes by the largest value, of all',
    'outputs. Transposes: those of the imported graph; an output that is an image needs one. Packed: weights that were discretized to 4 bits, packed, read, and run to the same bits as before; tried with one file of each network.',
    'Keras 3 ran on TensorFlow 2.21, Keras 2 on 2.15. Under a softmax the last kernel is scaled so that it does not saturate: networks without the top (`_notop`) are the sharper test.',
    '',
    `${all.filter(isGood).length} of ${all.length} files are within ${TOLERANCE}.`,
  ];
  for (const [kind, title] of Object.entries(KINDS)) {
    lines.push('', `## ${title}`, '');
    lines.push(
      '| network | files | error | transposes | packed | not converted |',
      '| --- | --- | --- | --- | --- | --- |',
    );
    const names = [...new Set(all.filter((row) => row.kind === kind).map(({ name }) => name))].sort();
    for (const name of names) {
      const own = all.filter((row) => row.kind === kind && row.name === name);
      // Files that give the same row share a line.
      const cells = new Map();
      for (const { format, error, transposes, packed, notes } of own) {
        const text = [error, transposes, packed, notes.replaceAll('|', '\\|')].join(' | ');
        cells.set(text, [...(cells.get(text) ?? []), format]);
      }
      for (const [text, formats] of cells) lines.push(`| ${name} | ${formats.join(' ')} | ${text} |`);
    }
  }
  return `${lines.join('\n')}\n`;
}
