import { MODULE_BASE64 } from './module.ts';
import { type WasmMemory, wasm } from './webassembly.ts';

/** Functions of the binary (src/kernels/**\/*.as.ts). Addresses are byte offsets in the memory. */
export type WasmExports = Record<WasmFunction, (...args: number[]) => number>;

export type WasmFunction =
  | 'heapBase'
  | 'placeThread'
  | 'packRows'
  | 'packPatches'
  | 'padPlanes'
  | 'multiply'
  | 'multiplyVector'
  | 'finishVector'
  | 'decodePanels'
  | 'depthwise'
  | 'unaryVector'
  | 'unaryScalar'
  | 'binary'
  | 'affine'
  | 'maxPool'
  | 'divideByCounts'
  | 'softmax'
  | 'addProducts'
  | 'cholesky'
  | 'substitute'
  | 'roundRows'
  | 'descendRows'
  | 'subtractMatrixProduct'
  | 'addLevelSums'
  | 'packSigns'
  | 'unpackSigns'
  | 'spreadSigns'
  | 'sumByTables'
  | 'clearBytes'
  | 'repeatRows'
  | 'signsOfBlocks'
  | 'floatsOfBlocks'
  | 'combineSigns'
  | 'moveChannels'
  | 'channelsOfPixels'
  | 'pixelsOfChannels'
  | 'padSigns'
  | 'gatherWords'
  | 'gatherBits'
  | 'countDifferences'
  | 'toSums'
  | 'signsOfSums'
  | 'floatsOfSums'
  | 'poolSigns'
  | 'codesOfSums'
  | 'planesOfSums'
  | 'rowsOfSums'
  | 'decodeShorts'
  | 'depthwiseShorts'
  | 'multiplyShorts'
  | 'packPlanes'
  | 'packShorts'
  | 'padCodes'
  | 'poolCodes'
  | 'poolFixed'
  | 'addFixed'
  | 'codesOfFixed'
  | 'fixedOfSums'
  | 'fixedOfCodes'
  | 'sumsOfCounts'
  | 'quantizeCodes'
  | 'valueRange'
  | 'multiplyBytes'
  | 'multiplyNibbles'
  | 'multiplyPlanes'
  | 'multiplySteps'
  | 'tablesOfCodes'
  | 'multiplyTiles'
  | 'transformInput'
  | 'transformWeights'
  | 'winogradInput'
  | 'winogradMultiply'
  | 'winogradWeights';

let bytes: Uint8Array | undefined;
let compiled: object | undefined;
let compiledShared: object | undefined;

/** Bytes of the static memory of an instance; the same number in thread-memory.as.ts. */
export const THREAD_BYTES = 1024;

function moduleBytes(): Uint8Array {
  bytes ??= decodeBase64(MODULE_BASE64);
  return bytes;
}

/** Whether this engine runs the binary, that is, whether it has WebAssembly with 128-bit SIMD. */
export function isWasmSupported(): boolean {
  return wasm.validate(moduleBytes());
}

/** The compiled binary, for a memory that threads share or for one that they do not. It is compiled once for each. */
export function compiledModule(isShared: boolean): object {
  if (isShared) {
    compiledShared ??= new wasm.Module(withSharedMemory(moduleBytes()));
    return compiledShared;
  }
  compiled ??= new wasm.Module(moduleBytes());
  return compiled;
}

/** A new instance computing in `memory`. */
export function instantiate(memory: WasmMemory, isShared = false): WasmExports {
  return new wasm.Instance(compiledModule(isShared), { env: { memory } }).exports as WasmExports;
}

/** Kind and limits of the imported memory: kind 2, flags 1 (there is a maximum), at least 1 page. */
const IMPORT_NAME = 'env\x06memory\x02';
const HAS_MAXIMUM = 1;
const IS_SHARED = 2;

/**
 * The binary for a shared memory. It differs in the flags of the memory's import alone (WebAssembly core specification, threads: limits 0x03):
 * plain loads and stores are the same instructions. An engine refuses a memory of the other kind, so both forms are needed.
 */
function withSharedMemory(binary: Uint8Array): Uint8Array {
  const shared = binary.slice();
  const name = [...IMPORT_NAME].map((character) => character.charCodeAt(0));
  const at = shared.findIndex((_, i) => name.every((byte, j) => shared[i + j] === byte));
  const flags = at + name.length;
  if (at < 0 || shared[flags] !== HAS_MAXIMUM) throw new Error('kernels: the binary imports no memory');
  shared[flags] = HAS_MAXIMUM | IS_SHARED;
  return shared;
}

function decodeBase64(text: string): Uint8Array {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
  const value = new Map([...alphabet].map((letter, i) => [letter, i]));
  const length = Math.floor((text.replace(/=+$/, '').length * 3) / 4);
  const out = new Uint8Array(length);
  let at = 0;
  for (let i = 0; i < text.length; i += 4) {
    let word = 0;
    for (let j = 0; j < 4; j++) word = (word << 6) | (value.get(text[i + j]!) ?? 0);
    for (let shift = 16; shift >= 0 && at < length; shift -= 8) out[at++] = word >> shift;
  }
  return out;
}
