import { BnnqError } from '../../errors.ts';
import type { CWindow } from '../../formats/c/program.ts';
import { geometryOf as signPoolGeometry } from '../../runtime/ops/binary/pool.ts';
import { geometryOf as codePoolGeometry } from '../../runtime/ops/integer/pool.ts';
import { globalGeometry, poolGeometry } from '../../runtime/ops/pooling.ts';
import { type Lower, signShape } from './layers.ts';

const pool =
  (op: 'maxPool' | 'averagePool', geometryOf: typeof poolGeometry): Lower =>
  (to, node, call) => {
    const x = to.floats(node.inputs[0]!);
    const { pool2d: window, shape, padsAfter } = geometryOf(call, x.shape);
    if (window === undefined || (node.outputs[1] ?? '') !== '')
      throw new BnnqError(
        'unsupported',
        'a pool over more than two axes, one that crops, or one that gives indices',
      );
    const y = to.floatSlot(shape);
    const common = { node: node.name, x: x.slot, y, window };
    const [padBottom, padRight] = padsAfter;
    const countPadding = call.int('count_include_pad', 0) !== 0;
    if (op === 'maxPool') to.emit({ op, ...common });
    else to.emit({ op, ...common, countPadding, padBottom, padRight });
    to.define(node.outputs[0]!, 'floats', shape, y);
  };

const codePool: Lower = (to, node, call) => {
  const x = to.value(node.inputs[0]!);
  const { shape: window, outputShape } = codePoolGeometry(call, x.shape);
  const { outHeight, outWidth } = window;
  const y = to.mapSlot('codes', outHeight * outWidth, x.channels);
  to.emit({ op: 'codePool', node: node.name, x: x.slot, y, window });
  to.define(node.outputs[0]!, 'codes', outputShape, y, x.channels);
};

const signPool: Lower = (to, node, call) => {
  const x = to.value(node.inputs[0]!);
  const { channels } = x;
  const shape = signPoolGeometry(call, x.shape).shape;
  const window: CWindow = { ...shape, inChannels: channels, outChannels: channels, groups: channels };
  const { outHeight, outWidth } = window;
  const y = to.mapSlot('signs', outHeight * outWidth, channels);
  to.emit({ op: 'signPool', node: node.name, x: x.slot, y, window });
  to.define(node.outputs[0]!, 'signs', signShape(outHeight, outWidth, channels), y, channels);
};

/** Pools. */
export const SPATIAL: Readonly<Record<string, Lower>> = {
  MaxPool: pool('maxPool', poolGeometry),
  AveragePool: pool('averagePool', poolGeometry),
  GlobalMaxPool: pool('maxPool', globalGeometry),
  GlobalAveragePool: pool('averagePool', globalGeometry),
  'bnnq::CodePool': codePool,
  'bnnq::SignPool': signPool,
};
