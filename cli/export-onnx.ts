import {
  type ExportFormat,
  exportedSize,
  exportModel,
  type Model,
  type OnnxFlavor,
  writeFileAtomically,
} from '../src/index.ts';
import { noteGrowth } from './growth.ts';
import { onDiskText } from './inspect-text.ts';
import { plural, printable } from './terminal/format.ts';

export interface OnnxOptions {
  readonly to: ExportFormat;
  readonly flavor?: OnnxFlavor | undefined;
  readonly opset?: number | undefined;
  readonly force: boolean;
  readonly quiet?: boolean | undefined;
}

/** What was written; `--json` prints it as it is. */
export interface OnnxExport {
  readonly model: string;
  readonly file: string;
  readonly to: ExportFormat;
  readonly flavor: OnnxFlavor | null;
  readonly bytes: number;
  readonly onDisk: ReturnType<typeof exportedSize>;
  /** Discretized weights, and their elements. */
  readonly weights: number;
  readonly elements: number;
}

/** Writes a model as an ONNX file. */
export function exportOnnxFile(path: string, model: Model, file: string, options: OnnxOptions): OnnxExport {
  const { to, flavor, opset, force, quiet } = options;
  const bytes = exportModel(model, { to, flavor, opset });
  noteGrowth(file, bytes.length, model, quiet);
  writeFileAtomically(file, [bytes], { force });
  const weights = [...model.graph.initializers.values()].flatMap(({ quantized }) => quantized ?? []);
  return {
    ...{ model: path, file, to, flavor: flavor ?? null },
    ...{ bytes: bytes.length, onDisk: exportedSize(bytes), weights: weights.length },
    elements: weights.reduce((sum, { rows, columns }) => sum + rows * columns, 0),
  };
}

export function onnxExportText({ file, weights, onDisk, elements }: OnnxExport): string {
  return `${printable(file)}  ${plural(weights, 'discretized weight')}\n${onDiskText(onDisk, elements)}`;
}
