import type { Attribute, Node } from '../ir/graph.ts';
import { numbersAttribute } from './constant-values.ts';
import { FUSED_DOMAIN } from './fused.ts';
import type { GraphEditor } from './graph-editor.ts';

/** Successive channels of an input of SignMove. */
export interface Move {
  readonly input: number;
  readonly from: number;
  readonly length: number;
}

/** Attributes of a SignMove: moves in the order of the output, neighbours joined. @param channels of each input */
export function moveAttributes(
  channels: readonly number[],
  moves: readonly Move[],
): ReadonlyMap<string, Attribute> {
  const joined: Move[] = [];
  for (const move of moves) {
    const last = joined.at(-1);
    const follows = last?.input === move.input && last.from + last.length === move.from;
    if (follows) joined[joined.length - 1] = { ...last!, length: last!.length + move.length };
    else if (move.length > 0) joined.push(move);
  }
  const runs = joined.flatMap(({ input, from, length }) => [input, from, length]);
  return new Map<string, Attribute>([
    ['channels', { type: 'INTS', value: channels }],
    ['runs', { type: 'INTS', value: runs }],
  ]);
}

function isMove(node: Node | undefined): node is Node {
  return node?.domain === FUSED_DOMAIN && node.opType === 'SignMove';
}

function movesOf(node: Node): Move[] {
  const runs = numbersAttribute(node, 'runs') ?? [];
  return Array.from({ length: runs.length / 3 }, (_, i) => ({
    input: runs[3 * i]!,
    from: runs[3 * i + 1]!,
    length: runs[3 * i + 2]!,
  }));
}

/** Moves of moves become one, those that change nothing none: slices that are joined again, shuffles of what was joined. */
export function composeMoves(editor: GraphEditor): void {
  for (const node of editor.nodes()) {
    if (!isMove(node)) continue;
    const composed = compose(editor, node);
    editor.replace(node, composed);
    for (const name of new Set(node.inputs)) removeUnread(editor, name);
    const [only, ...others] = movesOf(composed);
    const channels = numbersAttribute(composed, 'channels') ?? [];
    const isWhole = others.length === 0 && only?.from === 0 && only.length === channels[only.input];
    const [output] = composed.outputs as [string];
    if (!isWhole || editor.isOutput(output)) continue;
    const source = composed.inputs[only.input]!;
    for (const reader of editor.consumers(output))
      editor.replace(reader, {
        ...reader,
        inputs: reader.inputs.map((name) => (name === output ? source : name)),
      });
    editor.remove(composed);
  }
}

/** The move with each input that is made by a move replaced by what that reads. */
function compose(editor: GraphEditor, node: Node): Node {
  const inputs: string[] = [];
  const channels: number[] = [];
  const place = (name: string, count: number): number => {
    if (!inputs.includes(name)) {
      inputs.push(name);
      channels.push(count);
    }
    return inputs.indexOf(name);
  };
  const own = numbersAttribute(node, 'channels') ?? [];
  const moves = movesOf(node).flatMap((move) => {
    const name = node.inputs[move.input]!;
    const before = editor.producer(name);
    if (!isMove(before)) return [{ ...move, input: place(name, own[move.input]!) }];
    const counts = numbersAttribute(before, 'channels') ?? [];
    return within(movesOf(before), move.from, move.length).map((inner) => ({
      ...inner,
      input: place(before.inputs[inner.input]!, counts[inner.input]!),
    }));
  });
  return { ...node, inputs, attributes: moveAttributes(channels, moves) };
}

/** The part of what moves put together that begins at a channel. */
function within(moves: readonly Move[], from: number, length: number): Move[] {
  const part: Move[] = [];
  let at = 0;
  for (const move of moves) {
    const [first, end] = [Math.max(from, at), Math.min(from + length, at + move.length)];
    if (first < end) part.push({ ...move, from: move.from + first - at, length: end - first });
    at += move.length;
  }
  return part;
}

function removeUnread(editor: GraphEditor, name: string): void {
  const node = editor.producer(name);
  if (isMove(node) && editor.consumers(name).length === 0 && !editor.isOutput(name)) editor.remove(node);
}
