import { VERSION } from '../../src/index.ts';
import type { Measured, MeasuredPoint, MeasuredValues } from './measured.ts';

/** A family of the exposition format: rates become ratios, as the naming rules of Prometheus want base units. */
interface Family {
  readonly name: string;
  readonly help: string;
  readonly value: keyof MeasuredValues;
  readonly scale: number;
}

const FAMILIES: readonly Family[] = [
  { name: 'images', help: 'Images that were scored.', value: 'count', scale: 1 },
  { name: 'top1_ratio', help: 'Share of images whose first answer is right.', value: 'top1', scale: 100 },
  {
    name: 'top1_low_ratio',
    help: 'Lower end of the Wilson 95 % interval of it.',
    value: 'top1Low',
    scale: 100,
  },
  {
    name: 'top1_high_ratio',
    help: 'Upper end of the Wilson 95 % interval of it.',
    value: 'top1High',
    scale: 100,
  },
  {
    name: 'top5_ratio',
    help: 'Share of images with the right answer among five.',
    value: 'top5',
    scale: 100,
  },
  {
    name: 'agreement_ratio',
    help: "Share of answers that are the float network's.",
    value: 'agreement',
    scale: 100,
  },
  {
    name: 'kl_divergence_nats',
    help: 'Mean divergence from the float network.',
    value: 'klDivergence',
    scale: 1,
  },
  {
    name: 'logit_snr_decibels',
    help: 'Outputs of float against the difference.',
    value: 'logitSnrDb',
    scale: 1,
  },
  { name: 'packed_size_bytes', help: 'Packed file, all of it.', value: 'packedBytes', scale: 1 },
  { name: 'bytes_per_weight', help: 'Codes and levels by weight.', value: 'bitsPerWeight', scale: 8 },
  { name: 'correlation', help: 'Of original and discretized weights.', value: 'correlation', scale: 1 },
];

/**
 * A run in the text exposition format of Prometheus 0.0.4, for the textfile collector of its node exporter: gauges without
 * timestamps, which that collector refuses.
 * @param seconds since 1970, of the run
 */
export function prometheusText(measured: Measured, seconds: number): string {
  const { command, model, data, float, points } = measured;
  const shared = { model: model.file, ...(data && { data: data.spec }) };
  const labels = (point: MeasuredPoint) => ({ ...shared, ...point.settings });
  const families = FAMILIES.map(({ name, help, value, scale }) => {
    const samples = points.flatMap((point) => {
      const number = point.values[value];
      return number === null ? [] : [sample(name, labels(point), number / scale)];
    });
    return familyText(name, help, samples);
  });
  const gates = points.flatMap((point) =>
    point.gates.map(({ gate, met }) => sample('gate_met', { ...labels(point), gate }, met ? 1 : 0)),
  );
  const floatTop1 = float?.top1 ?? null;
  return [
    ...families,
    familyText(
      'float_top1_ratio',
      'The same share for the float network.',
      floatTop1 === null ? [] : [sample('float_top1_ratio', shared, floatTop1 / 100)],
    ),
    familyText('gate_met', 'Whether a gate holds: 1 or 0.', gates),
    familyText('last_run_timestamp_seconds', 'When this was measured.', [
      sample('last_run_timestamp_seconds', { ...shared, command, version: VERSION }, seconds),
    ]),
  ].join('');
}

function familyText(name: string, help: string, samples: readonly string[]): string {
  if (samples.length === 0) return '';
  return `# HELP bnn_quantize_${name} ${help}\n# TYPE bnn_quantize_${name} gauge\n${samples.join('')}`;
}

function sample(name: string, labels: Readonly<Record<string, unknown>>, value: number): string {
  const text = Object.entries(labels).map(([label, of]) => `${snakeCase(label)}="${escaped(String(of))}"`);
  return `bnn_quantize_${name}{${text.join(',')}} ${value}\n`;
}

function snakeCase(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** A label value: backslash, quote and line feed are escaped, all else is UTF-8 as it is. */
function escaped(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}
