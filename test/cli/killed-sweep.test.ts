import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync, watch } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bnnq, MAIN } from './run-cli.ts';
import { tinyFolder } from './tiny-model.ts';

const KILLS = 50;
const DATA = 'idx:images.idx,labels.idx';
/** Nine points, three of them calibrated, which leaves models in the folder as well. */
const SWEEPS = [
  ['sweep', 'model.onnx', '--data', DATA, '--schemes', 'linear,exp', '--bits', '2,3,4', '--threads', '2'],
  ['sweep', 'model.onnx', '--data', DATA, '--schemes', 'linear', '--bits', '1,2,3', '--threads', '1'].concat([
    ...['--calib', 'idx:images.idx', '--calib-samples', '16'],
  ]),
];
let cwd: string;
beforeAll(() => {
  cwd = tinyFolder(300);
});
afterAll(() => rmSync(cwd, { recursive: true }));

/** Numbers in [0, 1) that are the same in every run (Lehmer's generator). */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}

function start(args: readonly string[], out: string): ChildProcess {
  return spawn(process.execPath, [MAIN, ...args, '--quiet', '-o', out], { cwd, stdio: 'ignore' });
}

function ended(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve) => child.on('exit', (code) => resolve(code)));
}

/** Calls `then` when the folder's files have changed that many times; something may never happen before the end. */
function afterChanges(folder: string, count: number, then: () => void): () => void {
  let seen = 0;
  const watcher = watch(folder, () => {
    if (++seen === count) then();
  });
  return () => watcher.close();
}

/** The report but for times and for the folder, which is in the command. */
function lasting(folder: string): unknown {
  const report = JSON.parse(readFileSync(join(cwd, folder, 'report.json'), 'utf8'), (key, value) =>
    key === 'seconds' || key === 'runSeconds' || key === 'created' ? undefined : value,
  );
  return { ...report, command: null };
}

describe('a sweep that is killed (SIGKILL) again and again', () => {
  it(`ends with the report of one that was not, after ${KILLS} kills at random moments`, async () => {
    const random = generator(20_260);
    const whole: { report: unknown; milliseconds: number }[] = [];
    for (const [i, args] of SWEEPS.entries()) {
      const begun = performance.now();
      expect((await bnnq([...args, '-o', `whole${i}`], { cwd })).code).toBe(0);
      whole.push({ report: lasting(`whole${i}`), milliseconds: performance.now() - begun });
    }
    let [kills, folders, resumed] = [0, 0, 0];
    while (kills < KILLS) {
      const which = folders % SWEEPS.length;
      const out = `killed${folders++}`;
      const folder = join(cwd, out);
      const journal = join(folder, 'points.jsonl');
      let kept = '';
      for (let done = false; !done; ) {
        const child = start(SWEEPS[which]!, out);
        const end = ended(child);
        const kill = (): boolean => child.kill('SIGKILL');
        // Half of the kills come at any time; the others follow what happens in the folder, so that many hit a write.
        const isTimed = random() < 0.5 || !existsSync(folder);
        const [share, changes] = [random(), 1 + Math.floor(random() * 24)];
        const timer = setTimeout(kill, isTimed ? share * whole[which]!.milliseconds : 60_000);
        const unwatch = isTimed ? () => {} : afterChanges(folder, changes, kill);
        const code = await end;
        clearTimeout(timer);
        unwatch();
        if (code === null) kills++;
        else expect(code).toBe(0);
        done = code === 0;
        // Whatever was finished is still there, and no report is half there.
        const now = existsSync(journal) ? readFileSync(journal, 'utf8') : '';
        expect(now.startsWith(kept)).toBe(true);
        kept = now.slice(0, now.lastIndexOf('\n') + 1);
        if (existsSync(join(folder, 'report.json'))) expect(lasting(out)).toEqual(whole[which]!.report);
        if (existsSync(join(folder, 'report.html')))
          expect(readFileSync(join(folder, 'report.html'), 'utf8').trimEnd().endsWith('</html>')).toBe(true);
        if (code === null && kept.split('\n').length > 2) resumed++;
      }
      expect(lasting(out)).toEqual(whole[which]!.report);
      expect(readdirSync(folder).filter((name) => name.startsWith('report.'))).toHaveLength(4);
      // No point was computed twice: a line each, and one for the float network and each calibrated model.
      const keys = kept
        .split('\n')
        .slice(0, -1)
        .map((line) => (JSON.parse(line) as { key: string }).key);
      expect(new Set(keys).size).toBe(keys.length);
    }
    expect(resumed).toBeGreaterThan(KILLS / 5);
  }, 300_000);
});
