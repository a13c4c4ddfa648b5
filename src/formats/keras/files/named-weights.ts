import type { Initializer } from '../../../ir/graph.ts';
import type { KerasWeights, VariableRef } from '../contract.ts';
import { checked, fits } from './stored-variable.ts';

/** A variable that the file knows by a name such as `bidirectional/forward_lstm/lstm_cell/kernel:0`. */
export interface NamedVariable {
  /** The layer of the outermost model that it was saved with; absent in files that do not group. */
  readonly layer?: string;
  /** Its name there. */
  readonly name: string;
  readonly variable: Initializer;
}

/** Last parts of names that Keras 1 gave: `convolution2d_1_W`. */
const KERAS_1: Readonly<Record<string, readonly string[]>> = {
  kernel: ['W'],
  recurrent_kernel: ['U'],
  bias: ['b'],
  embeddings: ['W'],
  depthwise_kernel: ['depthwise'],
  pointwise_kernel: ['pointwise'],
  alpha: ['alphas'],
  moving_mean: ['running_mean'],
  // Named after the deviation, it holds the variance (keras 1.2, layers/normalization.py).
  moving_variance: ['running_std'],
};

interface Entry extends NamedVariable {
  /** The name's parts without the number of the output at the end: `["conv2d", "kernel"]`. */
  readonly parts: readonly string[];
}

/**
 * Weights by their names, as HDF5 files of Keras 1 and 2, older files of Keras 3 and TensorFlow.js have them. Within the
 * layer that a variable was saved with (in TensorFlow.js, within everything) the name decides, and among equal names
 * the scope: the parts before it. Where the names do not help, the place does. No variable is given out for two refs.
 * @param variables in the order of the file, which is that of the layers
 * @param layerOf the name in the file of a layer of the outermost model
 */
export function namedWeights(
  variables: readonly NamedVariable[],
  layerOf: (name: string) => string = (name) => name,
): KerasWeights {
  const entries = variables.map((variable) => ({ ...variable, parts: partsOf(variable.name) }));
  const groups = new Map<string | undefined, Entry[]>();
  for (const entry of entries) {
    const group = groups.get(entry.layer);
    if (group === undefined) groups.set(entry.layer, [entry]);
    else group.push(entry);
  }
  const used = new Set<Entry>();
  const found = new Map<string, Entry | undefined>();
  return {
    find(ref, shape) {
      const key = JSON.stringify([ref.layer, ref.part, ref.name, ref.index]);
      if (!found.has(key)) {
        const group = groups.get(layerOf(ref.layer[0]!)) ?? groups.get(undefined) ?? [];
        const free = group.filter((entry) => !used.has(entry));
        const entry = choose(free, group, ref, shape);
        found.set(key, entry);
        if (entry !== undefined) used.add(entry);
      }
      const entry = found.get(key);
      return entry && checked(entry.variable, shape);
    },
    unused: () => entries.filter((entry) => !used.has(entry)).map(({ variable }) => variable.name),
  };
}

function partsOf(name: string): string[] {
  return name.replace(/:\d+$/, '').split('/');
}

function choose(
  free: readonly Entry[],
  group: readonly Entry[],
  ref: VariableRef,
  shape: readonly number[],
): Entry | undefined {
  const byName = withName(free, ref.name);
  if (byName.length === 0) return atPlace(free, group, ref);
  const own = ref.layer.at(-1)!;
  // A layer of the outermost model has its group for itself; any other is told by its name.
  const isAlone = ref.layer.length === 1 && byName[0]!.layer !== undefined;
  const named = byName.filter(({ parts }) => parts.slice(0, -1).includes(own));
  const ofLayer = named.length > 0 ? closest(named, ref) : isAlone ? byName : undefined;
  if (ofLayer === undefined) return byName.find(({ variable }) => fits(variable.shape, shape));
  const ofPart = ref.part.reduce(withPart, ofLayer);
  return ofPart.find(({ variable }) => fits(variable.shape, shape)) ?? ofPart[0];
}

/** Those whose last part is the name, or the name made unique by a number, or what Keras 1 called it. */
function withName(entries: readonly Entry[], name: string): readonly Entry[] {
  const by = (test: (last: string) => boolean): readonly Entry[] =>
    entries.filter(({ parts }) => test(parts.at(-1)!));
  const exact = by((last) => last === name);
  if (exact.length > 0) return exact;
  const numbered = by((last) => last.replace(/_\d+$/, '') === name);
  if (numbered.length > 0) return numbered;
  const old = [name, ...(KERAS_1[name] ?? [])];
  return by((last) => old.some((ending) => last.endsWith(`_${ending}`)));
}

/**
 * Those whose scope names the most of the nested models around the layer, and the fewest things besides. The scope of a
 * variable may leave models out, so that a thing besides, which is another model, weighs more; unless it is a part.
 */
function closest(entries: readonly Entry[], ref: VariableRef): readonly Entry[] {
  const distance = ({ parts }: Entry): number => {
    const scope = parts.slice(0, -1);
    const known = ref.layer.filter((name) => scope.includes(name)).length;
    const [missing, besides] = [ref.layer.length - known, scope.length - known];
    return ref.part.length > 0 ? missing * 1000 + besides : besides * 1000 + missing;
  };
  const least = Math.min(...entries.map(distance));
  return ref.part.length > 0
    ? entries.filter((entry) => distance(entry) < least + 1000)
    : entries.filter((entry) => distance(entry) === least);
}

/** Those of a part of the layer; all of them where the names do not tell parts apart. */
function withPart(entries: readonly Entry[], part: string): readonly Entry[] {
  const isPart = scopeOf(part);
  const inPart = entries.filter(({ parts }) => parts.slice(0, -1).some(isPart));
  return inPart.length > 0 ? inPart : entries;
}

/** How the scope of a part is called. Attributes of layers are called after their role, scopes after the layer in it. */
function scopeOf(part: string): (scope: string) => boolean {
  const direction = /^(forward|backward)_layer$/.exec(part);
  if (direction !== null) return (scope) => scope.startsWith(`${direction[1]}_`);
  if (part === 'cell') return (scope) => scope.endsWith('_cell') || /_cell_\d+$/.test(scope);
  const dense = /^_?(query|key|value|output)_dense$/.exec(part);
  if (dense !== null) return (scope) => scope === (dense[1] === 'output' ? 'attention_output' : dense[1]);
  return (scope) => scope === part;
}

/** The variable at the place of the ref in its layer, where it is alone in its group and has no parts. */
function atPlace(free: readonly Entry[], group: readonly Entry[], ref: VariableRef): Entry | undefined {
  if (ref.layer.length > 1 || ref.part.length > 0 || group[0]?.layer === undefined) return undefined;
  const entry = group[ref.index];
  return entry !== undefined && free.includes(entry) && !isOtherName(entry) ? entry : undefined;
}

/** Whether the name is that of a variable that Keras knows: then it is not another one. */
function isOtherName({ parts }: Entry): boolean {
  return /^(kernel|bias|gamma|beta|moving_mean|moving_variance|embeddings|recurrent_kernel)(_\d+)?$/.test(
    parts.at(-1)!,
  );
}
