import { BnnqError } from '../errors.ts';
import { constantBytes } from '../formats/onnx/file-size.ts';
import type { Model } from '../ir/graph.ts';
import { type ExportOptions, exportedSize, exportModel } from './export-model.ts';
import { measureC } from './measure-c.ts';
import { NEWEST_OPSET, opsetOf } from './opset/raise-opset.ts';
import { packedSize } from './save.ts';

/** Bytes of a form by what they are for. */
export interface FormSize {
  /** `packed`, `compressed`, `onnx planes`, `onnx integer`, `onnx msft`, `onnx float`, `qonnx` or `c`. */
  readonly form: string;
  readonly codes: number;
  readonly levels: number;
  /** Tensors that stay as they were, and weights that are written as floats. */
  readonly other: number;
  /** Operators, names, header and what stands in it; of C the structs of the layers and the machine code, estimated. */
  readonly graph: number;
  readonly total: number;
}

/** A form that this model cannot leave in. */
export interface FormRefusal {
  readonly form: string;
  readonly reason: string;
}

/**
 * What a model takes in every form that it can leave in, nothing being written: files on disk, and of C the flash of a device. Forms are made
 * one after the other in memory.
 */
export function formSizes(model: Model): (FormSize | FormRefusal)[] {
  const forms: [form: string, measure: () => Bytes | string][] = [
    ['packed', () => ofPacked(model, false)],
    ['compressed', () => ofPacked(model, true)],
    ['onnx planes', () => ofExport(model, { to: 'onnx', flavor: 'planes' })],
    [
      'onnx integer',
      () => ofExport(model, { to: 'onnx', flavor: 'integer', opset: Math.max(opsetOf(model), NEWEST_OPSET) }),
    ],
    ['onnx msft', () => ofExport(model, { to: 'onnx', flavor: 'msft' })],
    ['onnx float', () => ofExport(model, { to: 'onnx', flavor: 'float' })],
    ['qonnx', () => ofExport(model, { to: 'qonnx' })],
    ['c', () => ofC(model)],
  ];
  return forms.map(([form, measure]) => {
    try {
      const size = measure();
      return typeof size === 'string' ? { form, reason: size } : { form, ...size };
    } catch (thrown) {
      if (!(thrown instanceof BnnqError)) throw thrown;
      return { form, reason: thrown.message };
    }
  });
}

type Bytes = Omit<FormSize, 'form'>;

/** The graph of a packed file holds small tensors, too; here they are among the others. */
function ofPacked(model: Model, compress: boolean): Bytes {
  const { codes, levels, total } = packedSize(model, { compress });
  const plain = packedSize(model);
  const constants = constantBytes(model.graph);
  const other = constants.codes + constants.levels + constants.other - plain.codes - plain.levels;
  return { codes, levels, other, graph: total - codes - levels - other, total };
}

function ofExport(model: Model, options: ExportOptions): Bytes {
  return exportedSize(exportModel(model, options));
}

function ofC(model: Model): Bytes | string {
  const size = measureC(model);
  if (typeof size === 'string') return size;
  const { arrays, structBytes, codeBytes } = size;
  const graph = structBytes + codeBytes;
  return { ...arrays, graph, total: size.arrayBytes + graph };
}
