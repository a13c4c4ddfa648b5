/**
 * Serves examples/browser with the built module beside it: `npm run example:browser [-- --port 8080]`. Only these files can be had, and
 * only from this machine.
 */
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { dirname, extname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/** What is served, by its path in the address. */
const FILES = new Map([
  ['/', 'examples/browser/index.html'],
  ...['page.js', 'worker.js', 'style.css', 'icon.svg'].map((name) => [
    `/${name}`,
    `examples/browser/${name}`,
  ]),
  ['/bnn-quantize.js', 'dist/browser/bnn-quantize.js'],
]);

/** Starts the server; port 0 takes one that is free. `close` also ends connections that browsers keep open. */
export async function serveExample(port = 0) {
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost');
    const file = FILES.get(pathname);
    if (file === undefined) {
      response.writeHead(404, { 'content-type': 'text/plain' }).end('There is no such page.\n');
      return;
    }
    try {
      const bytes = await readFile(join(root, file));
      response
        .writeHead(200, { 'content-type': TYPES[extname(file)], 'cache-control': 'no-cache' })
        .end(bytes);
    } catch {
      response
        .writeHead(500, { 'content-type': 'text/plain' })
        .end(`${file} is missing: run "npm run build".\n`);
    }
  });
  await new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  return {
    url: `http://127.0.0.1:${server.address().port}/`,
    close: () =>
      new Promise((resolve) => {
        server.close(resolve);
        server.closeAllConnections();
      }),
  };
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const at = process.argv.indexOf('--port');
  const port = at < 0 ? 8080 : Number(process.argv[at + 1]);
  try {
    const { url } = await serveExample(port);
    console.log(`${url} (Ctrl-C stops)`);
  } catch (error) {
    console.error(
      error.code === 'EADDRINUSE'
        ? `Port ${port} is taken: give another, as in "npm run example:browser -- --port 8081".`
        : error.message,
    );
    process.exitCode = 1;
  }
}
