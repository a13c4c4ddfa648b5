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
  const sized = (
    layout: ImageInput['layout'],
    channels: 1 | 3,
    h: Dim | undefined,
    w: Dim | undefined,
  ): ImageInput => {
    const image = { layout, channels, height: numberOr(h, height), width: numberOr(w, width) };
    if (image.height === undefined || image.width === undefined)
      throw new BnnqError(
        'mismatch',
        `input "${input.name}" has the shape [${shape.join(',')}] of no fixed size: give "crop" or "size" in the preprocessing`,
      );
    return image as ImageInput;
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
  if (shape.length === 2 && picture.channels === 1 && shape[1] === h * w)
    return { layout: 'flat', channels: 1, height: h, width: w };
  throw new BnnqError(
    'mismatch',
    `input "${input.name}" has the shape [${shape.map((dim) => dim ?? '?').join(',')}], pictures of ${picture.width} × ${picture.height} × ${picture.channels} are fed as [N,C,H,W] or [N,H,W,C] with 1 or 3 channels`,
  );
}

function isChannels(dim: Dim | undefined): dim is 1 | 3 {
  return dim === 1 || dim === 3;
}

function numberOr(dim: Dim | undefined, other: number | undefined): number | undefined {
  return typeof dim === 'number' && dim > 0 ? dim : other;
}
