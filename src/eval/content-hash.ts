import { createHash } from 'node:crypto';
import { packModel } from '../formats/packed/pack.ts';
import type { Model } from '../ir/graph.ts';
import { VERSION } from '../version.ts';

/**
 * Hex SHA-256 over a model as it was read, weights included that lie in other files than the one that `source.sha256` is of: the
 * hash of the packed file that it would make. The name of its file has no part in it.
 */
export function contentHash(model: Model): string {
  const { file: _, ...source } = model.source;
  const nameless = { ...model, source };
  const hash = createHash('sha256');
  for (const chunk of packModel(nameless, { toolVersion: VERSION }, false).chunks()) hash.update(chunk);
  return hash.digest('hex');
}
