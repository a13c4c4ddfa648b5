import type { DataType } from '../tensor/dtype.ts';
import { arrayClassOf, type NumericArray, sizeOf, type Tensor } from '../tensor/tensor.ts';

/** The part of the kernels' heap that is used here. */
export interface HeapLike {
  readonly buffer: ArrayBufferLike;
  allocate(byteLength: number): number;
  free(offset: number): void;
}

/** Bytes in the heap that one or more tensors share; `references` counts the tensors that are still to be read. */
export interface Block {
  offset: number;
  readonly byteLength: number;
  references: number;
  /** Number of the allocation within its run, or -1 for a constant, which is never released. */
  readonly id: number;
}

/**
 * A tensor in the kernels' heap. `data` is made anew when the heap has grown, because growth detaches every view: fetch
 * it after the last allocation, and again after a call that may have allocated.
 */
export class HeapTensor implements Tensor {
  readonly dtype: DataType;
  readonly shape: readonly number[];
  readonly block: Block;
  readonly #heap: HeapLike;
  readonly #size: number;
  #view: NumericArray | undefined;
  #viewOffset = -1;

  constructor(heap: HeapLike, dtype: DataType, shape: readonly number[], block: Block) {
    this.dtype = dtype;
    this.shape = shape;
    this.block = block;
    this.#heap = heap;
    this.#size = sizeOf(shape);
  }

  get data(): NumericArray {
    const buffer = this.#heap.buffer;
    if (this.#view === undefined || this.#view.buffer !== buffer || this.#viewOffset !== this.block.offset) {
      this.#viewOffset = this.block.offset;
      this.#view = viewOf(this.dtype, buffer, this.block.offset, this.#size);
    }
    return this.#view;
  }
}

type ViewMaker = new (buffer: ArrayBufferLike, offset: number, length: number) => NumericArray;

/** A typed-array view of `count` elements of the type. */
export function viewOf(
  dtype: DataType,
  buffer: ArrayBufferLike,
  offset: number,
  count: number,
): NumericArray {
  return new (arrayClassOf(dtype) as unknown as ViewMaker)(buffer, offset, count);
}

/** Bytes that the elements take in a typed array of their type (sub-byte types take a byte each). */
export function arrayBytes(dtype: DataType, shape: readonly number[]): number {
  const maker = arrayClassOf(dtype) as unknown as { BYTES_PER_ELEMENT: number };
  return sizeOf(shape) * maker.BYTES_PER_ELEMENT;
}

/** The elements of another tensor under another shape; they are fetched anew every time, so growth of the heap does no harm. */
export class AliasTensor implements Tensor {
  readonly dtype: DataType;
  readonly shape: readonly number[];
  readonly #source: Tensor;

  constructor(source: Tensor, shape: readonly number[]) {
    this.dtype = source.dtype;
    this.shape = shape;
    this.#source = source;
  }

  get data(): NumericArray | string[] {
    return this.#source.data;
  }
}

/** Small tensors (scalars, shapes) are cheaper as plain arrays; these many bytes and more live in the heap. */
const HEAP_BYTES_FLOAT = 64;
const HEAP_BYTES_OTHER = 1024;

/** Whether a tensor of that type and size is kept in the heap. */
export function belongsInHeap(dtype: DataType, byteLength: number): boolean {
  return byteLength >= (dtype === 'FLOAT' ? HEAP_BYTES_FLOAT : HEAP_BYTES_OTHER);
}

/** Where an operator gets the tensors that it returns. */
export interface Memory {
  /** A new tensor, its content undefined. */
  allocate(dtype: DataType, shape: readonly number[]): Tensor;
  /** The elements of `tensor` under another shape of the same size, sharing its memory. */
  view(tensor: Tensor, shape: readonly number[]): Tensor;
  /** A tensor over the memory of `tensor` when nothing else reads that any more after the current operator, else undefined. */
  reuse(tensor: Tensor, dtype: DataType, shape: readonly number[]): Tensor | undefined;
  /** One reader more of the tensor's memory. */
  retain(tensor: Tensor): void;
  /** One reader fewer; the memory is free when none is left. */
  release(tensor: Tensor): void;
}

/** Plain arrays without bookkeeping, for folding constants at load time; throws RangeError for a tensor of more bytes than `limit`. */
export function limitedMemory(limit: number): Memory {
  return {
    allocate: (dtype, shape) => {
      if (arrayBytes(dtype, shape) > limit) throw new RangeError(`more than ${limit} bytes`);
      return { dtype, shape, data: new (arrayClassOf(dtype))(sizeOf(shape)) };
    },
    view: (tensor, shape) => new AliasTensor(tensor, shape),
    reuse: () => undefined,
    retain: () => {},
    release: () => {},
  };
}
