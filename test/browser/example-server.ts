export interface ExampleServer {
  readonly url: string;
  close(): Promise<void>;
}

/** The server of `npm run example:browser`, at a free port. */
export async function serveExample(): Promise<ExampleServer> {
  const script = new URL('../../scripts/serve-example.mjs', import.meta.url).href;
  const { serveExample: serve } = (await import(script)) as { serveExample(): Promise<ExampleServer> };
  return serve();
}
