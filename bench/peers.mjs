/**
 * The runtimes that we measure ourselves against, each behind the same calls, with the same number of threads.
 * A session is `{ run(), close() }`: `run` does one forward pass and resolves to the output's floats.
 */
import { readFileSync } from 'node:fs';

/** onnxruntime's native CPU build. */
export async function ortNode(path, inputName, data, shape, threads) {
  const { default: ort } = await import('onnxruntime-node');
  const session = await ort.InferenceSession.create(path, {
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    logSeverityLevel: 3,
  });
  const feeds = { [inputName]: new ort.Tensor('float32', data, shape) };
  return {
    run: async () => (await session.run(feeds))[session.outputNames[0]].data,
    close: () => session.release(),
  };
}

/** onnxruntime's WebAssembly build, which runs on Node as well as in a browser. The first session of a process decides its threads. */
export async function ortWeb(path, inputName, data, shape, threads) {
  const { default: ort } = await import('onnxruntime-web');
  ort.env.wasm.numThreads = threads;
  ort.env.logLevel = 'error';
  const session = await ort.InferenceSession.create(new Uint8Array(readFileSync(path)), {
    executionProviders: ['wasm'],
  });
  const feeds = { [inputName]: new ort.Tensor('float32', data, shape) };
  return {
    run: async () => (await session.run(feeds))[session.outputNames[0]].data,
    close: () => session.release(),
  };
}
