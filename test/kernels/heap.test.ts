import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createMemory, HEAP_ALIGNMENT, LinearHeap } from '../../src/kernels/heap.ts';

function newHeap(start = 0): LinearHeap {
  return new LinearHeap(createMemory(65536), start);
}

describe('the heap', () => {
  it('gives aligned blocks that never overlap, whatever is allocated and freed', () => {
    const action = fc.oneof(
      { weight: 3, arbitrary: fc.nat(40_000) },
      { weight: 2, arbitrary: fc.record({ free: fc.nat() }) },
    );
    fc.assert(
      fc.property(fc.array(action, { maxLength: 120 }), (actions) => {
        const heap = newHeap(1000);
        const blocks: { offset: number; length: number }[] = [];
        for (const what of actions) {
          if (typeof what === 'number') {
            const offset = heap.allocate(what);
            expect(offset % HEAP_ALIGNMENT).toBe(0);
            expect(offset).toBeGreaterThanOrEqual(1000);
            expect(offset + what).toBeLessThanOrEqual(heap.buffer.byteLength);
            for (const other of blocks) {
              const apart = offset + what <= other.offset || other.offset + other.length <= offset;
              expect(apart).toBe(true);
            }
            blocks.push({ offset, length: Math.max(what, 1) });
          } else if (blocks.length > 0) {
            const [block] = blocks.splice(what.free % blocks.length, 1);
            heap.free(block!.offset);
          }
        }
        for (const { offset } of blocks) heap.free(offset);
        expect(heap.usedBytes).toBe(0);
      }),
    );
  });

  it('joins freed neighbours, so that what was one block is one again', () => {
    const heap = newHeap();
    const [a, b, c] = [heap.allocate(1000), heap.allocate(1000), heap.allocate(1000)];
    const end = heap.allocate(64);
    heap.free(a);
    heap.free(c);
    heap.free(b);
    expect(heap.allocate(3072)).toBe(a);
    heap.free(end);
  });

  it('takes the smallest free block that is large enough', () => {
    const heap = newHeap();
    const large = heap.allocate(4096);
    heap.allocate(64);
    const small = heap.allocate(512);
    heap.allocate(64);
    heap.free(large);
    heap.free(small);
    expect(heap.allocate(500)).toBe(small);
  });

  it('keeps what was written when it grows, and replaces its buffer', () => {
    const heap = newHeap();
    const before = heap.buffer;
    const offset = heap.allocate(16);
    new Float32Array(before, offset, 4).set([1, 2, 3, 4]);
    heap.allocate(10_000_000);
    expect(heap.buffer).not.toBe(before);
    expect([...new Float32Array(heap.buffer, offset, 4)]).toEqual([1, 2, 3, 4]);
  });

  it('counts the bytes in use and remembers the most there were', () => {
    const heap = newHeap();
    const offset = heap.allocate(100);
    expect(heap.usedBytes).toBe(128);
    heap.allocate(64);
    heap.free(offset);
    expect(heap.usedBytes).toBe(64);
    expect(heap.peakBytes).toBe(192);
  });

  it('refuses what does not fit into 4 GiB, and goes on', () => {
    const heap = newHeap();
    expect(() => heap.allocate(2 ** 32)).toThrow(RangeError);
    expect(() => heap.allocate(-1)).toThrow(/whole number of bytes, got -1/);
    expect(heap.allocate(64)).toBeGreaterThan(0);
  });

  it('refuses to free a block twice', () => {
    const heap = newHeap();
    const offset = heap.allocate(64);
    heap.free(offset);
    expect(() => heap.free(offset)).toThrow(/no block starts at/);
  });
});
