import { createHash } from 'node:crypto';
import type { Model } from '../../ir/graph.ts';
import type { QuantizedTensor } from '../../ir/quantized-tensor.ts';
import type { LayerAffine } from '../../passes/layer-affine.ts';
import type { EncodedWeight } from '../../quantizers/quantize-model.ts';
import { VERSION } from '../../version.ts';
import { Journal } from '../journal.ts';
import type { CalibrationBatches } from './batches.ts';
import type { LayerCalibration } from './calibrate.ts';

/** A layer that is finished: its codes, and the affine that was put behind it. */
export interface FinishedLayer {
  readonly encoded: EncodedWeight;
  readonly calibration: LayerCalibration;
  readonly affine?: LayerAffine | undefined;
}

/**
 * Finished layers of calibrations, in a file beside the output: one that was interrupted goes on after the last of them.
 * What a layer sees depends on all layers before it as they were discretized, so nothing less than all settings, the model
 * and the images is the key.
 */
export class LayerStore {
  readonly #journal: Journal;
  readonly #key: string;
  #reused = 0;

  /**
   * @param path of the file; it is made, or added to
   * @param settings everything else that codes depend on, as plain data
   */
  constructor(path: string, model: Model, images: CalibrationBatches, settings: object) {
    this.#journal = new Journal(path);
    const identity = [VERSION, model.source.sha256 ?? null, images.fingerprint, images.count, settings];
    this.#key = createHash('sha256').update(JSON.stringify(identity, listed)).digest('hex');
  }

  /** Layers that were taken from the file. */
  get reused(): number {
    return this.#reused;
  }

  get(name: string): FinishedLayer | undefined {
    const found = this.#journal.get(this.#keyOf(name)) as StoredLayer | undefined;
    if (found === undefined) return undefined;
    this.#reused++;
    const { planes, params, ...rest } = found.quantized;
    const quantized = { ...rest, planes: bytesOf(planes), params: new Float32Array(bytesOf(params).buffer) };
    const snrDb = found.fit.snrDb ?? Number.POSITIVE_INFINITY;
    const { affine } = found;
    const doubles = (text: string): Float64Array => new Float64Array(bytesOf(text).buffer);
    return {
      encoded: { ...found.fit, snrDb, quantized: quantized as QuantizedTensor },
      calibration: found.calibration,
      affine: affine && {
        shift: doubles(affine.shift),
        ...(affine.scale !== undefined && { scale: doubles(affine.scale) }),
      },
    };
  }

  put(name: string, { encoded, calibration, affine }: FinishedLayer): void {
    const { quantized, ...measures } = encoded;
    const { planes, params } = quantized;
    this.#journal.append(this.#keyOf(name), {
      fit: measures,
      quantized: { ...quantized, planes: textOf(planes), params: textOf(params) },
      calibration,
      ...(affine?.shift && {
        affine: { shift: textOf(affine.shift), ...(affine.scale && { scale: textOf(affine.scale) }) },
      }),
    });
  }

  close(): void {
    this.#journal.close();
  }

  #keyOf(name: string): string {
    return `${this.#key} ${name}`;
  }
}

/** Maps as lists, which JSON can say. */
function listed(_: string, value: unknown): unknown {
  return value instanceof Map ? [...value] : value;
}

/** As it stands in the file: arrays as base64, an infinite SNR as null. */
interface StoredLayer {
  readonly fit: Omit<EncodedWeight, 'quantized' | 'snrDb'> & { readonly snrDb: number | null };
  readonly quantized: Omit<QuantizedTensor, 'planes' | 'params'> & {
    readonly planes: string;
    readonly params: string;
  };
  readonly calibration: LayerCalibration;
  readonly affine?: { readonly scale?: string; readonly shift: string };
}

function textOf({ buffer, byteOffset, byteLength }: ArrayBufferView): string {
  return Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength).toString('base64');
}

/** In a buffer of their own, so that they can be seen as wider elements. */
function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(Buffer.from(text, 'base64'));
}
