import { type LayerCall, tensorsIn } from './layer-call.ts';
import { KerasTensor } from './tensor.ts';

/** Longest configuration of an unknown layer that is kept; code of a Lambda may be long, and is never run. */
const MAX_CONFIG = 65536;

/**
 * A layer that cannot be converted becomes a node of domain `keras`, called after its class, on its inputs in Keras
 * order: the rest of the model can be inspected, discretized and packed. Running it is refused by name.
 */
export function unknownLayer(call: LayerCall): KerasTensor[] {
  const inputs = [...tensorsIn(call.args), ...tensorsIn(Object.values(call.kwargs))];
  const config = JSON.stringify(call.layer.config);
  const values = call.graph.nodes(
    call.name,
    call.layer.className,
    inputs.map((x) => call.graph.arrange(x, call.name).value),
    { config: config.length > MAX_CONFIG ? '' : config },
    call.outputCount,
    'keras',
  );
  return values.map((value) => new KerasTensor({ value, dtype: 'FLOAT' }));
}
