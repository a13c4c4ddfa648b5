import { BnnqError } from '../errors.ts';
import type { Dim, Value } from '../ir/graph.ts';
import type { DataType } from '../tensor/dtype.ts';
import type { Preprocess } from './types.ts';

/** How one picture lies in the network's input. `flat` is [N, H·W]: a grey picture, row by row. */
export interface ImageInput {
  readonly layout: 'nchw' | 'nhwc' | 'flat';
  readonly channels: 1 | 3;
  readonly height: number;
  readonly width: number;
  /** Shape of one picture in the input. */
  readonly dims: readonly number[];
}

/** Types that pictures and values can be fed as. */
export type FeedType = Extract<DataType, 'FLOAT' | 'FLOAT16' | 'DOUBLE' | 'UINT8'>;

const FEED_TYPES: readonly DataType[] = ['FLOAT', 'FLOAT16', 'DOUBLE', 'UINT8'];

/** The input's element type; FLOAT where it is not declared. @throws unsupported */
export function feedTypeOf(input: Value): FeedType {
  const dtype = input.dtype ?? 'FLOAT';
  if (!FEED_TYPES.includes(dtype))
    throw new BnnqError(
      'unsupported',
      `input "${input.name}" is ${dtype}; data is fed as ${FEED_TYPES.join(', ')}`,
    );
  return dtype as FeedType;
}

/**
 * Where the network wants pictures: [N,C,H,W] or [N,H,W,C] with one or three channels (the first where both would do),
 * [N,H,W], or [N, H·W] for grey pictures of that many pixels. Unknown sizes come from `size` or `crop` of the preprocessing.
 * @param picture size of the dataset's pictures, for the last form
 * @throws mismatch with the shape
 */
export function imageInputOf(
  input: Value,
  preprocess: Pick<Preprocess, 'crop' | 'size'>,
  picture: { readonly width: number; readonly height: number; readonly channels: number },
): ImageInput {
  const shape = input.shape ?? [];
  const [height, width] = preprocess.size ?? preprocess.crop ?? [];
  const sized = (layout: ImageInput['layout'], channels: 1 | 3, h?: Dim, w?: Dim): ImageInput => {
    const rows = typeof h === 'number' && h > 0 ? h : height;
    const columns = typeof w === 'number' && w > 0 ? w : width;
    if (rows === undefined || columns === undefined)
      throw new BnnqError(
        'mismatch',
        `input "${input.name}" has the shape ${shown(shape)} of no fixed size: give "crop" or "size" in the preprocessing`,
      );
    const dims = {
      nchw: [channels, rows, columns],
      nhwc: [rows, columns, channels],
      flat: shape.length === 2 ? [rows * columns] : [rows, columns],
    }[layout];
    return { layout, channels, height: rows, width: columns, dims };
  };
  if (shape.length === 4) {
    if (isChannels(shape[1])) return sized('nchw', shape[1], shape[2], shape[3]);
    if (isChannels(shape[3])) return sized('nhwc', shape[3], shape[1], shape[2]);
    // A channel axis of unknown length: the usual order of ONNX.
    if (typeof shape[1] !== 'number')
      return sized('nchw', picture.channels === 1 ? 1 : 3, shape[2], shape[3]);
  }
  if (shape.length === 3) return sized('flat', 1, shape[1], shape[2]);
  const [h, w] = [height ?? picture.height, width ?? picture.width];
  if (shape.length === 2 && picture.channels === 1 && shape[1] === h * w) return sized('flat', 1, h, w);
  throw new BnnqError(
    'mismatch',
    `input "${input.name}" has the shape ${shown(shape)}, pictures of ${picture.width} × ${picture.height} × ${picture.channels} are fed as [N,C,H,W] or [N,H,W,C] with 1 or 3 channels`,
  );
}

/**
 * Shape of one sample of `count` values in the input: its dimensions behind the batch, one unknown among them found
 * from the count. @throws mismatch
 */
export function valueDimsOf(input: Value, count: number): number[] {
  const dims = (input.shape ?? [null, count]).slice(1);
  const known = dims.filter((dim) => typeof dim === 'number' && dim > 0) as number[];
  const rest = count / known.reduce((product, dim) => product * dim, 1);
  const unknown = dims.length - known.length;
  if (unknown > 1 || !Number.isInteger(rest) || (unknown === 0 && rest !== 1))
    throw new BnnqError(
      'mismatch',
      `input "${input.name}" has the shape ${shown(input.shape ?? [])}, the dataset has ${count} values a sample`,
    );
  return dims.map((dim) => (typeof dim === 'number' && dim > 0 ? dim : rest));
}

function isChannels(dim: Dim | undefined): dim is 1 | 3 {
  return dim === 1 || dim === 3;
}

function shown(shape: readonly Dim[]): string {
  return `[${shape.map((dim) => dim ?? '?').join(',')}]`;
}
