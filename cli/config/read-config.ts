import { readFileSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Command } from 'commander';
import { InvalidArgumentError } from 'commander';
import { isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from 'yaml';
import { BnnqError } from '../../src/index.ts';
import { nearest } from '../suggest.ts';
import { type ConfigKey, keysOf } from './config-keys.ts';
import { rebase } from './places.ts';

/** A file of options is some dozen lines; a larger one is something else. */
const MAX_BYTES = 2 ** 16;

/** Mistakes that are told; a file with more is something else, or one mistake in many places. */
const MAX_TOLD = 20;

/** The section of what several commands share. */
export const COMMON = 'common';

/** Of the parser, which calls itself for what is nested. */
const TOO_DEEP = 'it is nested too deeply';

interface Mistake {
  readonly offset: number;
  readonly sentence: string;
}

/** One key with what it is set to: values as the command line would have them, or a switch. */
export interface Setting {
  /** The name that the file has it by. */
  readonly name: string;
  readonly key: ConfigKey;
  readonly value: readonly string[] | boolean;
}

/**
 * Reads a file of options: YAML 1.2, a section for each command and one that is common to all, in each the long names of options. Every mistake of the
 * whole file is told at once, with line and column. Relative paths come out as seen from the current folder.
 * @returns the settings of a command, its own before what is common
 * @throws usage, not-found, io
 */
export function readConfig(path: string, root: Command): (command: string) => Setting[] {
  const text = readText(path);
  const lines = new LineCounter();
  const mistakes: Mistake[] = [];
  const complain = (offset: number, sentence: string): void => void mistakes.push({ offset, sentence });
  const sections = new Map<string, Setting[]>();
  const reader = new SectionReader(dirname(path), complain);
  try {
    const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, stringKeys: true });
    for (const { pos, message } of [...document.errors, ...document.warnings])
      complain(pos[0], /call stack/.test(message) ? TOO_DEEP : message);
    const { contents } = document;
    const names = root.commands.map((command) => command.name());
    if (contents !== null && !isMap(contents))
      complain(
        offsetOf(contents),
        `expected sections such as "sweep:" with options in them, got ${kindOf(contents)}`,
      );
    if (isMap(contents) && mistakes.length === 0)
      for (const { key, value } of contents.items) {
        const name = String(isScalar(key) ? key.value : key);
        const offset = offsetOf(key as Node);
        if (name === COMMON)
          sections.set(COMMON, reader.read(COMMON, value as Node | null, root.commands.flatMap(keysOf)));
        else if (names.includes(name)) {
          const command = root.commands.find((one) => one.name() === name)!;
          sections.set(name, reader.read(name, value as Node | null, keysOf(command)));
        } else complain(offset, `there is no command "${name}"${hint(name, [COMMON, ...names])}`);
      }
  } catch (thrown) {
    if (!(thrown instanceof RangeError)) throw thrown;
    complain(0, TOO_DEEP);
  }
  if (mistakes.length > 0) throw mistakesOf(path, lines, mistakes);
  return (command) => {
    const own = sections.get(command) ?? [];
    const target = root.commands.find((one) => one.name() === command);
    const known = target === undefined ? [] : keysOf(target);
    const shared = (sections.get(COMMON) ?? []).flatMap(({ name, value }) => {
      const key = known.find((one) => one.name === name || one.alias === name);
      return key === undefined || own.some((one) => one.key.name === key.name) ? [] : { name, key, value };
    });
    return [...own, ...shared];
  };
}

/** Every mistake with its place, in the order of the file. */
function mistakesOf(path: string, lines: LineCounter, mistakes: readonly Mistake[]): BnnqError {
  const told = mistakes
    .toSorted((a, b) => a.offset - b.offset)
    .map(({ offset, sentence }) => {
      const { line, col } = lines.linePos(offset);
      return `${path}:${Math.max(1, line)}:${Math.max(1, col)}: ${sentence}`;
    });
  const shown = [...new Set(told)].slice(0, MAX_TOLD);
  if (mistakes.length > MAX_TOLD) shown.push(`${path}: and more, ${mistakes.length} in all`);
  return new BnnqError('usage', shown.join('\n'), { file: path });
}

function readText(path: string): string {
  try {
    const { size } = statSync(path);
    if (size > MAX_BYTES)
      throw new BnnqError(
        'limit',
        `"${path}" has ${size} bytes, a file of options has ${MAX_BYTES} at most`,
        {
          file: path,
        },
      );
    return readFileSync(path, 'utf8');
  } catch (thrown) {
    if (thrown instanceof BnnqError) throw thrown;
    const code = (thrown as NodeJS.ErrnoException).code;
    throw new BnnqError(
      code === 'ENOENT' ? 'not-found' : 'io',
      `--config: cannot read "${path}": ${code === 'ENOENT' ? 'no such file' : `the system says ${code}`}`,
      { file: path },
      thrown,
    );
  }
}

class SectionReader {
  readonly #folder: string;
  readonly #complain: (offset: number, sentence: string) => void;

