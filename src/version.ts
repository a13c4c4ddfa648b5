import { createRequire } from 'node:module';

/** Version of this package, from its package.json (found by the package's own name, from sources and from dist alike). */
export const VERSION: string = (
  createRequire(import.meta.url)('bnn-quantize/package.json') as { version: string }
).version;
