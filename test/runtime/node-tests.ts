import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { readModel, readModelBytes } from '../../src/formats/read-model.ts';
import type { Model } from '../../src/ir/graph.ts';
import { unsupportedOperators } from '../../src/runtime/operator-support.ts';
import { createSession } from '../../src/runtime/session.ts';
import { widen } from '../../src/runtime/widen.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';

/** What became of a case: `passed`, `refused` with the operators or the reason, `wrong` with the difference. */
export interface Outcome {
  readonly name: string;
  readonly verdict: 'passed' | 'refused' | 'wrong';
  readonly detail: string;
}

/** The suite's own tolerance (see data/README.md), but no finer than the type of the expected values. */
const RELATIVE = 1e-3;
const RELATIVE_BFLOAT16 = 2 ** -8;
const ABSOLUTE = 1e-7;

/** Runs one folder of the ONNX operator tests. */
export async function runCase(folder: string, name: string): Promise<Outcome> {
  const outcome = (verdict: Outcome['verdict'], detail: string): Outcome => ({ name, verdict, detail });
  let model: Model;
  try {
    model = await readModel(`${folder}/${name}/model.onnx`);
  } catch (thrown) {
    return outcome('refused', `not read: ${(thrown as Error).message}`);
  }
  const missing = unsupportedOperators(model);
  if (missing.length > 0) return outcome('refused', missing.map((m) => m.opType).join(' '));
  const data = `${folder}/${name}/test_data_set_0`;
  let inputs: Tensor[];
  let expected: Tensor[];
  try {
    inputs = await readTensors(data, 'input');
    expected = await readTensors(data, 'output');
  } catch (thrown) {
    return outcome('refused', `not tensors: ${(thrown as Error).message}`);
  }
  try {
    const session = createSession(model, { kernels: 'reference' });
    const feeds = Object.fromEntries(session.inputs.map((input, i) => [input.name, inputs[i]!]));
    const results = [...session.run(feeds).values()];
    const again = [...session.run(feeds).values()];
    session.dispose();
    for (let i = 0; i < expected.length; i++) {
      const problem = difference(expected[i]!, results[i]) ?? difference(results[i]!, again[i]);
      if (problem !== undefined) return outcome('wrong', `output ${i}: ${problem}`);
    }
    return outcome('passed', '');
  } catch (thrown) {
    const { code, message } = thrown as { code?: string; message: string };
    return outcome(code === 'unsupported' ? 'refused' : 'wrong', message);
  }
}

export function caseNames(folder: string): string[] {
  return readdirSync(folder).filter((name) => existsSync(`${folder}/${name}/model.onnx`));
}

async function readTensors(folder: string, kind: 'input' | 'output'): Promise<Tensor[]> {
  const tensors: Tensor[] = [];
  for (let i = 0; existsSync(`${folder}/${kind}_${i}.pb`); i++)
    tensors.push(await readTensor(readFileSync(`${folder}/${kind}_${i}.pb`)));
  return tensors;
}

/** The tensor of a TensorProto: read as the value of the one Constant of a model made around its bytes. */
async function readTensor(proto: Uint8Array): Promise<Tensor> {
  const text = (value: string): Buffer => Buffer.from(value);
  const attribute = [field(1, text('value')), field(5, proto), Buffer.of(0xa0, 0x01, 4)];
  const node = [field(2, text('y')), field(4, text('Constant')), field(5, Buffer.concat(attribute))];
  const graph = [field(1, Buffer.concat(node)), field(2, text('g')), field(12, field(1, text('y')))];
  const bytes = Buffer.concat([Buffer.of(8, 8), field(7, Buffer.concat(graph)), field(8, Buffer.of(16, 13))]);
  const model = await readModelBytes(bytes);
  return model.graph.initializers.get('y')!.read();
}

/** A length-delimited protobuf field with a number below 16. */
function field(number: number, payload: Uint8Array): Buffer {
  const length: number[] = [];
  let rest = payload.length;
  for (; rest > 127; rest >>>= 7) length.push((rest & 127) | 128);
  return Buffer.concat([Buffer.of((number << 3) | 2, ...length, rest), payload]);
}

function difference(wanted: Tensor, actual: Tensor | undefined): string | undefined {
  const expected = widen(wanted);
  const relative = wanted.dtype === 'BFLOAT16' ? RELATIVE_BFLOAT16 : RELATIVE;
  if (actual === undefined) return 'missing';
  if (expected.dtype !== actual.dtype) return `type ${actual.dtype}, expected ${expected.dtype}`;
  if (expected.shape.join() !== actual.shape.join())
    return `shape [${actual.shape}], expected [${expected.shape}]`;
  for (let i = 0; i < expected.data.length; i++) {
    const want = expected.data[i]!;
    const got = actual.data[i]!;
    if (want === got || (Number.isNaN(want) && Number.isNaN(got))) continue;
    if (typeof want === 'string') return `element ${i} is ${got}, expected ${want}`;
    const gap = Math.abs(Number(want) - Number(got));
    if (!(gap <= ABSOLUTE + relative * Math.abs(Number(want))))
      return `element ${i} is ${got}, expected ${want}`;
  }
  return undefined;
}
