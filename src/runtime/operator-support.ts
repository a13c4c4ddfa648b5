import { BnnqError } from '../errors.ts';
import type { Model } from '../ir/graph.ts';
import { allNodes } from '../ir/traverse.ts';
import { withoutFunctions } from '../passes/expand-functions.ts';
import { findOperator, versionsOf } from './ops/registry.ts';
import { versionOf } from './rewrite.ts';

/** An operator that a model uses and that cannot be executed. */
export interface UnsupportedOperator {
  readonly domain: string;
  readonly opType: string;
  readonly opset: number;
  readonly nodes: readonly string[];
  /** Set when the operator is known, but only from this operator-set version on. */
  readonly since?: number;
}

/**
 * The model with calls of its own functions replaced by their bodies, except where an operator of that name is
 * implemented: so a file can bring along what is missing here, standard operators among it.
 * @throws malformed, limit: as `expandFunctions`
 */
export function withMissingFunctions(model: Model): Model {
  return withoutFunctions(
    model,
    (node) => findOperator(node.domain, node.opType, versionOf(model, node)) !== undefined,
  );
}

/** Every operator of the model, and of the functions that it calls, that cannot be executed, in order of first use. */
export function unsupportedOperators(model: Model): UnsupportedOperator[] {
  const found = new Map<string, UnsupportedOperator & { nodes: string[] }>();
  for (const node of allNodes(withMissingFunctions(model).graph.nodes)) {
    const opset = versionOf(model, node);
    if (findOperator(node.domain, node.opType, opset) !== undefined) continue;
    const key = `${node.domain}::${node.opType}`;
    const known = found.get(key);
    if (known !== undefined) {
      known.nodes.push(node.name);
      continue;
    }
    const versions = versionsOf(node.domain, node.opType);
    const since = versions === undefined ? {} : { since: Math.min(...Object.keys(versions).map(Number)) };
    found.set(key, { domain: node.domain, opType: node.opType, opset, nodes: [node.name], ...since });
  }
  return [...found.values()];
}

/** Throws one error that names all operators that cannot be executed. */
export function expectSupported(model: Model): void {
  const missing = unsupportedOperators(model);
  if (missing.length === 0) return;
  const list = missing.map(describe).join(', ');
  const what = missing.length === 1 ? '1 of its operators is' : `${missing.length} of its operators are`;
  const { file } = model.source;
  const subject = file === undefined ? 'the model' : `"${file}"`;
  const node = missing[0]!.nodes[0]!;
  throw new BnnqError(
    'unsupported',
    `${subject} cannot be run, ${what} not implemented: ${list}`,
    file === undefined ? { node } : { node, file },
  );
}

function describe({ domain, opType, opset, nodes, since }: UnsupportedOperator): string {
  const count = nodes.length === 1 ? '1 node' : `${nodes.length} nodes`;
  const version = since === undefined ? '' : ` of operator set ${opset} (implemented since ${since})`;
  return `${domain === '' ? 'ai.onnx' : domain}::${opType}${version} (${count})`;
}
