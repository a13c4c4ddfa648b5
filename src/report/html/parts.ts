import { html } from '../escape.ts';
import { widthToken } from '../filters.ts';
import { plural } from '../format.ts';

/** A part of the page under a heading of its own. */
export function section(heading: string, content: string): string {
  return `<section>\n<h2>${html(heading)}</h2>\n${content}\n</section>`;
}

/** A region that scrolls sideways on its own, reachable by keyboard. */
export function scroll(name: string, table: string): string {
  return `<div class="scroll" role="region" tabindex="0" aria-label="${html(name)}">${table}</div>`;
}

/** The head of a column, with a class where it has one. */
export type Head = string | { readonly text: string; readonly class: string };

export function headRow(heads: readonly Head[]): string {
  const cells = heads.map((head) =>
    typeof head === 'string'
      ? `<th scope="col">${html(head)}</th>`
      : `<th scope="col" class="${head.class}">${html(head.text)}</th>`,
  );
  return `<tr>${cells.join('')}</tr>`;
}

/** The head of the column of a bit width, which the switches can hide. */
export function widthHead(bits: number): Head {
  return { text: plural(bits, 'bit'), class: widthToken(bits) };
}
