import { createHash } from 'node:crypto';
import { html } from '../escape.ts';
import { STYLE } from './style.ts';

interface Document {
  readonly title: string;
  readonly toolVersion: string;
  /** Rules besides those of all pages. */
  readonly style: string;
  readonly body: readonly string[];
  /** The one script that the page may run. */
  readonly script?: string | undefined;
}

/** A whole page that asks for nothing else: its content security policy forbids it, and every script but the one given, by its hash. */
export function document({ title, toolVersion, style, body, script }: Document): string {
  // CSP 3, section 2.3.1: the source that allows exactly this text.
  const allowed =
    script === undefined
      ? ''
      : `; script-src 'sha256-${createHash('sha256').update(script).digest('base64')}'`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'${allowed}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="bnn-quantize ${html(toolVersion)}">
<title>${html(title)}</title>
<style>${STYLE}${style}</style>
</head>
<body>
<main>
${body.join('\n')}
</main>${script === undefined ? '' : `\n<script>${script}</script>`}
</body>
</html>
`;
}
