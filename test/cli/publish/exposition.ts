/** A sample of the text format. */
export interface Sample {
  readonly name: string;
  readonly labels: ReadonlyMap<string, string>;
  readonly value: number;
}

const NAME = /[a-zA-Z_:][a-zA-Z0-9_:]*/y;
const LABEL = /[a-zA-Z_][a-zA-Z0-9_]*/y;
const VALUE = /(?:[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?|NaN|[+-]Inf)$/iy;

/**
 * Reads the text exposition format 0.0.4 by its grammar
 * (https://prometheus.io/docs/instrumenting/exposition_formats/#text-format-details), and what the textfile collector of the node exporter asks
 * besides: no timestamps. Throws where a rule is broken: one HELP and one TYPE a family, before its samples, families in one piece, no
 * sample twice, a line feed at the end.
 */
export function readExposition(text: string): Sample[] {
  if (!text.endsWith('\n')) throw new Error('the last line does not end');
  const samples: Sample[] = [];
  const families = new Map<string, Set<'HELP' | 'TYPE' | 'sample'>>();
  const seen = new Set<string>();
  let current: string | undefined;
  const enter = (name: string, what: 'HELP' | 'TYPE' | 'sample', line: string): void => {
    const before = families.get(name) ?? new Set();
    if (current !== name && before.size > 0) throw new Error(`a family in pieces: ${line}`);
    if (what !== 'sample' && before.has(what)) throw new Error(`twice: ${line}`);
    if (what !== 'sample' && before.has('sample')) throw new Error(`after samples: ${line}`);
    families.set(name, before.add(what));
    current = name;
  };
  for (const line of text.slice(0, -1).split('\n')) {
    const comment = /^# (HELP|TYPE) ([a-zA-Z_:][a-zA-Z0-9_:]*) (.+)$/.exec(line);
    if (comment !== null) {
      const [, what, name, rest] = comment as unknown as [string, 'HELP' | 'TYPE', string, string];
      if (what === 'TYPE' && !/^(counter|gauge|histogram|summary|untyped)$/.test(rest))
        throw new Error(`no type: ${line}`);
      if (what === 'HELP' && /\\[^\\n]/.test(rest)) throw new Error(`a stray backslash: ${line}`);
      enter(name, what, line);
      continue;
    }
    const sample = readSample(line);
    enter(sample.name, 'sample', line);
    if (families.get(sample.name)!.size < 3) throw new Error(`without HELP and TYPE: ${line}`);
    const key = JSON.stringify([sample.name, [...sample.labels].sort()]);
    if (seen.has(key)) throw new Error(`a sample twice: ${line}`);
    seen.add(key);
    samples.push(sample);
  }
  return samples;
}

function readSample(line: string): Sample {
  let at = 0;
  const take = (pattern: RegExp | string): string => {
    let found: string | undefined;
    if (typeof pattern === 'string') found = line.startsWith(pattern, at) ? pattern : undefined;
    else {
      pattern.lastIndex = at;
      found = pattern.exec(line)?.[0];
    }
    if (found === undefined) throw new Error(`expected ${pattern} at ${at} of: ${line}`);
    at += found.length;
    return found;
  };
  const name = take(NAME);
  const labels = new Map<string, string>();
  take('{');
  while (line[at] !== '}') {
    if (labels.size > 0) take(',');
    const label = take(LABEL);
    if (labels.has(label) || label.startsWith('__')) throw new Error(`label ${label}: ${line}`);
    take('=');
    take('"');
    // Anything but a quote, a backslash and a line feed; or one of the three escapes.
    const raw = take(/(?:[^"\\\n]|\\["\\n])*/y);
    labels.set(
      label,
      raw.replaceAll(/\\(.)/g, (_, of: string) => (of === 'n' ? '\n' : of)),
    );
    take('"');
  }
  take('}');
  take(' ');
  return { name, labels, value: Number(take(VALUE)) };
}
