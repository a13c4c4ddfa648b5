import { type FileChanges, functionKey } from './container.ts';
import { domainName } from './graph.ts';
import { FUNCTION, GRAPH, MODEL, NODE, TENSOR } from './schema.ts';
import { concat, delimited, type Field, FieldReader, fieldsOf, type Span, wholeOf } from './wire.ts';

/** The field with the name in the messages of a graph that define or describe a value. */
const NAME_FIELDS: Readonly<Record<number, number>> = {
  [GRAPH.initializer]: TENSOR.name,
  [GRAPH.input]: 1,
  [GRAPH.valueInfo]: 1,
};

/**
 * A copy of an ONNX file without some values of its main graph: their nodes and initializers are left out (and the inputs
 * that old files list for initializers), or a node is put in the place of theirs. Every other byte stays as it was.
 * @param gone names of the values, functions and keys of metadata to leave out
 * @param nodeFor the node to put in the place of the one of that name which makes the value; undefined leaves it out
 */
export function foldNodes(
  bytes: Uint8Array,
  { dropped, functions, metadata }: Omit<FileChanges, 'folded'>,
  nodeFor: (output: string, name: string) => Uint8Array | undefined,
): Uint8Array {
  const chunks: Uint8Array[] = [];
  for (const field of fieldsOf(wholeOf(bytes), 'the model')) {
    if (field.number === MODEL.functions && functions.size > 0 && functions.has(functionIn(field))) continue;
    if (field.number === MODEL.metadataProps && metadata.size > 0 && metadata.has(textIn(field, 1))) continue;
    if (field.number !== MODEL.graph || field.wire !== 2) chunks.push(bytes.subarray(field.head, field.end));
    else chunks.push(...delimited(MODEL.graph, graphWithout({ bytes, start: field.start, end: field.end })));
  }
  return concat(chunks);

  function graphWithout(span: Span): Uint8Array[] {
    const kept: Uint8Array[] = [];
    for (const field of fieldsOf(span, 'the graph')) {
      const whole = bytes.subarray(field.head, field.end);
      if (field.number === GRAPH.node) {
        const { name, outputs } = nodeNames(field);
        const output = outputs.find((one) => dropped.has(one));
        const node = output === undefined ? undefined : nodeFor(output, name);
        if (output === undefined) kept.push(whole);
        else if (node !== undefined) kept.push(...delimited(GRAPH.node, [node]));
      } else if (!dropped.has(nameIn(field) ?? '')) kept.push(whole);
    }
    return kept;
  }

  /** The text in a field of a message, empty where it is not there. */
  function textIn(message: Field, number: number): string {
    const read = new FieldReader(bytes, 'the model');
    const field = fieldsOf(read.message(message), 'the model').findLast((one) => one.number === number);
    return field === undefined ? '' : read.string(field);
  }

  function functionIn(field: Field): string {
    const [domain, name, overload] = [FUNCTION.domain, FUNCTION.name, FUNCTION.overload].map((number) =>
      textIn(field, number),
    );
    return functionKey({ domain: domainName(domain!), name: name!, overload: overload! });
  }

  /** Name of the value that a field of the graph defines or describes. */
  function nameIn(field: Field): string | undefined {
    const number = NAME_FIELDS[field.number];
    if (number === undefined || field.wire !== 2) return undefined;
    const inside = fieldsOf({ bytes, start: field.start, end: field.end }, 'a value');
    const name = inside.findLast((one) => one.number === number);
    return name && new FieldReader(bytes, 'a value').string(name);
  }

  function nodeNames(field: Field): { name: string; outputs: string[] } {
    const read = new FieldReader(bytes, 'a node');
    const inside = fieldsOf(read.message(field), 'a node');
    const name = inside.findLast(({ number }) => number === NODE.name);
    return {
      name: name === undefined ? '' : read.string(name),
      outputs: inside.filter(({ number }) => number === NODE.output).map((one) => read.string(one)),
    };
  }
}
