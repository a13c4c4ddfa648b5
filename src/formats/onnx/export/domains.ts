/** The domain of onnxruntime's own operators. */
export const MICROSOFT_DOMAIN = 'com.microsoft';

/** The domain in which operators of QONNX are written; see ir/quant-domains.ts for all that are read. */
export const QONNX_DOMAIN = 'qonnx.custom_op.general';

/** A scale for tables of nothing but zeros in QONNX, for nothing can be divided by 0: the smallest normal float32. */
export const SMALLEST_SCALE: number = 2 ** -126;
