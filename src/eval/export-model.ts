import { exportOnnx, type OnnxFlavor } from '../formats/onnx/export/export-onnx.ts';
import type { Model } from '../ir/graph.ts';

/** The formats that models leave in. */
export const EXPORT_FORMATS = ['onnx'] as const;

export type ExportFormat = (typeof EXPORT_FORMATS)[number];

export const ONNX_FLAVORS: readonly OnnxFlavor[] = ['planes', 'float'];

export interface ExportOptions {
  readonly to: ExportFormat;
  /** How discretized weights are written; `planes` when absent. */
  readonly flavor?: OnnxFlavor | undefined;
}

/**
 * A model as a file of another format, in memory. `onnx`: operators of the standard only; what the source had stays as it was; a
 * discretized weight is a node that makes it of its bit-planes and level parameters, or with flavor `float` its levels. What QONNX
 * operators do (activations of few bits) is said by functions beside the graph. Same model, same bytes.
 * @throws unsupported where that cannot be said, with every node that cannot
 */
export function exportModel(model: Model, options: ExportOptions): Uint8Array {
  return exportOnnx(model, options.flavor);
}
