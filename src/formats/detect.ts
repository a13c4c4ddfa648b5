/** What a file is, told by its first bytes; never by its name. */
export type FileKind = 'onnx' | 'safetensors' | 'hdf5' | 'zip' | 'json' | 'foreign';

export interface Detected {
  readonly kind: FileKind;
  /** For a foreign file: what it is, as a noun with its article. */
  readonly what?: string;
}

const latin1 = (text: string): number[] => [...text].map((char) => char.charCodeAt(0));

/** Signatures of files that people hand over by mistake. Offset, bytes, noun. */
const FOREIGN: readonly (readonly [number, readonly number[], string])[] = [
  [4, latin1('TFL3'), 'a TensorFlow Lite model'],
  [4, latin1('ORTM'), 'an onnxruntime .ort model'],
  [0, latin1('GGUF'), 'a GGUF model'],
  [0, [0x1f, 0x8b], 'a gzip file'],
  [0, [0x80, 0x02, 0x8a], 'a PyTorch checkpoint'],
  [0, latin1('\x93NUMPY'), 'a NumPy array'],
  [0, latin1('\x89PNG'), 'a PNG image'],
  [0, [0xff, 0xd8, 0xff], 'a JPEG image'],
  [0, latin1('%PDF'), 'a PDF document'],
  [0, latin1('\x7fELF'), 'a program'],
  [0, latin1('#!'), 'a script'],
  [0, latin1('version https://git-lfs'), 'a Git LFS pointer: fetch the file itself with "git lfs pull"'],
];

const HDF5 = latin1('\x89HDF\r\n\x1a\n');
const ZIP = latin1('PK\x03\x04');
const EMPTY_ZIP = latin1('PK\x05\x06');

/** Longest prefix that `detect` looks at. */
export const PREFIX_BYTES = 4096;

/**
 * Tells what a file is. ONNX has no signature: what begins like a protobuf message with a field of ModelProto, and is
 * not text, is taken for it.
 */
export function detect(bytes: Uint8Array): Detected {
  const has = (offset: number, signature: readonly number[]) =>
    signature.every((byte, i) => bytes[offset + i] === byte);
  if (has(0, HDF5)) return { kind: 'hdf5' };
  if (has(0, ZIP) || has(0, EMPTY_ZIP)) return { kind: 'zip' };
  for (const [offset, signature, what] of FOREIGN)
    if (has(offset, signature)) return { kind: 'foreign', what };
  if (looksLikeSafetensors(bytes)) return { kind: 'safetensors' };
  if (isText(bytes))
    return /^\uFEFF?\s*[{[]/.test(textOf(bytes))
      ? { kind: 'json' }
      : { kind: 'foreign', what: 'a text file' };
  return looksLikeOnnx(bytes) ? { kind: 'onnx' } : { kind: 'foreign' };
}

/** Eight bytes of header length, then a JSON object. */
function looksLikeSafetensors(bytes: Uint8Array): boolean {
  return bytes.length > 8 && bytes[8] === 0x7b && bytes[6] === 0 && bytes[7] === 0;
}

/** Numbers of the fields of ModelProto, with their wire types; field 1 comes first in nearly every file. */
const MODEL_TAGS = new Set([0x08, 0x12, 0x1a, 0x22, 0x28, 0x32, 0x3a, 0x42, 0x72]);

function looksLikeOnnx(bytes: Uint8Array): boolean {
  return bytes[0] !== undefined && MODEL_TAGS.has(bytes[0]);
}

function textOf(bytes: Uint8Array): string {
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes.subarray(0, PREFIX_BYTES));
}

/** No control characters but white space in the prefix. */
function isText(bytes: Uint8Array): boolean {
  const prefix = bytes.subarray(0, PREFIX_BYTES);
  return prefix.every((byte) => byte >= 32 || (byte >= 9 && byte <= 13));
}
