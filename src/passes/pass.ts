import { BnnqError, throwIfAny } from '../errors.ts';
import type { Model } from '../ir/graph.ts';
import { validateModel } from '../ir/validate.ts';

/**
 * A rewriting of a model that keeps what it computes, within what the pass declares. Pure: the model that comes in is
 * not changed. Nodes stay in topological order, and names and number of the graph's inputs and outputs stay.
 */
export interface Pass {
  readonly name: string;
  /** Whether the rewritten model gives the same bits, or results that differ by rounding. */
  readonly agreement: 'bitwise' | 'rounding';
  /** The rewritten model, or the very same object when there was nothing to do. */
  run(model: Model): Model;
}

/**
 * Runs passes one after the other and checks what each leaves behind.
 * @returns the model and the names of the passes that changed it
 * @throws internal where a pass broke the structure of the graph
 */
export function runPasses(model: Model, passes: readonly Pass[]): { model: Model; changed: string[] } {
  const changed: string[] = [];
  let current = model;
  for (const pass of passes) {
    const next = pass.run(current);
    if (next === current) continue;
    check(pass, current, next);
    changed.push(pass.name);
    current = next;
  }
  return { model: current, changed };
}

function check(pass: Pass, before: Model, after: Model): void {
  throwIfAny(
    validateModel(after).map(
      (problem) => new BnnqError('internal', `pass ${pass.name}: ${problem.message}`, problem.at),
    ),
  );
  for (const side of ['inputs', 'outputs'] as const) {
    const names = before.graph[side].map((value) => value.name).join(', ');
    const now = after.graph[side].map((value) => value.name).join(', ');
    if (names !== now)
      throw new BnnqError('internal', `pass ${pass.name}: ${side} were [${names}] and are now [${now}]`);
  }
}
