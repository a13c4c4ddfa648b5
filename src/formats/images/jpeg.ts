import { BnnqError } from '../../errors.ts';
import type { Pixels } from '../datasets/dataset.ts';
import { jpegModule } from './jpeg-module.ts';
import { checkImageSize } from './limits.ts';

/*
 * JPEG by MozJPEG compiled to WebAssembly (@jsquash/jpeg): libjpeg-turbo's slow-but-exact integer DCT and triangle
 * ("fancy") upsampling, the same pixels as Pillow on every machine. Its glue wants the browser's ImageData, which it
 * gets for the time of a call only.
 */

interface Codec {
  decode(
    bytes: Uint8Array,
    preserveOrientation: boolean,
  ): { data: Uint8ClampedArray; width: number; height: number };
}

interface LoadedCodec {
  readonly codec: Codec;
  /** What libjpeg printed; a warning means that it made up pixels. */
  readonly messages: string[];
}

/** The little of WebAssembly that is used here; its types come with the browser's, which are not loaded. */
declare const WebAssembly: {
  Module: new (bytes: Uint8Array) => object;
  Instance: new (module: object, imports: object) => { readonly exports: object };
};

let wasm: object | undefined;
let loading: Promise<LoadedCodec> | undefined;

/** @throws malformed, unsupported (CMYK), limit; the messages are the end of a sentence about the image */
export async function decodeJpeg(bytes: Uint8Array): Promise<Pixels> {
  const { width, height, components } = readFrame(bytes);
  checkImageSize(width, height);
  if (components === 4)
    throw new BnnqError('unsupported', 'CMYK JPEGs are not read, convert it to RGB or grey first');
  loading ??= load();
  const { codec, messages } = await loading;
  messages.length = 0;
  let rgba: Uint8ClampedArray;
  try {
    rgba = withImageData(() => codec.decode(bytes, false).data);
  } catch (thrown) {
    loading = undefined; // its memory is in no known state
    throw new BnnqError('malformed', messages[0] ?? 'libjpeg cannot decode it', {}, thrown);
  }
  const warning = messages.find((message) => /premature end|no image/i.test(message));
  if (warning !== undefined) throw new BnnqError('malformed', `${warning} (truncated)`);
  const channels = components === 1 ? 1 : 3;
  const pixels = new Uint8Array(width * height * channels);
  for (let i = 0, from = 0; i < pixels.length; i += channels, from += 4)
    for (let channel = 0; channel < channels; channel++) pixels[i + channel] = rgba[from + channel]!;
  return { pixels, width, height, channels };
}

/** Size and number of components in the frame header (SOFn, ITU-T T.81 section B.2.2). */
function readFrame(bytes: Uint8Array): { width: number; height: number; components: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 2; at + 10 <= bytes.length; ) {
    if (bytes[at] !== 0xff) {
      at++; // libjpeg, too, skips to the next marker
      continue;
    }
    const marker = bytes[at + 1]!;
    const isFrame = marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;
    if (isFrame)
      return { height: view.getUint16(at + 5), width: view.getUint16(at + 7), components: bytes[at + 9]! };
    const alone = marker === 0xff || marker === 0 || marker === 1 || (marker >= 0xd0 && marker <= 0xd8);
    at += marker === 0xff ? 1 : alone ? 2 : 2 + view.getUint16(at + 2);
  }
  throw new BnnqError('malformed', `no frame header in its ${bytes.length} bytes`);
}

async function load(): Promise<LoadedCodec> {
  wasm ??= new WebAssembly.Module(jpegModule());
  const module = wasm;
  const { default: create } = (await import('@jsquash/jpeg/codec/dec/mozjpeg_dec.js')) as unknown as {
    default(options: object): Promise<Codec>;
  };
  const messages: string[] = [];
  const collect = (message: string): void => void messages.push(message);
  const codec = await withImageData(() =>
    create({
      noInitialRun: true,
      print: collect,
      printErr: collect,
      instantiateWasm(imports: object, done: (instance: object) => void): object {
        const instance = new WebAssembly.Instance(module, imports);
        done(instance);
        return instance.exports;
      },
    }),
  );
  return { codec, messages };
}

/** The glue constructs a global ImageData from (data, width, height); here it is a plain record, taken away again. */
class PlainImageData {
  readonly data: Uint8ClampedArray;
  readonly width: number;
  readonly height: number;
  constructor(data: Uint8ClampedArray, width: number, height: number) {
    this.data = data;
    this.width = width;
    this.height = height;
  }
}

function withImageData<T>(work: () => T): T {
  const scope = globalThis as { ImageData?: unknown };
  const before = Object.getOwnPropertyDescriptor(scope, 'ImageData');
  scope.ImageData = PlainImageData;
  try {
    return work();
  } finally {
    if (before === undefined) delete scope.ImageData;
    else Object.defineProperty(scope, 'ImageData', before);
  }
}
