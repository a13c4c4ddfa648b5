import { BnnqError } from '../errors.ts';
import { MAX_JSON_DEPTH } from './limits.ts';

const [QUOTE, BACKSLASH] = [0x22, 0x5c];
const OPENING = new Set([0x5b, 0x7b]);
const CLOSING = new Set([0x5d, 0x7d]);

/**
 * Refuses JSON that is nested without end before it is parsed: a list for each byte takes gigabytes, and seconds for some
 * megabytes of text.
 * @param where begins the message
 * @throws limit
 */
export function checkJsonDepth(text: string, where: string): void {
  let depth = 0;
  let isInText = false;
  for (let i = 0; i < text.length; i++) {
    const char = text.charCodeAt(i);
    if (char === QUOTE) isInText = !isInText;
    else if (isInText) {
      if (char === BACKSLASH) i++;
    } else if (CLOSING.has(char)) depth--;
    else if (OPENING.has(char) && ++depth > MAX_JSON_DEPTH)
      throw new BnnqError('limit', `${where} is nested more than ${MAX_JSON_DEPTH} levels deep`);
  }
}
