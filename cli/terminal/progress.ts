import { createLogUpdate } from 'log-update';
import { isTerminal } from './colour.ts';
import { duration, printable } from './format.ts';

/** Between two plain lines where nobody watches; a log of an hour stays readable. */
const LINE_EVERY_MS = 5000;

/** Between two pictures where somebody does. */
const DRAW_EVERY_MS = 100;

const BAR_WIDTH = 24;

export interface Progress {
  /** `share` of the work is done, from 0 to 1; `count` says how much in words (`12/24 points`), `detail` what came last. */
  update(share: number, count: string, detail?: string): void;
  /** A remark in a line of its own. */
  note(text: string): void;
  /** Takes the bar away. */
  stop(): void;
}

/** Lines to show above the bar, for a terminal of so many columns and rows. */
export type View = (room: { readonly columns: number; readonly rows: number }) => readonly string[];

const SILENT: Progress = { update() {}, note() {}, stop() {} };

/**
 * Progress of long work on stderr: a bar with the time left when it is a terminal, a plain line every few seconds when
 * not, nothing with --quiet.
 */
export function startProgress(verb: string, quiet: boolean, view: View = () => []): Progress {
  if (quiet) return SILENT;
  return isTerminal(process.stderr) ? block(verb, view) : lines(verb);
}

/** Lines that are drawn again in their place. */
function block(verb: string, view: View): Progress {
  const started = performance.now();
  const picture = createLogUpdate(process.stderr);
  let drawn = Number.NEGATIVE_INFINITY;
  let state = { share: 0, count: '', detail: '' };
  const draw = (): void => {
    drawn = performance.now();
    const { columns = 80, rows = 24 } = process.stderr;
    const { share, count, detail } = state;
    const done = Math.floor(share * BAR_WIDTH);
    const bar = '━'.repeat(done) + '┄'.repeat(BAR_WIDTH - done);
    const line = `${verb} ${bar} ${count}${timeLeft(started, share)}${detail}`;
    // A line that the terminal wraps is not in its place the next time.
    const fit = (text: string): string => [...printable(text)].slice(0, columns - 1).join('');
    picture([...view({ columns: columns - 1, rows }), line].map(fit).join('\n'));
  };
  return {
    update(share, count, detail) {
      state = { share, count, detail: detail === undefined ? state.detail : `  ${detail}` };
      if (performance.now() - drawn >= DRAW_EVERY_MS) draw();
    },
    note(text) {
      picture.clear();
      process.stderr.write(`${printable(text)}\n`);
      if (drawn > Number.NEGATIVE_INFINITY) draw();
    },
    stop() {
      picture.clear();
      picture.done();
    },
  };
}

function lines(verb: string): Progress {
  const started = performance.now();
  let last = started;
  return {
    update(share, count) {
      if (performance.now() - last < LINE_EVERY_MS || share >= 1) return;
      last = performance.now();
      process.stderr.write(`${verb}: ${count}${timeLeft(started, share)}\n`);
    },
    note(text) {
      process.stderr.write(`${printable(text)}\n`);
    },
    stop() {},
  };
}

/** `, about 12 s left` from the pace so far; empty before there is one. */
function timeLeft(started: number, share: number): string {
  const seconds = (performance.now() - started) / 1000;
  if (share <= 0 || seconds < 1) return '';
  return `, about ${duration(Math.ceil((seconds / share) * (1 - share))).replace('.0', '')} left`;
}
