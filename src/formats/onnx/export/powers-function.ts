import type { FunctionBody } from '../../../ir/graph.ts';
import type { LevelRule } from '../../../ir/levels.ts';
import { FunctionWriter } from './function-writer.ts';

/** Columns that one call makes. */
export const RUN = 16;

const NAME = 'Powers';

/** Whether levels are made by calls: fewer products written out take less than the function and its calls. */
export function callsPowers(rule: LevelRule, bits: number): boolean {
  return rule.startsWith('geometric') && bits >= 6;
}

/** A call of the function. */
export function writePowers(write: FunctionWriter, x: string, q: string): { next: string; run: string } {
  const [next, run] = write.call(NAME, [x, q], 2);
  return { next: next!, run: run! };
}

/**
 * x·q^16, and x·q^15, …, x·q, x side by side, of columns x and q, DOUBLE, by one product after the other: levels of many bits are made by calls of
 * this, where a node for every product took 4 kB at 8 bits.
 */
export function powersFunction(domain: string, opset: number): FunctionBody {
  const write = new FunctionWriter();
  const columns = ['x'];
  while (columns.length < RUN) columns.unshift(write.node('Mul', [columns[0]!, 'q']));
  write.node('Mul', [columns[0]!, 'q'], {}, 'next');
  write.node('Concat', columns, { axis: write.int(1) }, 'run');
  return {
    name: NAME,
    domain,
    overload: '',
    inputs: ['x', 'q'],
    outputs: ['next', 'run'],
    attributes: [],
    defaults: new Map(),
    nodes: write.nodes,
    opsets: new Map([['', opset]]),
  };
}
