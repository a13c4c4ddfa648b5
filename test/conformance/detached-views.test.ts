import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { createReferenceKernels } from '../../src/kernels/reference.ts';
import type { WasmMemory } from '../../src/kernels/wasm/webassembly.ts';
import { sharedData } from '../shared-data.ts';
import { caseNames, type Outcome, runCase } from './cases.ts';

/** A memory that moves on request, as one that grows does: views of the buffer before are detached. */
const memory = vi.hoisted(() => {
  let buffer = new ArrayBuffer(1 << 26);
  return {
    get buffer() {
      return buffer;
    },
    grow(): number {
      throw new RangeError('the memory of this test is used up');
    },
    move(): void {
      buffer = structuredClone(buffer, { transfer: [buffer] });
    },
  };
});

vi.mock('../../src/kernels/heap.ts', async (original) => ({
  ...(await original<typeof import('../../src/kernels/heap.ts')>()),
  createMemory: (): WasmMemory => memory,
}));

/** Small tensors, too, lie in the heap. */
vi.mock('../../src/runtime/memory.ts', async (original) => ({
  ...(await original<typeof import('../../src/runtime/memory.ts')>()),
  belongsInHeap: () => true,
}));

const folder = sharedData('onnx-node-tests');

/** Kernels whose heap moves whenever the contract allows it: at every allocation and after every call. */
function movingKernels(): ReturnType<typeof createReferenceKernels> {
  const kernels = createReferenceKernels();
  const moving = <F extends (...given: never[]) => unknown>(f: F): F =>
    ((...given: Parameters<F>) => {
      const result = f(...given);
      memory.move();
      return result;
    }) as F;
  const { heap } = kernels;
  heap.allocate = moving(heap.allocate.bind(heap));
  return {
    ...kernels,
    conv2d: moving(kernels.conv2d),
    linear: moving(kernels.linear),
    matmul: moving(kernels.matmul),
    unary: moving(kernels.unary),
    binary: moving(kernels.binary),
    affine: moving(kernels.affine),
    maxPool2d: moving(kernels.maxPool2d),
    averagePool2d: moving(kernels.averagePool2d),
    softmax: moving(kernels.softmax),
  };
}

/** The cases but those of function bodies, which are made of the same operators. */
describe.skipIf(folder === undefined)('operators in a heap that moves (needs ../shared/data)', () => {
  const kernels = movingKernels();
  const outcomes: Outcome[] = [];
  beforeAll(async () => {
    for (const name of caseNames(folder!))
      if (!name.includes('_expanded')) outcomes.push(await runCase(folder!, name, kernels));
  });
  afterAll(() => kernels.dispose());

  it('keep no view of their operands over an allocation or a kernel call', () => {
    expect(outcomes.filter(({ verdict }) => verdict === 'wrong')).toEqual([]);
    expect(outcomes.filter(({ verdict }) => verdict === 'passed').length).toBeGreaterThan(1000);
  });
});
