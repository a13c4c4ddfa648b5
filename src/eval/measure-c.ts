import { messageOf } from '../errors.ts';
import { type CSize, sizeOfC } from '../formats/c/write-c.ts';
import type { Model } from '../ir/graph.ts';
import { prepareProgram } from './c/prepare-program.ts';

/** What `export --to c` would make of the model, in bytes of the device; a sentence where it cannot. */
export function measureC(model: Model): CSize | string {
  try {
    return sizeOfC(prepareProgram(model, 'network'));
  } catch (thrown) {
    return messageOf(thrown);
  }
}
