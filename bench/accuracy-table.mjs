/** docs/results/accuracy.md, from what is in accuracy.json. */
import { ABLATIONS, ACTIVATIONS, LITERATURE, NETWORKS } from './accuracy-plan.mjs';
import { ablationRun, byLayerRun, pointLike, RUNS, uniformRun } from './accuracy-runs.mjs';

export function documentOf(results) {
  return [
    '# Accuracy with calibration',
    '',
    'Made by `npm run accuracy`; the figures stand in [accuracy.json](accuracy.json), the commands at the end. Weights of every layer are discretized, the first and the last included, one level table a',
    'channel unless said otherwise; activations are float. Calibration images are training images without their labels (CIFAR-10: 1,024, ImageNet: 200, MNIST: 1,024),',
    'accuracy is taken on others. Top-1 in percent; in brackets points against float. On 800 images one image is 0.125 points, and the 95 % interval of a figure is about ±3',
    'points; on 10,000 about ±0.6. Compare losses within a column rather than with those of other images.',
    '',
    '*By layer*: bits, or scheme and bits, chosen for each layer by `--target-size`, in a file of at most the bytes that `exp`, or `codebook`, has with one setting for all layers.',
    '',
    ...NETWORKS.flatMap((network) => networkSection(network, results)),
    ...againstUniform(results),
    "## The literature's best at the same bits",
    '',
    'Points of top-1 lost by the best calibrated methods published for weights alone, a channel, activations in float (AdaRound, OBQ, BRECQ). Other networks and the whole',
    'validation set, so a yardstick and not a comparison. Ours at the same bits: the losses above.',
    '',
    ...table(
      ['network', '4 bits', '3 bits', '2 bits'],
      Object.entries(LITERATURE).map(([name, by]) => [name, by[4], by[3], by[2]]),
    ),
    '',
    ...ablations(results),
    ...activationSection(results),
    ...costSection(results),
    '## The commands',
    '',
    '```sh',
    ...[...RUNS.keys()].flatMap((name) => results.runs[name]?.command ?? []),
    '```',
    '',
  ].join('\n');
}

/** The first columns are text, the others are figures. */
function table(head, rows, texts = 1) {
  return [head, head.map((_, i) => (i < texts ? '---' : '--:')), ...rows].map(
    (cells) => `| ${cells.join(' | ')} |`,
  );
}

/** `−0.05`, of a difference that is rounded first. */
function signed(value) {
  const rounded = Math.round(value * 100) / 100;
  return `${rounded > 0 ? '+' : ''}${rounded.toFixed(2).replace('-', '−')}`;
}

const kilobytes = (bytes) => `${(bytes / 1000).toFixed(0)} kB`;

/** The columns of a network's table: what each has at so many bits. */
function columnsOf(network, results) {
  const schemes = [
    ...new Set(
      network.uniform.flatMap((_, i) =>
        (results.runs[uniformRun(network, i)]?.points ?? []).map(({ scheme }) => scheme),
      ),
    ),
  ];
  const uniform = schemes.map((scheme) => ({
    head: `\`${scheme}\``,
    name: scheme,
    at: (bits) => pointLike(network, `${scheme}${bits}`, results),
  }));
  const chosen = [
    { head: '`exp`, bits by layer', name: 'exp, bits by layer', like: 'exp', schemes: 'exp' },
    { head: 'scheme and bits by layer', name: 'by layer', like: 'exp' },
    { head: 'the same, size of `codebook`', name: 'by layer, size of codebook', like: 'codebook' },
  ].map(({ like, schemes, ...column }) => ({
    ...column,
    at: (bits) => results.runs[byLayerRun(network, { like: `${like}${bits}`, schemes })]?.points[0],
  }));
  const [exp, ...others] = uniform;
  return exp === undefined ? [] : [exp, chosen[0], ...others, ...chosen.slice(1)];
}

