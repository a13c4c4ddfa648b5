import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { Journal } from '../../src/eval/journal.ts';

const root = mkdtempSync(join(tmpdir(), 'bnnq-journal-'));
afterAll(() => rmSync(root, { recursive: true }));
let made = 0;
const folder = (): string => join(root, `deep/${made++}/points.jsonl`);

describe('Journal', () => {
  it('keeps what was appended, in this run and in the next', () => {
    const path = folder();
    const first = new Journal(path);
    first.append('a', { top1: 12.5 });
    first.append('b', [1, null]);
    expect(first.get('a')).toEqual({ top1: 12.5 });
    first.close();
    const second = new Journal(path);
    expect([second.get('a'), second.get('b'), second.get('c')]).toEqual([
      { top1: 12.5 },
      [1, null],
      undefined,
    ]);
    second.close();
  });

  it('cuts off a torn last line and goes on after the one before', () => {
    const path = folder();
    const first = new Journal(path);
    first.append('ä', 1);
    first.close();
    appendFileSync(first.path, '{"key":"b","val');
    const second = new Journal(path);
    expect([second.get('ä'), second.get('b')]).toEqual([1, undefined]);
    second.append('c', 3);
    second.close();
    expect(readFileSync(first.path, 'utf8')).toBe('{"key":"ä","value":1}\n{"key":"c","value":3}\n');
  });

  it('ignores lines that it does not understand', () => {
    const path = folder();
    const first = new Journal(path);
    first.append('a', 1);
    first.close();
    writeFileSync(first.path, `nonsense\n[1]\n{"key":3}\n${readFileSync(first.path, 'utf8')}`);
    const second = new Journal(path);
    expect(second.get('a')).toBe(1);
    second.close();
  });

  it('says that the folder cannot be made', () => {
    const file = join(root, 'file');
    writeFileSync(file, '');
    expect(() => new Journal(join(file, 'sub', 'points.jsonl'))).toThrow(
      expect.objectContaining({ code: 'io' }),
    );
  });
});
