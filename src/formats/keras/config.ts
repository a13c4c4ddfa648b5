import { BnnqError } from '../../errors.ts';
import type { Json, JsonObject } from './contract.ts';

/** Numbers in a shape or a size that a configuration may state; no real network comes near. */
const MAX_SIZE: number = 2 ** 31 - 1;

/** Elements of a list in a configuration that is read as numbers: mean and variance of a Normalization are the longest. */
const MAX_LIST = 1_000_000;

export function isObject(json: Json | undefined): json is JsonObject {
  return typeof json === 'object' && json !== null && !Array.isArray(json);
}

export function isArray(json: Json | undefined): json is readonly Json[] {
  return Array.isArray(json);
}

/** The entry of a table under a name out of a file; `constructor` and its like are none. */
export function entryOf<T>(table: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined;
}

/** Checked access to the configuration of a layer. What is missing or null is the default; what has another type is refused by a sentence. */
export class Config {
  readonly json: JsonObject;
  readonly #where: string;

  /** @param where the layer, as messages call it */
  constructor(json: JsonObject, where: string) {
    this.json = json;
    this.#where = where;
  }

  /** The value as it is; undefined where it is missing. An inherited name such as `constructor` is no value. */
  get(key: string): Json | undefined {
    return Object.hasOwn(this.json, key) ? this.json[key] : undefined;
  }

  /** Whether there is a value other than null. */
  has(key: string): boolean {
    return (this.get(key) ?? null) !== null;
  }

  /** A whole number. */
  integer(key: string, otherwise?: number, least: number = -MAX_SIZE): number {
    const value = this.#value(key, otherwise);
    if (!isWhole(value, least)) throw this.#refuse(key, value, `a whole number of at least ${least}`);
    return value;
  }

  number(key: string, otherwise?: number): number {
    const value = this.#value(key, otherwise);
    if (typeof value !== 'number' || !Number.isFinite(value)) throw this.#refuse(key, value, 'a number');
    return value;
  }

  flag(key: string, otherwise: boolean): boolean {
    const value = this.#value(key, otherwise);
    // Very old files hold 0 and 1.
    if (value === 0 || value === 1) return value === 1;
    if (typeof value !== 'boolean') throw this.#refuse(key, value, 'true or false');
    return value;
  }

  text(key: string, otherwise?: string): string {
    const value = this.#value(key, otherwise);
    if (typeof value !== 'string') throw this.#refuse(key, value, 'a text');
    return value;
  }

  /** A text out of a closed set; case does not matter. */
  choice<T extends string>(key: string, choices: readonly T[], otherwise: T): T {
    const value = this.text(key, otherwise).toLowerCase();
    const found = choices.find((choice) => choice === value);
    if (found === undefined) throw this.#refuse(key, this.get(key) ?? null, `one of ${choices.join(', ')}`);
    return found;
  }

  /** `count` whole numbers; a single one stands for all of them. */
  integers(key: string, count: number, otherwise?: number, least = 0): number[] {
    const value = this.#value(key, otherwise);
    const list = isArray(value) ? value : new Array<Json>(count).fill(value);
    if (list.length === count && list.every((item) => isWhole(item, least))) return list as number[];
    throw this.#refuse(key, value, `${count} whole numbers of at least ${least}`);
  }

  /** A list of whole numbers of any length; a single one is a list of one. */
  list(key: string, otherwise?: readonly number[]): number[] {
    const value = this.#value(key, otherwise);
    const list = isArray(value) ? value : [value];
    if (list.length <= MAX_LIST && list.every((item) => isWhole(item, -MAX_SIZE))) return list as number[];
    throw this.#refuse(key, value, 'a list of whole numbers');
  }

  /** All numbers of a nested list, or a single one, in order. */
  numbers(key: string): number[] {
    const open: Json[] = [this.#value(key, undefined)];
    const found: number[] = [];
    for (let item = open.pop(); item !== undefined; item = open.pop()) {
      if (typeof item === 'number') found.push(item);
      else if (isArray(item) && item.length + open.length <= MAX_LIST)
        for (let i = item.length - 1; i >= 0; i--) open.push(item[i]!);
      else throw this.#refuse(key, item, 'numbers');
      if (found.length > MAX_LIST) throw this.#refuse(key, null, `at most ${MAX_LIST} numbers`);
    }
    return found;
  }

  object(key: string): JsonObject {
    const value = this.#value(key, undefined);
    if (!isObject(value)) throw this.#refuse(key, value, 'an object');
    return value;
  }

  #value(key: string, otherwise: Json | undefined): Json {
    const value = this.get(key) ?? otherwise;
    if (value === undefined)
      throw new BnnqError('malformed', `keras: ${this.#where}: "${key}" is missing from its configuration`);
    return value;
  }

  #refuse(key: string, got: Json, expected: string): BnnqError {
    return new BnnqError(
      'malformed',
      `keras: ${this.#where}: "${key}" is ${short(got)}, expected ${expected}`,
    );
  }
}

function isWhole(value: Json, least: number): value is number {
  return Number.isInteger(value) && (value as number) >= least && (value as number) <= MAX_SIZE;
}

/** A JSON value for a message. */
export function short(json: Json): string {
  const text = JSON.stringify(json) ?? 'nothing';
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}
