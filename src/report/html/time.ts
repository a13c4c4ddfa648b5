import type { Report } from '../../eval/types.ts';
import { html } from '../escape.ts';
import { millisecondsAnImage, plural } from '../format.ts';
import { section } from './parts.ts';

/** What the runs took: of the sweep, on the machine that it ran on, not of a device. */
export function time(report: Report): string {
  const { float, points, machine } = report;
  const each = points.flatMap((point) => millisecondsAnImage(point) ?? []).toSorted((a, b) => a - b);
  const own = millisecondsAnImage(float);
  const total = [float, ...points].reduce((sum, { seconds }) => sum + seconds, 0);
  const facts: [string, string][] = [
    ['All runs', `${total.toFixed(1)} s, summed over threads, discretizing included`],
    ...(own === null
      ? []
      : [['Float model', `${own.toFixed(2)} ms an image, decoding the images included`] as [string, string]]),
    ...(each.length === 0
      ? []
      : [
          [
            plural(each.length, 'point'),
            `median ${each[(each.length - 1) >> 1]!.toFixed(2)} ms an image, from ${each[0]!.toFixed(2)} to ${each.at(-1)!.toFixed(2)}`,
          ] as [string, string],
        ]),
  ];
  const hint = `<p class="hint">One thread for each image, other threads at work beside it, on ${html(machine.cpu)}. Good for planning the next sweep; how fast a network runs elsewhere is for a benchmark to say.</p>`;
  return section(
    'Time',
    `<dl class="facts">${facts.map(([name, value]) => `<dt>${html(name)}</dt><dd>${html(value)}</dd>`).join('\n')}</dl>${hint}`,
  );
}
