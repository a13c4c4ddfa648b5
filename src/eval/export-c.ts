import { type CSources, writeC } from '../formats/c/write-c.ts';
import type { Model } from '../ir/graph.ts';
import { VERSION } from '../version.ts';
import { prepareProgram } from './c/prepare-program.ts';

export type { CSize, CSources } from '../formats/c/write-c.ts';

export interface CExportOptions {
  /** Prefix of files, functions and constants, an identifier of C; made of the name of the model's file when absent. */
  readonly name?: string | undefined;
}

/**
 * A network as C99 sources that compute the same bits as `createSession`: files by name, and what they take on the device. For one
 * sample; one input and one output of FLOAT. Same model, same text.
 * @throws unsupported with all operators that cannot be written in C, or the node that uses one in a way that cannot; option for
 * a name that C does not take
 */
export function exportC(model: Model, options: CExportOptions = {}): CSources {
  const { file, sha256 } = model.source;
  const base = file?.replace(/^.*[\\/]/, '');
  const name = options.name ?? cName(base ?? 'network');
  const from = base === undefined ? 'a model in memory' : base;
  const sum = sha256 === undefined ? '' : `, source SHA-256 ${sha256}`;
  return writeC(prepareProgram(model, name), {
    origin: `Made by bnn-quantize ${VERSION} from ${from}${sum}`,
  });
}

/** A file's name without its endings as an identifier. */
function cName(file: string): string {
  const stem = file.replace(/(\.weights)?\.(onnx|bnnq|h5|hdf5|keras|json)$/i, '');
  const plain = stem
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '_')
    .replace(/^_+|_+$/g, '');
  return /^[a-z]/.test(plain) ? plain : `net_${plain}`;
}
