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
