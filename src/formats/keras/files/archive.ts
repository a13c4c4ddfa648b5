import { BnnqError } from '../../../errors.ts';
import type { ByteSource } from '../../byte-source.ts';
import { openHdf5 } from '../../hdf5/file.ts';
import { MAX_JSON_BYTES, MAX_MODEL_BYTES } from '../../limits.ts';
import { openZipMember, unzipMember, zipMembers } from '../../zip.ts';
import type { KerasSource } from '../contract.ts';
import { readHdf5Model } from './hdf5-weights.ts';
import { parseJsonObject, textField } from './json.ts';

const CONFIG = 'config.json';
const METADATA = 'metadata.json';
const WEIGHTS = 'model.weights.h5';

/**
 * Reads a `.keras` file: a zip archive of the architecture, the weights and what is known about them. Nothing is unpacked
 * to disk; weights that are stored as they are, which is how Keras writes them, stay in the file until they are read.
 * @param what the file, for messages
 * @param verify compare the checksums of the archive
 */
export function readKerasArchive(archive: ByteSource, what: string, verify = true): KerasSource {
  const where = `keras: ${what}`;
  const members = zipMembers(archive, where);
  const find = (name: string) => members.find((member) => member.name === name);
  const text = (name: string): string | undefined => {
    const member = find(name);
    return member && new TextDecoder().decode(unzipMember(archive, member, MAX_JSON_BYTES, where));
  };
  const config = text(CONFIG);
  const weights = find(WEIGHTS);
  if (config === undefined || weights === undefined)
    throw notKeras(
      what,
      members.map(({ name }) => name),
      config === undefined ? CONFIG : WEIGHTS,
    );
  const model = parseJsonObject(config, `${where}: ${CONFIG}`);
  const metadata = text(METADATA);
  const opened = openZipMember(
    archive,
    weights,
    weights.isPacked ? MAX_MODEL_BYTES : archive.length,
    where,
    verify,
  );
  const inner = `${what}: ${WEIGHTS}`;
  const stored = readHdf5Model(openHdf5(opened, inner), inner);
  return {
    container: '.keras',
    config: model,
    kerasVersion:
      (metadata && textField(parseJsonObject(metadata, `${where}: ${METADATA}`), 'keras_version')) || '3',
    weights: stored.weights(model, true),
  };
}

function notKeras(what: string, names: readonly string[], missing: string): BnnqError {
  const kind = names.some((name) => name.endsWith('/data.pkl'))
    ? 'is a PyTorch checkpoint: export the model to ONNX with torch.onnx.export'
    : names.some((name) => name.endsWith('.npy'))
      ? 'is a file of NumPy arrays (.npz)'
      : `is a zip file without ${missing}`;
  return new BnnqError(
    'unsupported',
    `${what} ${kind}; expected a .keras file, an ONNX model or a packed model (.bnnq)`,
  );
}
