/**
 * A module of Node, such as `node:zlib`, where this runs in Node (or in what imitates it); undefined in a browser. Whoever
 * asks has JavaScript of its own for that case. An import would keep a file from being loaded in a browser at all.
 */
export function nodeBuiltin<T>(id: `node:${string}`): T | undefined {
  const { process } = globalThis as { process?: { getBuiltinModule?: (id: string) => unknown } };
  return process?.getBuiltinModule?.(id) as T | undefined;
}
