/** The part of the WebAssembly interface that the kernels use, typed here so that they need neither DOM nor Node types. */

export interface WasmMemory {
  /** A SharedArrayBuffer where the memory is shared among threads. */
  readonly buffer: ArrayBufferLike;
  /** Adds 64 KiB pages; `buffer` is replaced. Throws RangeError beyond the maximum. */
  grow(pages: number): number;
}

export interface WasmApi {
  readonly Memory: new (limits: { initial: number; maximum: number; shared: boolean }) => WasmMemory;
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (
    module: object,
    imports: Record<string, Record<string, unknown>>,
  ) => { readonly exports: Record<string, unknown> };
  validate(bytes: Uint8Array): boolean;
}

export const wasm: WasmApi = (globalThis as unknown as { WebAssembly: WasmApi }).WebAssembly;
