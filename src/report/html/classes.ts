import type { ClassCounts, Flips, Report, SweepPoint } from '../../eval/types.ts';
import { html } from '../escape.ts';
import { plural, signed } from '../format.ts';
import { headRow, scroll } from './parts.ts';

/** Classes and confusions that a page shows of a point; report.json has all classes. */
const MAX_CLASSES_SHOWN = 12;
const MAX_CONFUSIONS_SHOWN = 8;

/** Which classes lose against the float model at one point, and what their images are taken for. */
export function classTable(report: Report, point: SweepPoint): string {
  const { byClass } = report.float;
  const { flips } = point;
  if (byClass === undefined || flips === undefined) return '<p>This report does not tell classes apart.</p>';
  const worst = worstClasses(flips);
  const more = flips.lost.filter((lost) => lost > 0).length - worst.length;
  const rest =
    more > 0
      ? `<p class="hint">${plural(more, 'more class', 'more classes')} lost images; report.json has them.</p>`
      : '';
  return [
    `<p>${summary(report, flips)}</p>`,
    ...(worst.length === 0 ? [] : [rows(report, byClass, flips, worst), rest, confusions(report, flips)]),
  ].join('\n');
}

/** Classes by what they lose on balance. */
function worstClasses({ lost, gained }: Flips): number[] {
  return lost
    .map((_, i) => i)
    .filter((i) => lost[i]! > 0)
    .toSorted((a, b) => lost[b]! - gained[b]! - (lost[a]! - gained[a]!) || lost[b]! - lost[a]! || a - b)
    .slice(0, MAX_CLASSES_SHOWN);
}

function summary({ dataset }: Report, { right, lost, gained }: Flips): string {
  const total = (counts: readonly number[]): number => counts.reduce((a, b) => a + b, 0);
  const hit = lost.filter((count) => count > 0).length;
  const among = hit === 0 ? '' : `, in ${hit} of ${plural(right.length, 'class', 'classes')}`;
  return dataset.labelled
    ? `${plural(total(lost), 'image')} that the float model gets right ${total(lost) === 1 ? 'is' : 'are'} lost${among}; ${total(gained)} that it gets wrong ${total(gained) === 1 ? 'is' : 'are'} right here.`
    : `${plural(total(lost), 'answer')} differ${total(lost) === 1 ? 's' : ''} from the float model’s${among}. Classes are those that the float model names.`;
}

function rows(report: Report, byClass: ClassCounts, flips: Flips, shown: readonly number[]): string {
  const { labelled } = report.dataset;
  const body = shown.map((i) => {
    const [count, lost] = [byClass.count[i] ?? 0, flips.lost[i]!];
    const share = (100 * lost) / Math.max(1, count);
    const cells = labelled
      ? [
          count,
          byClass.right[i] ?? 0,
          flips.right[i]!,
          lost,
          flips.gained[i]!,
          signed(flips.gained[i]! - lost, 0),
        ]
      : [count, lost];
    return `<tr><th scope="row">${html(className(report, i))}</th>${cells.map((cell) => `<td>${cell}</td>`).join('')}<td class="share"><i style="width:${share.toFixed(1)}%"></i>${share.toFixed(1)}</td></tr>`;
  });
  const head = labelled
    ? ['class', 'images', 'right, float', 'right here', 'lost', 'gained', 'balance', 'lost, % of the class']
    : ['class', 'answers, float', 'changed', 'changed, % of the class'];
  return scroll(
    'Classes that lose most',
    `<table class="classes"><thead>${headRow(head)}</thead><tbody>${body.join('\n')}</tbody></table>`,
  );
}

function confusions(report: Report, { confusions: found }: Flips): string {
  const items = found
    .slice(0, MAX_CONFUSIONS_SHOWN)
    .map(
      ({ from, to, images }) =>
        `<li>${html(className(report, from))} taken for ${to === null ? 'nothing (no answer)' : html(className(report, to))}: ${plural(images, 'image')}</li>`,
    );
  return `<h3>What the ${report.dataset.labelled ? 'lost' : 'changed'} images are taken for</h3>\n<ul class="pairs">${items.join('')}</ul>`;
}

/** Its name, or `class 5` where the dataset has none. */
export function className({ dataset }: Report, index: number): string {
  return dataset.classNames?.[index] ?? `class ${index}`;
}
