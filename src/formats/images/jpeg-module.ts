import { BnnqError } from '../../errors.ts';
import { nodeBuiltin } from '../../node-builtin.ts';

/**
 * The WebAssembly of the JPEG decoder, out of its package. scripts/build-browser.mjs puts the bytes themselves in the place of
 * this file, as a browser has no packages.
 */
export function jpegModule(): Uint8Array {
  const fs = nodeBuiltin<typeof import('node:fs')>('node:fs');
  const modules = nodeBuiltin<typeof import('node:module')>('node:module');
  if (fs === undefined || modules === undefined)
    throw new BnnqError('unsupported', 'JPEGs are decoded in Node and by the build for browsers alone');
  const require = modules.createRequire(import.meta.url);
  return fs.readFileSync(require.resolve('@jsquash/jpeg/codec/dec/mozjpeg_dec.wasm'));
}
