/* The page: hands files and options to the worker and shows what comes back. */

const $ = (id) => document.getElementById(id);
const worker = new Worker('worker.js', { type: 'module' });
const waiting = new Map();
let lastId = 0;

worker.onmessage = ({ data: { id, value, error } }) => {
  const { resolve, reject } = waiting.get(id);
  waiting.delete(id);
  if (error === undefined) resolve(value);
  else reject(new Error(error));
};
worker.onerror = () =>
  showError('This browser cannot start the worker; WebAssembly with SIMD and module workers are needed.');

/** Has the worker do something. */
function ask(kind, more) {
  const id = ++lastId;
  worker.postMessage({ id, kind, ...more });
  return new Promise((resolve, reject) => waiting.set(id, { resolve, reject }));
}

const files = { model: undefined, image: undefined };
/** Whether the worker has read the file. */
const ready = { model: false, image: false };
let classNames = [];
let lastClasses = [];

for (const kind of ['model', 'image']) {
  const [drop, input] = [$(`${kind}-drop`), $(kind)];
  input.addEventListener('change', () => input.files[0] && open(kind, input.files[0]));
  drop.addEventListener('dragover', (event) => {
    event.preventDefault();
    drop.classList.add('over');
  });
  drop.addEventListener('dragleave', () => drop.classList.remove('over'));
  drop.addEventListener('drop', (event) => {
    event.preventDefault();
    event.stopPropagation();
    drop.classList.remove('over');
    for (const file of event.dataTransfer.files) openDropped(kindOf(file, kind), file);
  });
}
// Dropped beside the fields a file would replace the page.
addEventListener('dragover', (event) => event.preventDefault());
addEventListener('drop', (event) => {
  event.preventDefault();
  for (const file of event.dataTransfer.files) openDropped(kindOf(file, 'model'), file);
});

/** An image is an image wherever it was dropped. */
function kindOf(file, kind) {
  if (file.type.startsWith('image/')) return 'image';
  return kind === 'image' && file.type === '' ? 'model' : kind;
}

function openDropped(kind, file) {
  const list = new DataTransfer();
  list.items.add(file);
  $(kind).files = list.files; // so that the field says its name
  open(kind, file);
}

async function open(kind, file) {
  files[kind] = file;
  ready[kind] = false;
  $(`${kind}-about`).textContent = file.name;
  if (kind === 'image') showPreview(file);
  hideResult();
  setStatus(`Reading ${file.name} …`);
  try {
    const about = await ask(kind, { file });
    if (files[kind] !== file) return;
    ready[kind] = true;
    $(`${kind}-about`).textContent =
      kind === 'model'
        ? `${file.name}: ${size(file.size)}, ${about.nodes} nodes, input ${about.inputs.map(shapeOf).join(', ')}`
        : `${file.name}: ${about.width} × ${about.height}, ${about.channels === 1 ? 'grey' : 'RGB'}`;
    await run();
  } catch (error) {
    if (files[kind] === file) showError(error.message);
  }
}

for (const id of ['preset', 'resize', 'kernels']) $(id).addEventListener('change', run);
$('options').addEventListener('submit', (event) => event.preventDefault());
$('names').addEventListener('change', async () => {
  const text = (await $('names').files[0]?.text()) ?? '';
  try {
    classNames = text.trimStart().startsWith('[') ? JSON.parse(text) : text.trimEnd().split(/\r?\n/);
    showClasses(lastClasses);
  } catch {
    showError('The file of class names is neither a text of one name a line nor a JSON list.');
  }
});

let latestRun = 0;

async function run() {
  if (!ready.model || !ready.image) {
    setStatus(`Choose ${ready.model ? 'an image' : ready.image ? 'a model' : 'a model and an image'}.`);
    return;
  }
  const number = ++latestRun;
  const options = {
    preset: $('preset').value || undefined,
    resize: $('resize').value === '' ? undefined : Number($('resize').value),
    kernels: $('kernels').value,
  };
  setStatus('Running …');
  $('result').classList.add('stale');
  try {
    const result = await ask('run', options);
    if (number === latestRun) showResult(result, options);
  } catch (error) {
    if (number !== latestRun) return;
    hideResult();
    showError(error.message);
  }
}

function showResult({ classes, checksum, medianMs, firstMs, runs, memory, preset }, { resize }) {
  lastClasses = classes;
  showClasses(classes);
  $('time').textContent =
    `${milliseconds(medianMs)} (median of ${runs}; the first after a change took ${milliseconds(firstMs)})`;
  $('memory').textContent =
    `${size(memory.weightBytes)} weights, ${size(memory.activationBytes)} activations, ${size(memory.peakBytes)} at the peak`;
  $('checksum').textContent = checksum;
  $('command').textContent = commandFor(preset, resize);
  setStatus('Done.');
  $('result').classList.remove('stale');
  $('result').hidden = false;
}

function showClasses(classes) {
  $('classes').replaceChildren(
    ...classes.map(({ index, value, probability }) => {
      const row = document.createElement('tr');
      row.dataset.index = index;
      const name = document.createElement('td');
      name.textContent = classNames[index] === undefined ? String(index) : `${classNames[index]} (${index})`;
      const share = document.createElement('td');
      if (probability !== null) {
        const box = document.createElement('div');
        box.className = 'share';
        box.style.setProperty('--share', `${100 * probability}%`);
        const percent = document.createElement('span');
        percent.textContent = `${(100 * probability).toFixed(1)} %`;
        box.append(document.createElement('span'), percent);
        share.append(box);
      }
      const number = document.createElement('td');
      number.textContent = String(Number(value.toPrecision(6))).replace('-', '−');
      row.append(name, share, number);
      return row;
    }),
  );
}

/** What prints the same checksum in a terminal. */
function commandFor(preset, resize) {
  const quote = (text) => (/^[\w.\-/]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);
  const command = `npx bnn-quantize run ${quote(files.model.name)} --input ${quote(files.image.name)} --preprocess`;
  if (resize === undefined) return `${command} ${preset}`;
  return `echo '${JSON.stringify({ preset, resize })}' > steps.json\n${command} steps.json`;
}

function showPreview(file) {
  const preview = $('preview');
  URL.revokeObjectURL(preview.src);
  preview.hidden = true;
  preview.onload = () => {
    preview.classList.toggle('small', preview.naturalWidth < 128);
    preview.hidden = false;
  };
  preview.src = URL.createObjectURL(file);
}

function setStatus(text) {
  $('error').hidden = true;
  $('status').textContent = text;
  $('status').hidden = false;
}

function showError(text) {
  $('error').textContent = text;
  $('error').hidden = false;
  $('status').hidden = true;
  $('error').scrollIntoView({ block: 'nearest' });
}

function hideResult() {
  $('result').hidden = true;
  lastClasses = [];
}

const shapeOf = ({ shape }) => `[${(shape ?? []).map((dim) => dim ?? '?').join(', ')}]`;

function milliseconds(value) {
  return `${value < 10 ? value.toFixed(2) : value < 100 ? value.toFixed(1) : Math.round(value)} ms`;
}

function size(bytes) {
  if (bytes < 1000) return `${bytes} bytes`;
  return bytes < 1e6 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}
