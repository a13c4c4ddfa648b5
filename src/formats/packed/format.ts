/**
 * Versions of the packed format; a reader refuses any other. See docs/packed-format.md. A file says the second where codes are
 * compressed, so that what is not can be read by programs that know the first alone.
 */
export const FORMAT_VERSION = 1;
export const COMPRESSED_VERSION = 2;

/** Names of the tensors that every packed file has (the first two where it has discretized weights). */
export const LEVELS_TENSOR = '__levels__';
export const CODES_TENSOR = '__codes__';
export const GRAPH_TENSOR = '__graph__';

/** Key of the index in the graph's metadata_props. */
export const INDEX_KEY = 'bnnq';

/**
 * Initializers of at most this many bytes that are not discretized stay in the graph. Outside, an entry of the header
 * costs about 100 bytes; from here on that is less than 0.2 %, and NumPy can map the tensor.
 */
export const INLINE_BYTES = 65536;

/** Keys of `__metadata__`. */
export const META = {
  version: 'bnnq',
  tool: 'tool',
  source: 'source',
  sourceBytes: 'source_bytes',
  sourceSha256: 'source_sha256',
  scheme: 'scheme',
  rule: 'rule',
  bits: 'bits',
  granularity: 'granularity',
  index: 'index',
  graphSha256: 'graph_sha256',
} as const;
