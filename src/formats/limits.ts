/** Limits of what is read, with the reason of each. A file beyond one of them is refused by a sentence, never half read. */

/** Protobuf's own bound on a message, and so on an ONNX file: lengths are signed 32-bit. Larger models keep their weights outside. */
export const MAX_MODEL_BYTES: number = 2 ** 31 - 1;

/**
 * Nested subgraphs (If, Loop, Scan). Google's parser stops at 100 nested messages, and a subgraph costs three (graph,
 * node, attribute); exporters stay below ten.
 */
export const MAX_GRAPH_DEPTH = 32;

/** Dimensions of a tensor. NumPy allows 64, ONNX operators go to 8 or so. */
export const MAX_RANK = 64;

/** Elements of a tensor: positions must be exact as JavaScript numbers, and no file that fits in memory has more. */
export const MAX_ELEMENTS: number = 2 ** 40;

/** Bytes of a safetensors header: the bound of the reference implementation (safetensors/src/tensor.rs). */
export const MAX_HEADER_BYTES = 100_000_000;

/**
 * An ONNX file longer than this is not held in memory: its large tensors stay on disk until they are read, so that
 * discretizing a model takes less memory than the model. Below, one read of everything is simpler and faster.
 */
export const MAX_RESIDENT_BYTES: number = 64 * 2 ** 20;

/** Elements of a tensor that stay on disk have at least this many bytes; smaller ones are not worth a read each. */
export const MIN_CUT_BYTES = 65536;

/** Levels of groups in an HDF5 file. Keras nests a model a level or three; the deepest network is far from this. */
export const MAX_GROUP_DEPTH = 64;

/**
 * Records (links, entries of B-trees, messages of object headers) that are looked at to find everything in an HDF5 file.
 * A variable of a Keras file costs about twenty, so this is a network of 100,000 variables.
 */
export const MAX_HDF5_RECORDS = 2_000_000;

/** Bytes of the text of one HDF5 attribute. The architecture of the largest Keras models has some megabytes. */
export const MAX_TEXT_BYTES: number = 64 * 2 ** 20;

/**
 * How many times its stored size compressed data may have, beyond `FREE_EXPANSION_BYTES`. DEFLATE itself goes to 1032;
 * trained weights stay below 3, ±1 weights in float32 reach about 100.
 */
export const MAX_EXPANSION = 200;

/** Compressed data of up to this size may be of any density. */
export const FREE_EXPANSION_BYTES: number = 64 * 2 ** 20;

/** Bytes of an architecture in JSON: parsed it takes about ten times that. The largest of Keras have some megabytes. */
export const MAX_JSON_BYTES: number = 64 * 2 ** 20;

/** Nesting of JSON. A nested model of Keras costs about six levels; the header of a packed file has three. */
export const MAX_JSON_DEPTH = 256;

/** Members of a zip archive. A .keras file has three, and one for each vocabulary. */
export const MAX_ZIP_MEMBERS = 65_535;

/** Elements of a constant that is made up: a sparse one, or ones. A few bytes of a file can declare any number. */
export const MAX_DENSE_ELEMENTS: number = 2 ** 26;