  /** @param folder that paths are relative to */
  constructor(folder: string, complain: (offset: number, sentence: string) => void) {
    this.#folder = folder;
    this.#complain = complain;
  }

  /** @param known keys that the section may have; where several have one name, a value has to do for all of them */
  read(section: string, node: Node | null, known: readonly ConfigKey[]): Setting[] {
    if (node === null || (isScalar(node) && node.value === null)) return [];
    if (!isMap(node)) {
      this.#complain(offsetOf(node), `${section}: expected options, a line each, got ${kindOf(node)}`);
      return [];
    }
    const settings: Setting[] = [];
    for (const pair of node.items) {
      const name = String(isScalar(pair.key) ? pair.key.value : pair.key);
      const offset = offsetOf(pair.key as Node);
      const [key, ...others] = known.filter((one) => one.name === name || one.alias === name);
      if (key === undefined) {
        this.#complain(offset, `${section}: unknown key "${name}"${unknownHint(name, known)}`);
        continue;
      }
      if (settings.some((one) => one.key.name === key.name))
        this.#complain(
          offset,
          `${section}: "${name}" is there twice, as "${key.alias}" and as "${key.name}"`,
        );
      const where = `${section}.${name}`;
      const value = this.#valueOf(where, key, pair.value as Node | null, offset);
      if (value !== undefined && this.#suitsAll(where, others, value, offset))
        settings.push({ name, key, value });
    }
    return settings;
  }

  /** What a key is set to; undefined for nothing that can be used, which is then complained of. */
  #valueOf(where: string, key: ConfigKey, node: Node | null, at: number): Setting['value'] | undefined {
    const offset = node === null ? at : offsetOf(node);
    const wrong = (sentence: string): undefined =>
      this.#complain(offset, `${where}: ${sentence}`) as undefined;
    const is = isScalar(node) ? node.value : undefined;
    if (typeof is === 'boolean') {
      if (key.kind === 'switch' || (is ? key.kind === 'maybe' : key.canBeOff)) return is;
      return wrong(`expected a value, got ${is}`);
    }
    if (key.kind === 'switch') return wrong(`expected true or false, got ${kindOf(node)}`);
    const items = isSeq(node) ? (node.items as Node[]) : [node];
    if (isSeq(node) && key.several === undefined) return wrong('expected one value, got a list');
    const texts = items.map(textOf);
    for (const [i, text] of texts.entries())
      if (text === undefined)
        this.#complain(
          items[i] === null ? offset : offsetOf(items[i]!),
          `${where}: expected ${key.several === undefined ? 'a value' : 'values'}, got ${kindOf(items[i]!)}`,
        );
    if (texts.includes(undefined)) return undefined;
    if (texts.length === 0) return wrong('expected values, got an empty list');
    const values = key.several === 'commas' ? [texts.join(',')] : (texts as string[]);
    const moved = values.map((text) => rebase(text, key.place, this.#folder, '.'));
    for (const text of moved) {
      const problem = problemOf(key, text);
      if (problem !== undefined) return wrong(problem);
    }
    return moved;
  }

  #suitsAll(where: string, keys: readonly ConfigKey[], value: Setting['value'], offset: number): boolean {
    if (typeof value === 'boolean') return true;
    const problem = keys.flatMap((key) => value.map((text) => problemOf(key, text))).find(Boolean);
    if (problem !== undefined) this.#complain(offset, `${where}: ${problem}`);
    return problem === undefined;
  }
}

/** What the command line would say of a value. */
function problemOf({ option, choices }: ConfigKey, text: string): string | undefined {
  if (choices !== undefined)
    return choices.includes(text) ? undefined : `expected ${choices.join(', ')}, got "${text}"`;
  try {
    option?.parseArg?.(text, undefined);
    return undefined;
  } catch (thrown) {
    if (thrown instanceof InvalidArgumentError) return thrown.message;
    throw thrown;
  }
}

/** A scalar as it is written: `1.0` and `1-8` stay what they are. */
function textOf(node: Node | null): string | undefined {
  if (!isScalar(node)) return undefined;
  if (typeof node.value === 'string') return node.value;
  return typeof node.value === 'number' ? (node.source ?? String(node.value)) : undefined;
}

function offsetOf(node: Node): number {
  return node.range?.[0] ?? 0;
}

function kindOf(node: Node | null): string {
  if (node === null || (isScalar(node) && node.value === null)) return 'nothing';
  if (isAlias(node)) return 'an alias, which is not followed (what commands share goes under "common")';
  if (isSeq(node)) return 'a list';
  return isMap(node) ? 'keys of its own' : JSON.stringify((node as { value?: unknown }).value);
}

function unknownHint(name: string, known: readonly ConfigKey[]): string {
  if (name === '<<') return ' (merge keys are not followed: what commands share goes under "common")';
  return hint(
    name,
    known.flatMap((key) => [key.name, ...(key.alias === undefined ? [] : [key.alias])]),
  );
}

function hint(name: string, known: readonly string[]): string {
  const near = nearest(name, known).map((one) => `"${one}"`);
  return near.length === 0 ? '' : `, did you mean ${near.join(' or ')}?`;
}
