/** The runs of `npm run accuracy` by name, each with its command line. */
import { ABLATIONS, ACTIVATIONS, NETWORKS } from './accuracy-plan.mjs';

/** Where runs leave what they work with; not committed. */
export const OUT = 'results-output';

/** A sweep writes a report, a target one file of a size. */
const sweep = (line) => ({ kind: 'sweep', line });

/** The name of the sweep with one setting for all layers; a network may have several. */
export function uniformRun({ key }, i) {
  return i === 0 ? key : `${key}-${i + 1}`;
}

export function byLayerRun({ key }, { like, schemes }) {
  return `${key}-by-layer-${like}${schemes === undefined ? '' : `-${schemes}`}`;
}

export function ablationRun({ prefix }, i) {
  return `ablation-${prefix}-${i}`;
}

/** All runs, in an order in which each finds what it needs. */
export const RUNS = new Map([
  ...NETWORKS.flatMap((network) =>
    network.uniform.map((options, i) => [uniformRun(network, i), sweep(`${network.line} ${options}`)]),
  ),
  ...NETWORKS.flatMap((network) =>
    network.byLayer.map((choice) => [
      byLayerRun(network, choice),
      { kind: 'target', line: network.line, network, ...choice },
    ]),
  ),
  ...ABLATIONS.flatMap((ablation) =>
    Object.values(ablation.rows).map((options, i) => [
      ablationRun(ablation, i),
      sweep(`${ablation.command} ${options}`.trim()),
    ]),
  ),
  [ACTIVATIONS.key, sweep(ACTIVATIONS.command)],
]);

/**
 * The words of a run's command line.
 * @param results what is known of other runs: a target is for the size of one of their points
 */
export function wordsOf(name, results) {
  const { kind, line, network, like, schemes } = RUNS.get(name);
  const common = line.replaceAll('@', '../shared/data');
  if (kind === 'sweep') return `sweep ${common} -o ${OUT}/accuracy-${name}`.split(' ');
  const bytes = pointLike(network, like, results)?.packedBytes;
  if (bytes === undefined)
    throw new Error(`accuracy: ${name} needs the sweep with ${like} of ${network.key}`);
  const choice = schemes === undefined ? '' : ` --schemes ${schemes}`;
  return `quantize ${common} --target-size ${bytes}${choice} -o ${OUT}/accuracy-${name}.bnnq --force`.split(
    ' ',
  );
}

/** The point of a network's sweeps that is called so, `exp2` say; undefined where it has not been measured. */
export function pointLike(network, like, results) {
  return network.uniform
    .flatMap((_, i) => results.runs[uniformRun(network, i)]?.points ?? [])
    .find(({ scheme, bits }) => `${scheme}${bits}` === like);
}
