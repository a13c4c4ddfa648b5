/** What the bench needs of ONNX files to make other ones of them: initializers as floats, readers of a value, folded BatchNormalization. */
import onnxProto from 'onnx-proto';

const { onnx } = onnxProto;
const FLOAT = 1;

export function decode(bytes) {
  return onnx.ModelProto.decode(bytes);
}

export function encode(model) {
  return onnx.ModelProto.encode(model).finish();
}

/** Elements of an initializer of float32. */
export function floatsOf({ name, dataType, rawData, floatData }) {
  if (dataType !== FLOAT) throw new Error(`bench: initializer ${name} is of type ${dataType}, not FLOAT`);
  if (!rawData?.length) return Float32Array.from(floatData);
  return new Float32Array(Uint8Array.from(rawData).buffer);
}

/** An initializer of any type. @param values a typed array */
export function initializer(name, dataType, dims, values) {
  return onnx.TensorProto.fromObject({
    name,
    dataType,
    dims,
    rawData: new Uint8Array(values.buffer, values.byteOffset, values.byteLength),
  });
}

export function node(opType, input, output, attribute = [], name = output[0]) {
  return onnx.NodeProto.fromObject({ opType, name: `${opType} ${name}`, input, output, attribute });
}

export function outputNamed(name) {
  return onnx.ValueInfoProto.fromObject({ name });
}

export function attributeOf({ attribute }, name, absent) {
  const found = attribute.find((one) => one.name === name);
  if (found === undefined) return absent;
  if (found.ints?.length) return found.ints.map(Number);
  return found.type === 1 ? found.f : Number(found.i);
}

/** Nodes that read each value. */
export function readersOf(graph) {
  const readers = new Map();
  for (const one of graph.node)
    for (const name of one.input) readers.set(name, [...(readers.get(name) ?? []), one]);
  return readers;
}

/** Puts every BatchNormalization that follows a convolution alone into its weights and bias. Changes the model. */
export function foldBatchNorm({ graph }) {
  const constants = new Map(graph.initializer.map((one) => [one.name, one]));
  const readers = readersOf(graph);
  const gone = new Set();
  for (const conv of graph.node) {
    const [norm, ...others] = readers.get(conv.output[0]) ?? [];
    if (conv.opType !== 'Conv' || norm?.opType !== 'BatchNormalization' || others.length > 0) continue;
    const [gamma, beta, mean, variance] = norm.input.slice(1).map((name) => floatsOf(constants.get(name)));
    const weight = constants.get(conv.input[1]);
    const weights = floatsOf(weight);
    const bias = conv.input[2] ? floatsOf(constants.get(conv.input[2])) : new Float32Array(gamma.length);
    const columns = weights.length / gamma.length;
    const epsilon = attributeOf(norm, 'epsilon', 1e-5);
    for (let c = 0; c < gamma.length; c++) {
      const scale = gamma[c] / Math.sqrt(variance[c] + epsilon);
      for (let i = c * columns; i < (c + 1) * columns; i++) weights[i] *= scale;
      bias[c] = beta[c] + (bias[c] - mean[c]) * scale;
    }
    const [foldedWeight, foldedBias] = [`${conv.output[0]}/weight`, `${conv.output[0]}/bias`];
    graph.initializer.push(
      initializer(foldedWeight, FLOAT, weight.dims, weights),
      initializer(foldedBias, FLOAT, [bias.length], bias),
    );
    conv.input = [conv.input[0], foldedWeight, foldedBias];
    conv.output = [norm.output[0]];
    gone.add(norm);
  }
  graph.node = graph.node.filter((one) => !gone.has(one));
  dropUnused(graph);
}

export function dropUnused(graph) {
  const used = new Set(graph.node.flatMap(({ input }) => input));
  graph.initializer = graph.initializer.filter(({ name }) => used.has(name));
}
