import { contentFingerprint, readModel, type ScoreResult } from '../../src/index.ts';
import { gatesBeside } from '../allocation-options.ts';
import { checkGates } from '../gates.ts';
import { type Material, scoreMade, type Target } from '../quantize-file.ts';
import type { QuantizeResult } from '../quantize-text.ts';
import { keyOf, modelIdentity, Records } from './records.ts';

/** Of a file, and of its scores, which nothing but the data may tell apart. */
interface Keys {
  readonly file: string;
  readonly scores: string;
}

/** Of what quantize reads. */
interface Hashes {
  readonly model: readonly string[];
  readonly data: string | undefined;
}

/** What quantize has made before. */
export class QuantizeRecords {
  readonly #material: Material;
  readonly #hashes: Hashes;
  readonly #records: Records;

  private constructor(material: Material, hashes: Hashes) {
    this.#material = material;
    this.#hashes = hashes;
    this.#records = new Records(material.options.cache);
  }

  /** Hashes what quantize reads. */
  static async open(material: Material): Promise<QuantizeRecords> {
    const { model, data, options } = material;
    const contents = data && (await contentFingerprint(data, { limit: options.limit }));
    return new QuantizeRecords(material, { model: modelIdentity(model), data: contents });
  }

  /** The result of a file that is up to date, its gates judged by what is asked for now. It is scored where it was not yet. */
  async find(target: Target): Promise<QuantizeResult | undefined> {
    const keys = this.#keysOf(target);
    const made = this.#records.find<QuantizeResult>(keys.file);
    if (made === undefined) return undefined;
    const { data, options } = this.#material;
    let scores = data && this.#records.find<ScoreResult>(keys.scores);
    if (data !== undefined && scores === undefined) {
      scores = await scoreMade(this.#material, await readModel(target.file), data);
      this.#records.keep(keys.scores, [target.file], scores);
    }
    const floatTop1 = scores?.float?.top1 ?? null;
    const asked = gatesBeside(target.goal, options);
    const gates = checkGates(asked, { scores, floatTop1, bytes: made.packedBytes });
    return { ...made, scores: scores ?? null, gates };
  }

  keep(target: Target, result: QuantizeResult): QuantizeResult {
    const { file, scores } = this.#keysOf(target);
    this.#records.keep(file, [target.file], { ...result, scores: null, gates: [] });
    if (result.scores !== null) this.#records.keep(scores, [target.file], result.scores);
    return result;
  }

  #keysOf(target: Target): Keys {
    const { path, images, options } = this.#material;
    // Which other files are written beside it does not matter.
    const { schemes, bits, granularity, data, limit, labelOffset, preprocess, scoreOutput, ...shared } =
      options;
    const { model } = this.#hashes;
    const base = { model, images: images?.fingerprint, path, target };
    const measured = { data: this.#hashes.data, spec: data, limit, labelOffset };
    // --max-drop chooses by what it measures on the data.
    const chosenFrom = target.goal && { schemes, bits, granularity, measured };
    const fed = { ...shared, preprocess, scoreOutput };
    return {
      file: keyOf('quantize', { ...base, chosenFrom }, images === undefined ? shared : fed),
      scores: keyOf('quantize, scored', { ...base, chosenFrom, measured }, fed),
    };
  }
}
