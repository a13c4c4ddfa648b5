/** Reads the mutants of one format one after the other, in a process that may be lost. Told what to do, and telling, by messages. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { FORMATS } from './formats.mjs';
import { damage, drawMutant } from './mutate.mjs';

process.on('message', async ({ format, seed, from, to, folder }) => {
  const { files, read, words = [] } = FORMATS[format];
  const paths = await files(join(folder, 'corpus'));
  process.send({ corpus: paths.length });
  const originals = new Map();
  for (let index = from; paths.length > 0 && index < to; index++) {
    const { file, mutations } = drawMutant(seed, index, paths.length, words);
    const path = paths[file];
    if (!originals.has(path)) originals.set(path, readFileSync(path));
    const place = mkdtempSync(join(folder, 'mutant-'));
    mkdirSync(place, { recursive: true });
    const damaged = join(place, basename(path));
    writeFileSync(damaged, damage(originals.get(path), mutations));
    process.send({ begin: index, file: path });
    const { user, system } = process.cpuUsage();
    const outcome = await attempt(() => read(damaged, place));
    const used = process.cpuUsage({ user, system });
    rmSync(place, { recursive: true });
    const seconds = (used.user + used.system) / 1e6;
    process.send({ end: index, seconds, peakBytes: process.resourceUsage().maxRSS * 1024, ...outcome });
  }
  process.send({ done: true }, () => process.exit());
});

/** What came of reading: accepted, refused with a code, or failed in a way that no file may cause. */
async function attempt(read) {
  try {
    await read();
    return { result: 'accepted' };
  } catch (thrown) {
    const { name, code, stack } = thrown ?? {};
    if (name === 'BnnqError' && code !== 'internal') return { result: code };
    return { result: 'crash', detail: String(stack ?? thrown) };
  }
}
