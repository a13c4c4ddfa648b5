import type { LayerConverter, LayerTable } from '../layer-call.ts';
import { DENSE_LAYERS } from './dense.ts';
import { IDENTITY_LAYERS } from './identity.ts';

/** Every layer that can be converted. A new family is a file and a line here. */
const TABLES: readonly LayerTable[] = [DENSE_LAYERS, IDENTITY_LAYERS];

const LAYERS: ReadonlyMap<string, LayerConverter> = new Map(TABLES.flatMap((table) => Object.entries(table)));

/** The converter of a layer by the class name in the file, or undefined. */
export function findLayer(className: string): LayerConverter | undefined {
  return LAYERS.get(className);
}
