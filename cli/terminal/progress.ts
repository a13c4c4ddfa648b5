import { SingleBar } from 'cli-progress';
import { isTerminal } from './colour.ts';
import { duration, printable } from './format.ts';

/** Between two plain lines where nobody watches; a log of an hour stays readable. */
const LINE_EVERY_MS = 5000;

/** Steps of the bar; it is drawn by share, whatever is counted. */
const STEPS = 1000;

export interface Progress {
  /** `share` of the work is done, from 0 to 1; `count` says how much in words (`12/24 points`), `detail` what came last. */
  update(share: number, count: string, detail?: string): void;
  /** A remark in a line of its own. */
  note(text: string): void;
  /** Takes the bar away. */
  stop(): void;
}

const SILENT: Progress = { update() {}, note() {}, stop() {} };

/**
 * Progress of long work on stderr: a bar with the time left when it is a terminal, a plain line every few seconds when
 * not, nothing with --quiet.
 */
export function startProgress(verb: string, quiet: boolean): Progress {
  if (quiet) return SILENT;
  return isTerminal(process.stderr) ? bar(verb) : lines(verb);
}

function bar(verb: string): Progress {
  const started = performance.now();
  let details = '';
  let running = false;
  const view = new SingleBar({
    stream: process.stderr,
    format: `${verb} {bar} {count}{left}{details}`,
    barCompleteChar: '━',
    barIncompleteChar: '┄',
    barsize: 24,
    clearOnComplete: true,
    linewrap: false,
    fps: 10,
    gracefulExit: false,
  });
  return {
    update(share, count, detail) {
      if (detail !== undefined) details = `  ${printable(detail)}`;
      const payload = { count, left: timeLeft(started, share), details };
      if (!running) view.start(STEPS, 0, payload);
      running = true;
      view.update(Math.floor(share * STEPS), payload);
    },
    note(text) {
      // The bar is drawn again below.
      process.stderr.write(`${running ? '\r\u001b[K' : ''}${printable(text)}\n`);
    },
    stop() {
      if (running) view.stop();
      running = false;
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
