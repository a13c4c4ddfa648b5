import { BnnqError, throwIfAny } from '../../../errors.ts';
import { isArray, short } from '../config.ts';
import type { Json } from '../contract.ts';
import { type Argument, LayerCall, type LayerJson } from '../layer-call.ts';
import { BATCH, type KerasTensor } from '../tensor.ts';
import {
  type NodeArguments,
  nodeArguments,
  type RefArgument,
  refOf,
  refsIn,
  TensorRef,
} from './arguments.ts';
import { declaredShape, declaredType } from './inputs.ts';
import { isModernCall, layerJsonOf } from './layer-json.ts';
import { flatRefs, layersOf, type ModelCall, type ModelOutputs, modelKind } from './model-call.ts';

/** A layer with the calls that the model makes of it. */
interface Called {
  readonly layer: LayerJson;
  readonly calls: readonly NodeArguments[];
  /** Number of its first call in references: Keras counts the making of a nested model as its call 0. */
  firstNode: number;
}

/** A functional model: a graph of calls of layers, in any order. */
export function convertFunctional(call: ModelCall): ModelOutputs {
  const layers = readLayers(call.model);
  const where = `the model "${call.model.name}"`;
  const inputRefs = refsOf(call.model.config.input_layers, `an input of ${where}`);
  const endRefs = refsOf(call.model.config.output_layers, `an output of ${where}`);
  const isModern = [...layers.values()].some(({ layer }) => isModernCall(layer.json));
  // Keras 3 counts the making of a nested model where it names outputs, and not where it calls layers.
  const outputRefs = isModern ? endRefs.map((ref) => withoutMaking(ref, layers)) : endRefs;
  if (!isModern) findFirstNodes(layers, outputRefs);
  const wanted = countOutputs(layers, outputRefs);
  const made = new Map<string, readonly KerasTensor[]>();
  makeInputs(call, layers, inputRefs, made);
  for (const [called, node] of sortCalls(layers, outputRefs, made, where)) {
    const { args, kwargs } = called.calls[node - called.firstNode]!;
    const lookUp = (argument: RefArgument): Argument => resolve(argument, made);
    const layerCall = new LayerCall({
      context: call.context,
      layer: called.layer,
      path: [...call.path, called.layer.name],
      args: args.map(lookUp),
      kwargs: Object.fromEntries(Object.entries(kwargs).map(([key, value]) => [key, lookUp(value)])),
      outputCount: wanted.get(keyOf(called.layer.name, node)) ?? 1,
    });
    made.set(keyOf(called.layer.name, node), call.context.convert(layerCall));
  }
  const tensors = outputRefs.map((ref) => tensorOf(ref, made));
  return { tensors, names: outputRefs.map(({ layer }) => layer) };
}

function readLayers(model: LayerJson): Map<string, Called> {
  const layers = new Map<string, Called>();
  const jsons = layersOf(model).map((json, i) => layerJsonOf(json, `layer ${i} of "${model.name}"`));
  const names = new Set(jsons.map(({ name }) => name));
  const problems: BnnqError[] = [];
  for (const layer of jsons) {
    const where = `layer "${layer.name}" (${layer.className})`;
    if (layers.has(layer.name)) problems.push(new BnnqError('malformed', `keras: ${where} is there twice`));
    const nodes = layer.json.inbound_nodes ?? [];
    if (!isArray(nodes))
      throw new BnnqError('malformed', `keras: ${where}: inbound_nodes is ${short(nodes)}, expected a list`);
    const calls = nodes.map((node) => nodeArguments(node, (name) => names.has(name), where));
    layers.set(layer.name, { layer, calls, firstNode: 0 });
  }
  throwIfAny(problems);
  return layers;
}

function refsOf(json: Json | undefined, where: string): TensorRef[] {
  return flatRefs(json).map((item) => {
    const ref = refOf(item);
    if (ref === undefined)
      throw new BnnqError('malformed', `keras: ${where} is ${short(item)}, which names no tensor`);
    return ref;
  });
}

function* allRefs(layers: ReadonlyMap<string, Called>, outputs: readonly TensorRef[]): Generator<TensorRef> {
  yield* outputs;
  for (const { calls } of layers.values())
    for (const { args, kwargs } of calls) {
      for (const argument of args) yield* refsIn(argument);
      for (const argument of Object.values(kwargs)) yield* refsIn(argument);
    }
}

/** Every call that is in the file is used by something: a reference beyond them means that they count from 1. */
function findFirstNodes(layers: ReadonlyMap<string, Called>, outputs: readonly TensorRef[]): void {
  for (const { layer, node } of allRefs(layers, outputs)) {
    const called = layers.get(layer);
    if (called !== undefined && called.calls.length > 0 && node === called.calls.length) called.firstNode = 1;
  }
}

function withoutMaking(ref: TensorRef, layers: ReadonlyMap<string, Called>): TensorRef {
  const layer = layers.get(ref.layer)?.layer;
  const isCounted = layer !== undefined && modelKind(layer) === 'functional' && ref.node > 0;
  return isCounted ? new TensorRef(ref.layer, ref.node - 1, ref.tensor, ref.shape) : ref;
}

