import { MODULE_BASE64 } from './module.ts';
import { type WasmMemory, wasm } from './webassembly.ts';

/** Functions of the binary (src/kernels/**\/*.as.ts). Addresses are byte offsets in the memory. */
export type WasmExports = Record<WasmFunction, (...args: number[]) => number>;

type WasmFunction =
  | 'heapBase'
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
  | 'gatherWords'
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
  | 'packShorts'
  | 'padCodes'
  | 'poolCodes'
  | 'quantizeCodes'
  | 'valueRange'
  | 'multiplyNibbles'
  | 'multiplyPlanes'
  | 'multiplySteps'
  | 'tablesOfCodes'
  | 'multiplyTiles'
  | 'transformInput'
  | 'transformWeights';

let bytes: Uint8Array | undefined;
let compiled: object | undefined;

function moduleBytes(): Uint8Array {
  bytes ??= decodeBase64(MODULE_BASE64);
  return bytes;
}

/** Whether this engine runs the binary, that is, whether it has WebAssembly with 128-bit SIMD. */
export function isWasmSupported(): boolean {
  return wasm.validate(moduleBytes());
}

/** A new instance computing in `memory`. The binary is compiled once a thread. */
export function instantiate(memory: WasmMemory): WasmExports {
  compiled ??= new wasm.Module(moduleBytes());
  return new wasm.Instance(compiled, { env: { memory } }).exports as WasmExports;
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
