import { BnnqError, messageOf } from '../../../errors.ts';
import { checkJsonDepth } from '../../json-depth.ts';
import { isObject } from '../config.ts';
import type { Json, JsonObject } from '../contract.ts';

/**
 * Parses JSON as Python writes it: NaN and Infinity stand where a number is. They become null and ±Infinity.
 * @param where begins the message
 * @throws malformed, limit (nesting)
 */
export function parseJson(text: string, where: string): Json {
  checkJsonDepth(text, where);
  try {
    return JSON.parse(withJsonNumbers(text)) as Json;
  } catch (thrown) {
    throw new BnnqError('malformed', `${where} is not JSON: ${messageOf(thrown)}`, {}, thrown);
  }
}

/** Parses JSON that must be an object. */
export function parseJsonObject(text: string, where: string): JsonObject {
  const json = parseJson(text, where);
  if (isObject(json)) return json;
  throw new BnnqError('malformed', `${where} is not a JSON object`);
}

/** The value under a key of its own; undefined where there is none. */
export function field(json: Json | undefined, key: string): Json | undefined {
  return isObject(json) && Object.hasOwn(json, key) ? json[key] : undefined;
}

/** The text under a key; empty where there is none. */
export function textField(json: Json | undefined, key: string): string {
  const value = field(json, key);
  return typeof value === 'string' ? value : '';
}

/** Ends of texts and what is escaped in them, and numbers in words. Nothing in it repeats: any text takes one pass. */
const TOKENS = /\\.|"|-?Infinity\b|\bNaN\b/gs;

function withJsonNumbers(text: string): string {
  let isInText = false;
  return text.replace(TOKENS, (token) => {
    if (token === '"') isInText = !isInText;
    else if (isInText) return token;
    else if (token === 'NaN') return 'null';
    else if (token.endsWith('Infinity')) return token.startsWith('-') ? '-1e999' : '1e999';
    return token;
  });
}
