import type { WriteOptions } from '../formats/file.ts';
import type { PackedSize } from '../formats/packed/pack.ts';
import type { PackedOption } from '../formats/packed/weight-index.ts';
import {
  encodePacked as encode,
  packedSize as sizeOf,
  writePacked as write,
} from '../formats/packed/write.ts';
import type { Model } from '../ir/graph.ts';
import { DEFAULT_RANGE } from '../quantizers/activations/range.ts';
import { DEFAULTS } from '../quantizers/options.ts';
import { VERSION } from '../version.ts';

/** What is recorded in a packed file besides the model. */
export interface PackOptions {
  /** Options that the weights were made with; where absent, those that a packed source already had. */
  readonly options?: Readonly<Record<string, PackedOption>>;
  /** Codes as Huffman codes, weight by weight where that is less. Default false. */
  readonly compress?: boolean;
}

/**
 * Writes a model as a packed file (.bnnq), under a temporary name first, so that a failure leaves nothing half-written.
 * Same model and options, same bytes.
 * @throws exists (unless `force`), io, not-found
 */
export function writePacked(
  model: Model,
  path: string,
  options: PackOptions & WriteOptions = {},
): Promise<PackedSize> {
  return write(model, path, { toolVersion: VERSION, ...options });
}

/** The bytes of the packed file of a model. */
export function encodePacked(model: Model, options: PackOptions = {}): Uint8Array {
  return encode(model, { toolVersion: VERSION, ...options });
}

/** The exact size of the packed file of a model, by what its bytes are for. */
export function packedSize(model: Model, options: PackOptions = {}): PackedSize {
  return sizeOf(model, { toolVersion: VERSION, ...options });
}

/** What a packed file records of how its weights were made; scheme, bits and granularity stand in its index by weight. */
export function recordedOptions(settings: {
  readonly method: string;
  readonly fit: string;
  readonly levels: string;
  readonly zero: boolean;
  readonly bases?: string | undefined;
  readonly repairs?: readonly string[] | undefined;
  readonly ridge?: number | undefined;
  readonly actBits?: number | undefined;
  readonly actRange?: string | undefined;
  readonly seed?: number | undefined;
  /** Images that were calibrated with. */
  readonly images?: { readonly fingerprint: string; readonly count: number } | undefined;
}): Readonly<Record<string, PackedOption>> {
  const { method, fit, levels, zero, bases = DEFAULTS.bases, repairs = [], actBits, actRange } = settings;
  const { images, seed, ridge } = settings;
  return {
    ...{ method, fit, levels, zero, bases },
    ...(repairs.length > 0 && { repairs: repairs.join(',') }),
    ...(ridge !== undefined && { ridge }),
    ...(actBits !== undefined && { actBits, actRange: actRange ?? DEFAULT_RANGE }),
    ...(images && { calibration: images.fingerprint, calibrationImages: images.count, seed: seed ?? 0 }),
  };
}