function networkSection(network, results) {
  const { name, targets } = network;
  const float = results.runs[uniformRun(network, 0)]?.float;
  if (float === undefined) return [];
  const all = [5, 4, 3, 2, 1];
  const columns = columnsOf(network, results).filter(({ at }) => all.some(at));
  const rows = all
    .filter((bits) => columns.some(({ at }) => at(bits)))
    .map((bits) => {
      const target = targets[bits];
      const met = ({ top1 }) =>
        target === undefined ? '' : float.top1 - top1 <= target + 1e-9 ? ' ✓' : ' ✗';
      const cells = columns.map(({ at }) => {
        const point = at(bits);
        if (point === undefined) return '–';
        const { top1, top5, packedBytes } = point;
        return `${top1.toFixed(2)} (${signed(top1 - float.top1)})${met(point)}<br>${kilobytes(packedBytes)}, top-5 ${top5.toFixed(2)}`;
      });
      const best = columns
        .filter(({ at }) => at(bits))
        .toSorted(
          (a, b) => b.at(bits).top1 - a.at(bits).top1 || a.at(bits).packedBytes - b.at(bits).packedBytes,
        )[0];
      return [bits, target ?? '–', ...cells, best.name];
    });
  return [
    `## ${name}`,
    '',
    `Float: top-1 ${float.top1.toFixed(2)}, top-5 ${float.top5.toFixed(2)}. ✓ and ✗: within the loss that was aimed at, or not.`,
    '',
    ...table(['bits', 'aim: at most', ...columns.map(({ head }) => head), 'best'], rows),
    '',
  ];
}

/** One setting for all layers beside a choice for each, in files of the same size. */
function againstUniform(results) {
  const rows = NETWORKS.flatMap((network) =>
    network.byLayer
      .filter(({ schemes }) => schemes === undefined)
      .flatMap(({ like }) => {
        const one = pointLike(network, like, results);
        const chosen = results.runs[byLayerRun(network, { like })]?.points[0];
        if (one === undefined || chosen === undefined) return [];
        const cells = [one, chosen].flatMap(({ packedBytes, top1, klDivergence }) => [
          packedBytes.toLocaleString('en'),
          top1.toFixed(2),
          klDivergence.toFixed(3),
        ]);
        return [[`${network.name.split(',')[0]}, \`${like}\``, ...cells]];
      }),
  );
  if (rows.length === 0) return [];
  return [
    '## One setting for all layers, and a choice for each',
    '',
    'The setting for all layers, and scheme and bits chosen by layer for a file of at most its size. KL: mean divergence of the answers from those of the float network,',
    'in nats; it tells networks apart that top-1 cannot on so few images.',
    '',
    ...table(['network, setting', 'bytes', 'top-1', 'KL', 'by layer: bytes', 'top-1', 'KL'], rows),
    '',
  ];
}

function ablations(results) {
  const sections = ABLATIONS.flatMap((ablation) => ablationSection(ablation, results));
  if (sections.length === 0) return [];
  return [
    '## What each part is worth',
    '',
    'Top-1, percent, and in brackets the KL divergence from float in nats. Every row is one sweep.',
    '',
    ...sections,
  ];
}

function ablationSection(ablation, results) {
  const { name, bits, rows } = ablation;
  const lines = Object.entries(rows).flatMap(([label, options], i) => {
    const run = results.runs[ablationRun(ablation, i)];
    if (run === undefined) return [];
    const cells = bits.map((width) => {
      const point = run.points.find((one) => one.bits === width);
      return point === undefined ? '–' : `${point.top1.toFixed(2)} (${point.klDivergence.toFixed(3)})`;
    });
    const shown = options.replaceAll(/--calib \S+/g, '--calib …').trim();
    return [[label, shown === '' ? '' : `\`${shown}\``, ...cells]];
  });
  if (lines.length === 0) return [];
  return [
    `### ${name}`,
    '',
    ...table(['what', 'options', ...bits.map((width) => `${width} bit${width === 1 ? '' : 's'}`)], lines, 2),
    '',
  ];
}

function activationSection(results) {
  const run = results.runs[ACTIVATIONS.key];
  if (run === undefined) return [];
  const { widths, activations, name } = ACTIVATIONS;
  const cellOf = (bits, acts) =>
    run.points.find((point) => point.bits === bits && (point.actBits ?? null) === acts)?.top1.toFixed(2) ??
    '–';
  return [
    '## Activations of few bits',
    '',
    `${name}. Top-1, percent; float ${run.float.top1.toFixed(2)}.`,
    '',
    ...table(
      ['weights', ...activations.map((bits) => (bits === null ? 'float activations' : `A${bits}`))],
      widths.map((bits) => [`W${bits}`, ...activations.map((acts) => cellOf(bits, acts))]),
    ),
    '',
  ];
}

function costSection({ cost }) {
  if (cost === undefined) return [];
  return [
    '## Time and memory',
    '',
    `One \`quantize --scheme exp --bits 3 --calib …\` alone on the machine (${cost.machine}), one run each; the command reads, calibrates and writes. Calibration works in one thread.`,
    '',
    ...table(
      ['network', 'seconds', 'peak memory, MB'],
      cost.rows.map(({ name, seconds, megabytes }) => [name, seconds.toFixed(0), megabytes.toFixed(0)]),
    ),
    '',
  ];
}
