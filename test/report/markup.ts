/** An element as it was opened. */
export interface OpenElement {
  readonly name: string;
  readonly attributes: ReadonlyMap<string, string>;
}

/** Their content is no markup. */
const RAW = new Set(['style', 'script']);
const VOID = new Set(['meta', 'input', 'br', 'hr', 'link', 'img']);

/**
 * The elements of a page in order. A strict reader: throws on an element that is not closed in order, on an attribute
 * without quotes or twice, and on a bare `<` or `&` in text. The content of style and script is skipped.
 */
export function elements(page: string): OpenElement[] {
  const found: OpenElement[] = [];
  const open: string[] = [];
  let at = page.indexOf('<', '<!doctype html>'.length);
  while (at >= 0) {
    const tag = /^<(\/?)([a-zA-Z][\w-]*)((?:\s+[\w:-]+(?:="[^"<]*")?)*)\s*(\/?)>/.exec(
      page.slice(at, at + 20_000),
    );
    if (tag === null) throw new Error(`not a tag at ${at}: ${page.slice(at, at + 60)}`);
    const [text, close, name, attributes, alone] = tag as unknown as [string, string, string, string, string];
    if (close === '/') {
      const last = open.pop();
      if (last !== name) throw new Error(`</${name}> closes <${last}>`);
    } else {
      found.push({ name, attributes: attributesOf(attributes) });
      if (alone !== '/' && !VOID.has(name)) open.push(name);
    }
    const end = at + text.length;
    const isRaw = RAW.has(name) && close === '';
    at = page.indexOf(isRaw ? `</${name}` : '<', end);
    const between = page.slice(end, at < 0 ? undefined : at);
    if (!isRaw && /&(?!#\d+;|[a-z]+;)/.test(between)) throw new Error(`bare & in ${between}`);
  }
  if (open.length > 0) throw new Error(`left open: ${open.join(' ')}`);
  return found;
}

/** The text of a page, tags taken out and character references resolved. */
export function textOf(page: string): string {
  return page
    .replace(/<(style|script)[^>]*>[\s\S]*?<\/\1>|<[^>]*>/g, '')
    .replace(/&#(\d+);/g, (_, code) => String.fromCharCode(Number(code)));
}

function attributesOf(text: string): Map<string, string> {
  const attributes = new Map<string, string>();
  for (const [, name, value] of text.matchAll(/([\w:-]+)(?:="([^"]*)")?/g)) {
    if (attributes.has(name!)) throw new Error(`attribute ${name} twice`);
    attributes.set(name!, value ?? '');
  }
  return attributes;
}
