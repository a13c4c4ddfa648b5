/**
 * A process of `runtime.mjs`: measures all works with one number of threads, which onnxruntime-web takes once a process. Asked by a
 * message `{works, threads, settings}`; answers `{peaks, results}`, or ends with a message on stderr.
 */
import { readFileSync } from 'node:fs';
import { createSession, readModel } from '../dist/src/index.js';
import { measurePeaks } from './peaks.mjs';
import { ortNode, ortWeb } from './peers.mjs';
import { interleaved } from './timing.mjs';

/**
 * Least cosine of the angle between outputs and what onnxruntime gives in float32 for the same weights, discretized or not.
 * A network of signs in int8 has other signs wherever a sum is nearly 0; rounded activations are those of `quantized`.
 */
const LEAST_COSINE = { float: 0.9999, quantized: 0.95, quantizedSigns: 0.7 };

process.once('message', async ({ works, threads, settings }) => {
  const peaks = await measurePeaks(threads);
  const results = [];
  for (const work of works)
    for (const batch of Object.keys(work.feeds).map(Number)) {
      console.error(
        `bench: ${work.name}, batch ${batch}, ${threads === 1 ? 'one thread' : `${threads} threads`}`,
      );
      results.push(...(await measure(work, batch, threads, settings)));
    }
  process.send({ peaks, results }, () => process.exit(0));
});

async function measure(work, batch, threads, settings) {
  const { shape, file } = work.feeds[batch];
  const data = floatsIn(file);
  const feed = [work.input, data, shape, threads];
  const runners = {
    nodeFloat: await ortNode(work.float, ...feed),
    webFloat: await ortWeb(work.float, ...feed),
  };
  for (const [form, path] of Object.entries(work.int8)) {
    runners[`nodeInt8 ${form}`] = await ortNode(path, ...feed);
    runners[`webInt8 ${form}`] = await ortWeb(path, ...feed);
  }
  for (const [i, variant] of work.variants.entries()) runners[`ours ${i}`] = await ours(variant, ...feed);
  await checkOutputs(runners, work, batch);
  const times = await interleaved(runners, settings, threads);
  for (const { close } of Object.values(runners)) await close();
  const peers = {
    nodeFloat: times.nodeFloat,
    nodeInt8: fastest(times, 'nodeInt8'),
    webFloat: times.webFloat,
    webInt8: fastest(times, 'webInt8'),
  };
  return work.variants.map(({ file: _, ...variant }, i) => {
    const milliseconds = times[`ours ${i}`];
    return { ...variant, work: work.name, batch, threads, macs: work.macs * batch, milliseconds, peers };
  });
}

/** Of the forms of a peer's int8 model the one that suits it best. */
function fastest(times, peer) {
  return Math.min(...Object.keys(times).flatMap((name) => (name.startsWith(peer) ? times[name] : [])));
}

/** This runtime behind the same calls as the peers. */
async function ours({ file, signsAsFloats }, input, data, shape, threads) {
  const model = await readModel(file);
  // Signs that are kept are floats, and so is all behind them.
  const keep = signsAsFloats
    ? model.graph.nodes.filter(({ opType }) => opType === 'Sign').map(({ outputs }) => outputs[0])
    : [];
  const session = createSession(model, { threads, keep });
  const feeds = { [input]: { dtype: 'FLOAT', shape, data } };
  const output = session.outputs[0].name;
  return { run: async () => (await session.run(feeds)).get(output).data, close: () => session.dispose() };
}

/** @throws where an output is not what onnxruntime gives in float32, as far as the bits of a row let it be */
async function checkOutputs(runners, { name, isBinary, variants, expected }, batch) {
  const problems = [];
  for (const [runner, { run }] of Object.entries(runners)) {
    const variant = runner.startsWith('ours ') ? variants[Number(runner.slice(5))] : undefined;
    const wanted = floatsIn((variant ?? { expected }).expected[batch]);
    const got = await run();
    const rounds = variant ? variant.actBits !== undefined : runner.includes('Int8');
    const least = LEAST_COSINE[!rounds ? 'float' : isBinary ? 'quantizedSigns' : 'quantized'];
    const cosine = cosineOf(got, wanted);
    if (process.env.BENCH_COSINES)
      console.error(`  ${runner} ${variant?.bits ?? ''} ${variant?.note ?? ''}: ${cosine}`);
    if (!(cosine >= least) || (variant?.equals && !wanted.every((value, i) => value === got[i])))
      problems.push(
        `${name}, batch ${batch}, ${runner} ${variant?.bits ?? ''}: cosine ${cosine} with onnxruntime in float32, expected ${variant?.equals ? 'the same bits' : least}`,
      );
  }
  if (problems.length > 0) throw new Error(`bench: outputs that are not as expected\n${problems.join('\n')}`);
}

function floatsIn(file) {
  return new Float32Array(Uint8Array.from(readFileSync(file)).buffer);
}

function cosineOf(a, b) {
  let [ab, aa, bb] = [0, 0, 0];
  for (let i = 0; i < b.length; i++) {
    ab += a[i] * b[i];
    aa += a[i] ** 2;
    bb += b[i] ** 2;
  }
  return ab / Math.sqrt(aa * bb);
}
