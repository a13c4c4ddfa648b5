import type { JsonObject, KerasSource, VariableRef } from '../../../src/formats/keras/contract.ts';
import { checked } from '../../../src/formats/keras/files/stored-variable.ts';
import { constantInitializer } from '../../../src/ir/constant-initializer.ts';
import type { Initializer } from '../../../src/ir/graph.ts';
import { floats } from '../../../src/tensor/tensor.ts';

/** Shape and elements of a variable; elements 0, 1, 2, … where they do not matter. */
export type Variable = readonly [shape: readonly number[], data?: readonly number[]];

/** A Keras model without a file: variables by the names of the layers around them and their own, `block/conv/kernel`. */
export function memorySource(
  config: JsonObject,
  variables: Readonly<Record<string, Variable>> = {},
  kerasVersion = '3.0.0',
): KerasSource & { readonly asked: VariableRef[] } {
  const stored = new Map<string, Initializer>();
  for (const [name, [shape, data]] of Object.entries(variables)) {
    const count = shape.reduce((product, dim) => product * dim, 1);
    stored.set(
      name,
      constantInitializer(name, floats(shape, data ?? Array.from({ length: count }, (_, i) => i))),
    );
  }
  const asked: VariableRef[] = [];
  return {
    container: 'memory',
    config,
    kerasVersion,
    asked,
    weights: {
      find(ref, shape) {
        asked.push(ref);
        const name = [...ref.layer, ...ref.part, ref.name].join('/');
        const found = stored.get(name);
        return found && checked(found, shape);
      },
      unused: () => [],
    },
  };
}

/** A Sequential model of layers, each `[class name, configuration]`. */
export function sequential(
  shape: readonly (number | null)[],
  ...layers: readonly (readonly [string, JsonObject])[]
): JsonObject {
  const json = layers.map(([className, config]) => ({ class_name: className, config }));
  const input = { class_name: 'InputLayer', config: { name: 'x', batch_shape: shape } };
  return { class_name: 'Sequential', config: { name: 'sequential', layers: [input, ...json] } };
}