/** How many outputs of each call are used. */
function countOutputs(
  layers: ReadonlyMap<string, Called>,
  outputs: readonly TensorRef[],
): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { layer, node, tensor } of allRefs(layers, outputs)) {
    const key = keyOf(layer, node);
    counts.set(key, Math.max(counts.get(key) ?? 1, Math.min(tensor, MAX_OUTPUTS) + 1));
  }
  return counts;
}

/** Outputs of one call; a list beyond that is a mistake in the file. */
const MAX_OUTPUTS = 1000;

function makeInputs(
  { context, inputs, model, path }: ModelCall,
  layers: ReadonlyMap<string, Called>,
  refs: readonly TensorRef[],
  made: Map<string, readonly KerasTensor[]>,
): void {
  if (inputs !== undefined && inputs.length !== refs.length)
    throw new BnnqError(
      'malformed',
      `keras: the model "${path.join('/')}" has ${refs.length} inputs, and is called on ${inputs.length}`,
    );
  refs.forEach(({ layer, node }, i) => {
    const called = layers.get(layer);
    if (called === undefined)
      throw new BnnqError(
        'malformed',
        `keras: the input "${layer}" is no layer of the model "${model.name}"`,
      );
    const given = inputs?.[i];
    const { config } = called.layer;
    const tensor =
      given ?? context.graph.input(layer, declaredShape(called.layer), declaredType(config.dtype));
    made.set(keyOf(layer, node), [tensor]);
  });
}

/** The calls that the outputs need, each after what it takes. @throws malformed for references to nothing, and for cycles */
function sortCalls(
  layers: ReadonlyMap<string, Called>,
  outputs: readonly TensorRef[],
  made: ReadonlyMap<string, unknown>,
  where: string,
): (readonly [Called, number])[] {
  const sorted: (readonly [Called, number])[] = [];
  const state = new Map<string, 'open' | 'done'>();
  const problems: BnnqError[] = [];
  // Depth first with an explicit stack: a chain of 100,000 layers must not overflow the call stack.
  const stack: { key: string; call: readonly [Called, number]; needs: TensorRef[] }[] = [];
  const enter = (ref: TensorRef, by: string): void => {
    const key = keyOf(ref.layer, ref.node);
    if (made.has(key) || state.get(key) === 'done') return;
    if (state.get(key) === 'open') {
      problems.push(
        new BnnqError('malformed', `keras: layer "${ref.layer}" is called on what it makes itself`),
      );
      return;
    }
    const called = layers.get(ref.layer);
    const call = called?.calls[ref.node - called.firstNode];
    if (called === undefined || call === undefined) {
      state.set(key, 'done');
      const text = called === undefined ? 'is not there' : `has ${called.calls.length} calls`;
      problems.push(
        new BnnqError(
          'malformed',
          `keras: ${by} takes call ${ref.node} of the layer "${ref.layer}", which ${text}`,
        ),
      );
      return;
    }
    state.set(key, 'open');
    const needs = [...call.args.flatMap(refsIn), ...Object.values(call.kwargs).flatMap(refsIn)];
    stack.push({ key, call: [called, ref.node], needs: needs.reverse() });
  };
  for (const output of outputs) {
    enter(output, where);
    for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
      const need = top.needs.pop();
      if (need !== undefined) {
        enter(need, `layer "${top.call[0].layer.name}"`);
        continue;
      }
      state.set(top.key, 'done');
      sorted.push(top.call);
      stack.pop();
    }
  }
  throwIfAny(problems);
  return sorted;
}

/** An argument with the tensors that were made in the place of references. */
function resolve(argument: RefArgument, made: ReadonlyMap<string, readonly KerasTensor[]>): Argument {
  if (argument instanceof TensorRef) return tensorOf(argument, made);
  if (typeof argument !== 'object' || argument === null) return argument;
  if (Array.isArray(argument)) return argument.map((item: RefArgument) => resolve(item, made));
  const entries = Object.entries(argument as Readonly<Record<string, RefArgument>>);
  return Object.fromEntries(entries.map(([key, item]) => [key, resolve(item, made)]));
}

function tensorOf(ref: TensorRef, made: ReadonlyMap<string, readonly KerasTensor[]>): KerasTensor {
  const tensors = made.get(keyOf(ref.layer, ref.node)) ?? [];
  const tensor = tensors[ref.tensor];
  if (tensor === undefined)
    throw new BnnqError(
      'malformed',
      `keras: output ${ref.tensor} of the layer "${ref.layer}" is used, which has ${tensors.length}`,
    );
  // Behind an unknown layer, the shape is what the file says.
  if (tensor.shape !== undefined || ref.shape === undefined) return tensor;
  return tensor.with({ shape: ref.shape.map((dim, axis) => dim ?? (axis === 0 ? BATCH : null)) });
}

function keyOf(layer: string, node: number): string {
  return `${node}:${layer}`;
}
