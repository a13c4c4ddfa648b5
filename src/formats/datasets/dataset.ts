/** 8-bit RGB or grey pixels, row-major, channels last. */
export interface Pixels {
  readonly pixels: Uint8Array;
  readonly width: number;
  readonly height: number;
  readonly channels: 1 | 3;
}

/** One input of a dataset: pixels, or values ready to be fed. */
export type Sample =
  | ({ readonly kind: 'pixels' } & Pixels)
  | { readonly kind: 'values'; readonly values: Float32Array };

/** Labelled or unlabelled inputs. `openDataset` lists the kinds of files. */
export interface Dataset {
  /** What the user wrote: `cifar10:test_batch.bin`. */
  readonly spec: string;
  readonly count: number;
  /** Class indices, or undefined when there are no labels. */
  readonly labels: Int32Array | undefined;
  readonly classNames: readonly string[] | undefined;
  /** Hex SHA-256 over the names, sizes and labels (files of a folder) or the bytes (single files). */
  readonly fingerprint: string;
  /** The files that it was read from; of image folders and CSV files the images, one a sample. */
  readonly files?: readonly string[];
  /** Hex SHA-256 of the file of a sample; absent where the fingerprint is over the bytes already. @throws not-found, io */
  fileHash?(index: number): Promise<string>;
  /** What messages call a sample: its file, or its place in the file ("record 17"). */
  nameOf(index: number): string;
  /** @throws malformed, not-found, unsupported: naming the file */
  sample(index: number): Sample | Promise<Sample>;
}
