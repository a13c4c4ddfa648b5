import { SingleBar } from 'cli-progress';
import { isTerminal } from './colour.ts';
import { duration, printable } from './format.ts';

/** Between two plain lines where nobody watches; a log of an hour stays readable. */
const LINE_EVERY_MS = 5000;

export interface Progress {
  /** `done` of the total are finished; `detail` says what is in work. */
  update(done: number, total: number, detail?: string): void;
  /** Takes the bar away. */
  stop(): void;
}

const SILENT: Progress = { update() {}, stop() {} };

/**
 * Progress of long work on stderr: a bar with the time left when it is a terminal, a plain line every few seconds when
 * not, nothing with --quiet.
 * @param verb what is going on: `scoring`
 * @param noun what is counted: `images`
 */
export function startProgress(verb: string, noun: string, quiet: boolean): Progress {
  if (quiet) return SILENT;
  return isTerminal(process.stderr) ? bar(verb, noun) : lines(verb, noun);
}

function bar(verb: string, noun: string): Progress {
  const started = performance.now();
  const view = new SingleBar({
    stream: process.stderr,
    format: `${verb} {bar} {value}/{total} ${noun} {left} {detail}`,
    barCompleteChar: '━',
    barIncompleteChar: '─',
    barsize: 24,
    clearOnComplete: true,
    fps: 10,
    noTTYOutput: false,
    gracefulExit: false,
  });
  let running = false;
  return {
    update(done, total, detail = '') {
      if (!running) view.start(total, done, { left: '', detail: '' });
      running = true;
      view.setTotal(total);
      view.update(done, { left: timeLeft(started, done, total), detail: shorten(printable(detail)) });
    },
    stop() {
      if (running) view.stop();
      running = false;
    },
  };
}

function lines(verb: string, noun: string): Progress {
  const started = performance.now();
  let last = started;
  return {
    update(done, total) {
      if (performance.now() - last < LINE_EVERY_MS || done >= total) return;
      last = performance.now();
      process.stderr.write(
        `${verb}: ${done} of ${total} ${noun}, ${timeLeft(started, done, total) || 'time left unknown'}\n`,
      );
    },
    stop() {},
  };
}

/** `about 12 s left` from the pace so far; empty before there is one. */
function timeLeft(started: number, done: number, total: number): string {
  const seconds = (performance.now() - started) / 1000;
  if (done <= 0 || seconds < 0.5) return '';
  return `about ${duration(Math.ceil((seconds / done) * (total - done))).replace('.0', '')} left`;
}

function shorten(text: string): string {
  return text.length > 30 ? `${text.slice(0, 29)}…` : text;
}
