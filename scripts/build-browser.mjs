/**
 * Bundles the API for browsers with all that it needs, the WebAssembly of kernels and JPEG decoder included, into one ES module:
 * dist/browser/bnn-quantize.js. Copied beside a page it works there, without a build of the page's own and without any request.
 * Beside it licenses.txt, the terms of the packages that are in it. Starts from what `tsc -b` has made.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const outfile = join(root, 'dist/browser/bnn-quantize.js');
const { version, license } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

/**
 * src/formats/images/jpeg-module.ts reads the decoder out of its package; here its bytes take that file's place. The glue's own
 * address of it, which is never used, is taken away: bundlers that meet it look for the file.
 */
const ADDRESS = 'new URL("mozjpeg_dec.wasm",import.meta.url).href';
const jpegModule = {
  name: 'jpeg-module',
  setup({ onLoad }) {
    onLoad({ filter: /[\\/]mozjpeg_dec\.js$/ }, ({ path }) => {
      const text = readFileSync(path, 'utf8');
      if (!text.includes(ADDRESS))
        throw new Error(`${path}: its address of mozjpeg_dec.wasm is not where it was`);
      return { contents: text.replace(ADDRESS, '""') };
    });
    onLoad({ filter: /[\\/]formats[\\/]images[\\/]jpeg-module\.js$/ }, () => ({
      contents:
        "import bytes from '@jsquash/jpeg/codec/dec/mozjpeg_dec.wasm';\nexport const jpegModule = () => bytes;\n",
      resolveDir: root,
    }));
  },
};

const { metafile } = await build({
  entryPoints: [join(root, 'dist/src/browser.js')],
  outfile,
  bundle: true,
  minify: true,
  format: 'esm',
  platform: 'browser',
  // Of the year in which the last of the large browsers learnt WebAssembly SIMD (Chrome 91, Firefox 89, Safari 16.4).
  target: 'es2022',
  loader: { '.wasm': 'binary' },
  plugins: [jpegModule],
  banner: { js: `/*! bnn-quantize ${version}, ${license}. Parts of other packages: see licenses.txt */` },
  legalComments: 'none',
  metafile: true,
  absWorkingDir: root,
  logLevel: 'warning',
});

writeFileSync(join(dirname(outfile), 'licenses.txt'), licensesOf(Object.keys(metafile.inputs)));
const bytes = readFileSync(outfile);
const kilobytes = (count) => `${Math.round(count / 1000)} kB`;
console.log(
  `dist/browser/bnn-quantize.js: ${kilobytes(bytes.length)}, ${kilobytes(gzipSync(bytes, { level: 9 }).length)} gzipped`,
);

/** Name, version and terms of every package that these files are from. */
function licensesOf(inputs) {
  const folders = inputs.map((input) => /^.*node_modules\/(@[^/]+\/)?[^/]+/.exec(input)?.[0]);
  return [...new Set(folders.filter(Boolean))]
    .sort()
    .map((folder) => {
      const manifest = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8'));
      // Compiled code may come with terms of its own in a folder below.
      const files = readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
        .filter((name) => /(^|[\\/])licen[cs]e[^\\/]*$/i.test(name) && !name.includes('node_modules'))
        .sort();
      const terms = files.map((name) => `\n${readFileSync(join(root, folder, name), 'utf8').trim()}\n`);
      return `${manifest.name} ${manifest.version}, ${manifest.license}\n${terms.join('')}`;
    })
    .join(`\n${'-'.repeat(78)}\n\n`);
}
