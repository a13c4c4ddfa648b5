import { BnnqError } from '../errors.ts';
import { exportOnnx, ONNX_FLAVORS, type OnnxFlavor } from '../formats/onnx/export/export-onnx.ts';
import { exportQonnx } from '../formats/onnx/export/export-qonnx.ts';
import { UNPACK_OPSET } from '../formats/onnx/export/unpack-function.ts';
import { type OnnxFileSize, onnxFileSize } from '../formats/onnx/file-size.ts';
import { readOnnx } from '../formats/onnx/read.ts';
import type { Model } from '../ir/graph.ts';
import { isQuantDomain } from '../ir/quant-domains.ts';
import { allNodes } from '../ir/traverse.ts';
import { inferShapes } from '../passes/infer-shapes.ts';
import { NEWEST_OPSET, opsetOf, raisedNodes } from './opset/raise-opset.ts';

/** The formats that models leave in. */
export const EXPORT_FORMATS = ['onnx', 'qonnx'] as const;

export type ExportFormat = (typeof EXPORT_FORMATS)[number];

export { ONNX_FLAVORS };

export interface ExportOptions {
  readonly to: ExportFormat;
  /** How discretized weights are written; when absent `planes`, or `integer` where `opset` is given. */
  readonly flavor?: OnnxFlavor | undefined;
  /** The set of standard operators that the reader of the file knows: what the file declares at least. */
  readonly opset?: number | undefined;
}

/**
 * A model as a file of another format, in memory. `onnx`: operators of the standard only (and of onnxruntime with flavor `msft`);
 * what the source had stays as it was; a discretized weight is made by nodes of its codes and level parameters, or with flavor
 * `float` is its levels. What QONNX operators do (activations of few bits) is said by functions beside the graph. A model of an
 * older operator set than its weights need is raised to a newer one: nodes that are said in other words there are written so. Same model and
 * options, same bytes. `qonnx`: weights as their levels, rounded by a node of QONNX; flavor `integer` calls it IntQuant, as a model
 * that has such nodes does; flavor `float` leaves weights that QONNX has no node for as floats.
 * @throws option for a set that is none; unsupported where that cannot be said, with every node that cannot
 */
export function exportModel(model: Model, options: ExportOptions): Uint8Array {
  const { opset } = options;
  if (options.to === 'qonnx') return qonnx(model, options);
  const flavor = options.flavor ?? (opset === undefined ? 'planes' : 'integer');
  const own = opsetOf(model);
  if (opset !== undefined && (!Number.isInteger(opset) || opset < own || opset > Math.max(own, NEWEST_OPSET)))
    throw new BnnqError(
      'option',
      `opset: expected a whole number from ${own}, which the model is of, to ${Math.max(own, NEWEST_OPSET)}, got ${opset}`,
    );
  const isCoded = [...model.graph.initializers.values()].some(({ quantized }) => quantized !== undefined);
  const isUnpacked = isCoded && flavor !== 'float';
  const hasFunctions = [...allNodes(model.graph.nodes)].some(({ domain }) => isQuantDomain(domain));
  const needed = isUnpacked || hasFunctions ? UNPACK_OPSET : own;
  const target = Math.max(own, opset ?? own, needed);
  const reason =
    target > (opset ?? own)
      ? isUnpacked && !hasFunctions
        ? ', whose operators unpack weights (flavor "float" writes their levels instead)'
        : ', whose operators say what those of QONNX do'
      : '';
  const types = once(() => inferShapes(model));
  return exportOnnx(model, {
    ...{ flavor, opset: target },
    raise: (make) => raisedNodes(model, target, { ...make, typeOf: (name) => types().get(name) }, reason),
    rankOf: (name) => types().get(name)?.shape?.length,
  });
}

/** A value that is made when it is first asked for. */
function once<T extends object>(make: () => T): () => T {
  let made: T | undefined;
  return () => {
    made ??= make();
    return made;
  };
}

/** What the bytes of an ONNX file are for. @throws as reading it does */
export function exportedSize(bytes: Uint8Array): OnnxFileSize {
  const size = onnxFileSize(readOnnx(bytes), bytes.length);
  if (size === undefined) throw new BnnqError('unsupported', 'onnx: constants of the file are outside of it');
  return size;
}

function qonnx(model: Model, { flavor, opset }: ExportOptions): Uint8Array {
  if (flavor !== undefined && flavor !== 'float' && flavor !== 'integer')
    throw new BnnqError(
      'option',
      `flavor: QONNX is written as it is, with IntQuant in the place of Quant (integer) or with floats (float), got ${flavor}`,
    );
  if (opset !== undefined)
    throw new BnnqError('option', 'opset: a model written as QONNX stays of its own operator set');
  const speaksIntQuant = [...allNodes(model.graph.nodes)].some(({ opType }) => opType === 'IntQuant');
  const integers = flavor === 'integer' || speaksIntQuant ? 'IntQuant' : 'Quant';
  return exportQonnx(model, { leavesFloats: flavor === 'float', integers });
}
