import { describe, expect, it } from 'vitest';
import { createSession } from '../../../src/runtime/session.ts';
import type { DataType } from '../../../src/tensor/dtype.ts';
import { floats, sizeOf, type Tensor } from '../../../src/tensor/tensor.ts';
import { buildModel, int64, type ShortAttribute } from '../build-model.ts';
import { type Case, f, testFamily } from '../operator-cases.ts';
import { expectAgreement, someTensor } from '../oracle.ts';

const HEADS_3D = { q_num_heads: 4, kv_num_heads: 2 };
const bool = (...shape: number[]): readonly [DataType, readonly number[]] => ['BOOL', shape];

const ATTENTION: readonly Case[] = [
  { op: 'Attention', note: '4-D', inputs: [f(2, 3, 4, 8), f(2, 3, 6, 8), f(2, 3, 6, 10)], opset: 23 },
  {
    op: 'Attention',
    note: '3-D, two query heads share one of K and V',
    inputs: [f(2, 4, 32), f(2, 6, 16), f(2, 6, 20)],
    attributes: HEADS_3D,
    opset: 23,
  },
  {
    op: 'Attention',
    note: 'scale and softcap',
    inputs: [f(1, 2, 4, 8), f(1, 2, 6, 8), f(1, 2, 6, 8)],
    attributes: { scale: { float: 0.3 }, softcap: { float: 1.5 } },
    opset: 23,
  },
  {
    op: 'Attention',
    note: 'causal',
    inputs: [f(2, 2, 5, 8), f(2, 2, 5, 8), f(2, 2, 5, 8)],
    attributes: { is_causal: 1 },
    opset: 23,
  },
  {
    op: 'Attention',
    note: 'mask of numbers for every sample and head',
    inputs: [f(2, 3, 4, 8), f(2, 3, 6, 8), f(2, 3, 6, 8), f(2, 3, 4, 6)],
    opset: 23,
  },
  {
    op: 'Attention',
    note: 'mask of three axes, the first the heads',
    inputs: [f(2, 3, 4, 8), f(2, 3, 6, 8), f(2, 3, 6, 8), f(3, 4, 6)],
    opset: 23,
  },
  {
    op: 'Attention',
    note: 'mask of truth values',
    inputs: [f(2, 3, 4, 8), f(2, 3, 6, 8), f(2, 3, 6, 8), bool(4, 6)],
    opset: 23,
  },
  {
    op: 'Attention',
    note: 'so many places that memory grows under the mask',
    inputs: [f(1, 2, 700, 8), f(1, 2, 700, 8), f(1, 2, 700, 8), f(700, 700)],
    opset: 23,
  },
  {
    op: 'Attention',
    note: 'past and present',
    inputs: [f(2, 4, 32), f(2, 4, 16), f(2, 4, 16), null, f(2, 2, 3, 8), f(2, 2, 3, 8)],
    attributes: HEADS_3D,
    outputs: ['FLOAT', 'FLOAT', 'FLOAT'],
    opset: 23,
  },
];

const ROTARY: readonly Case[] = [0, 1].flatMap((interleaved): Case[] => [
  {
    op: 'RotaryEmbedding',
    note: `3-D, by sample and place, interleaved ${interleaved}`,
    inputs: [f(2, 3, 16), f(2, 3, 4), f(2, 3, 4)],
    attributes: { num_heads: 2, interleaved },
    opset: 23,
  },
  {
    op: 'RotaryEmbedding',
    note: `4-D, by positions, a part of the head, interleaved ${interleaved}`,
    inputs: [f(1, 2, 3, 8), f(5, 2), f(5, 2), int64([4, 0, 2], [1, 3])],
    attributes: { rotary_embedding_dim: 4, interleaved },
    opset: 23,
  },
]);

testFamily('attention operators', [...ATTENTION, ...ROTARY]);

interface Run {
  readonly op: string;
  readonly inputs: readonly (Tensor | null)[];
  readonly outputs: number;
  readonly attributes?: Readonly<Record<string, ShortAttribute>>;
  readonly opset: number;
}

function run({ op, inputs, outputs, attributes = {}, opset }: Run): Tensor[] {
  const names = inputs.map((tensor, i) => (tensor === null ? '' : `X${i}`));
  const made = Array.from({ length: outputs }, (_, i) => `Y${i}`);
  const given = inputs.flatMap((tensor, i) => (tensor === null ? [] : [[`X${i}`, tensor] as const]));
  const session = createSession(
    buildModel({
      opset,
      inputs: Object.fromEntries(given.map(([name, { dtype, shape }]) => [name, [dtype, shape]])),
      outputs: made,
      nodes: [{ op, inputs: names, outputs: made, attributes }],
    }),
  );
  const feeds = Object.fromEntries(given);
  session.run(feeds);
  const results = session.run(feeds);
  session.dispose();
  return made.map((name) => results.get(name)!);
}

const random = (shape: readonly number[], seed: number): Tensor => someTensor('FLOAT', shape, seed);
const all = (shape: readonly number[], value: number): Tensor =>
  floats(shape, new Float32Array(sizeOf(shape)).fill(value));

/**
 * Which of 6 keys each of 3 queries may attend to, seen from the probabilities: scores are all 0, so they are 0 or
 * 1 over the number of keys.
 */
function attended(
  attributes: Run['attributes'],
  others: readonly (Tensor | null)[] = [],
  opset = 25,
): string[] {
  const [q, k] = [all([1, 1, 3, 2], 0), all([1, 1, 6, 2], 0)];
  const [, , , weights] = run({
    op: 'Attention',
    inputs: [q, k, random([1, 1, 6, 2], 1), ...others],
    outputs: 4,
    attributes: { qk_matmul_output_mode: 3, ...attributes },
    opset,
  });
  const data = weights!.data as Float32Array;
  return [0, 1, 2].map((i) =>
    [...data.subarray(i * 6, (i + 1) * 6)].map((p) => (p > 0 ? '#' : '.')).join(''),
  );
}

describe('what a query of Attention may attend to', () => {
  it('is what lies before it, if causal', () => {
    expect(attended({ is_causal: 1 })).toEqual(['#.....', '##....', '###...']);
  });

  it('starts behind the cache, whose length is that of the past or what is not padding', () => {
    const causal = { is_causal: 1 };
    expect(attended(causal, [null, null, null, int64([5])])).toEqual(['###...', '####..', '#####.']);
    expect(attended(causal, [null, null, null, int64([2])])).toEqual(['......', '#.....', '##....']);
    expect(attended({}, [null, null, null, int64([4])])).toEqual(['####..', '####..', '####..']);
  });

  it('lies in a window around it', () => {
    expect(attended({ left_window_size: 1 })).toEqual(['######', '######', '.#####']);
    expect(attended({ left_window_size: 1, right_window_size: 1 })).toEqual(['##....', '###...', '.###..']);
    expect(attended({ left_window_size: 0, right_window_size: 2, is_causal: 1 })).toEqual([
      '#.....',
      '.#....',
      '..#...',
    ]);
    expect(attended({ left_window_size: 1, right_window_size: 0 }, [null, null, null, int64([6])])).toEqual([
      '..##..',
      '...##.',
      '....##',
    ]);
  });

  it('ends with a mask that is shorter than the keys, since version 24', () => {
    const mask: Tensor = {
      dtype: 'BOOL',
      shape: [3, 4],
      data: Uint8Array.of(1, 1, 0, 1, 0, 0, 0, 0, 1, 1, 1, 1),
    };
    expect(attended({}, [mask], 24)).toEqual(['##.#..', '......', '####..']);
    expect(() => attended({}, [mask], 23)).toThrow('attn_mask has shape [3,4], the scores [1,1,3,6]');
    const column: Tensor = { dtype: 'BOOL', shape: [3, 1], data: Uint8Array.of(1, 0, 1) };
    expect(attended({}, [column], 24)).toEqual(['#.....', '......', '#.....']);
    expect(attended({}, [column], 23)).toEqual(['######', '......', '######']);
  });
});

describe('the scores that Attention gives out', () => {
  const [q, k, v] = [random([1, 1, 2, 4], 1), random([1, 1, 3, 4], 2), random([1, 1, 3, 4], 3)];
  const scores = (mode: number, attributes: Run['attributes'] = {}): Float32Array =>
    run({
      op: 'Attention',
      inputs: [q, k, v, floats([2, 3], [0, -1, 0, 1, 0, 0])],
      outputs: 4,
      attributes: { qk_matmul_output_mode: mode, ...attributes },
      opset: 24,
    })[3]!.data as Float32Array;

  it('are those before the softcap, behind it, with the mask, or the probabilities', () => {
    const cap = 0.5;
    const softcap = { softcap: { float: cap } };
    const raw = scores(0, softcap);
    expect(raw).toEqual(scores(0));
    const capped = [...raw].map((value) => cap * Math.tanh(value / cap));
    const mask = [0, -1, 0, 1, 0, 0];
    const close = (got: Float32Array, wanted: readonly number[]) =>
      expectAgreement(floats([6], [...wanted]), floats([6], got));
    close(scores(1, softcap), capped);
    const biased = capped.map((value, i) => value + mask[i]!);
    close(scores(2, softcap), biased);
    const sums = [0, 3].map((at) =>
      biased.slice(at, at + 3).reduce((sum, value) => sum + Math.exp(value), 0),
    );
    close(
      scores(3, softcap),
      biased.map((value, i) => Math.exp(value) / sums[i < 3 ? 0 : 1]!),
    );
  });
});

describe('DOUBLE attention', () => {
  it('is computed in float64', () => {
    const single = [random([2, 4, 3, 8], 1), random([2, 2, 5, 8], 2), random([2, 2, 5, 6], 3)];
    const double = single.map(
      ({ shape, data }): Tensor => ({
        dtype: 'DOUBLE',
        shape,
        data: Float64Array.from(data as Float32Array),
      }),
    );
    const attributes = { is_causal: 1, softcap: { float: 2 } };
    const [narrow] = run({ op: 'Attention', inputs: single, outputs: 1, attributes, opset: 23 });
    const [wide] = run({ op: 'Attention', inputs: double, outputs: 1, attributes, opset: 23 });
    const data = wide!.data as Float64Array;
    expect(wide!.dtype).toBe('DOUBLE');
    expectAgreement(narrow!, floats(wide!.shape, Float32Array.from(data)));
    expect([...data]).not.toEqual([...Float32Array.from(data)]);
  });
});

describe('what Attention refuses', () => {
  const heads = [random([1, 2, 3, 4], 1), random([1, 2, 5, 4], 2), random([1, 2, 5, 4], 3)];
  const refusal = (inputs: readonly (Tensor | null)[], attributes: Run['attributes'] = {}) => {
    try {
      run({ op: 'Attention', inputs, outputs: 1, attributes, opset: 25 });
      return 'nothing';
    } catch (thrown) {
      const { code, message } = thrown as { code: string; message: string };
      return `${code}: ${message}`;
    }
  };

  it('masks of whole numbers, negative scales and precisions that are no float type', () => {
    const mask: Tensor = { dtype: 'INT32', shape: [3, 5], data: new Int32Array(15) };
    expect(refusal([...heads, mask])).toContain(
      'unsupported: node "Attention_0" (Attention): an attn_mask of type INT32',
    );
    expect(refusal(heads, { scale: { float: -1 } })).toContain('unsupported');
    expect(refusal(heads, { softmax_precision: 7 })).toContain('softmax_precision 7');
  });

  it('heads that do not fit, a past without its values, more valid keys than there are', () => {
    expect(refusal([random([1, 3, 3, 4], 1), heads[1]!, heads[2]!])).toContain('do not fit');
    expect(refusal([...heads, null, random([1, 2, 1, 4], 4)])).toContain('past_key and past_value');
    expect(refusal([...heads, null, null, null, int64([6])])).toContain(
      'nonpad_kv_seqlen has 6, there are 5 keys',
    );
    expect(refusal([random([1, 3, 8], 1), random([1, 5, 8], 2), random([1, 5, 8], 3)])).toContain(
      'attribute "q_num_heads" is 0',
    );
  });
});

describe('FlexAttention', () => {
  const heads = [random([1, 4, 3, 8], 1), random([1, 2, 5, 8], 2), random([1, 2, 5, 6], 3)];
  const flex = (attributes: Run['attributes'] = {}): Tensor => {
    const [q, k, v] = heads as [Tensor, Tensor, Tensor];
    const model = buildModel({
      opset: 26,
      inputs: { q: ['FLOAT', q.shape], k: ['FLOAT', k.shape], v: ['FLOAT', v.shape] },
      outputs: ['y'],
      nodes: [
        {
          op: 'FlexAttention',
          domain: 'ai.onnx.preview',
          inputs: ['q', 'k', 'v'],
          outputs: ['y'],
          attributes,
        },
      ],
    });
    const session = createSession({ ...model, opsets: new Map([...model.opsets, ['ai.onnx.preview', 1]]) });
    const y = session.run({ q, k, v }).get('y')!;
    session.dispose();
    return y;
  };
  const modifier = (op: string, name: string): ShortAttribute => ({
    inputs: { s: ['FLOAT', [1, 4, 3, 5]] },
    outputs: [name],
    nodes: [{ op, inputs: op === 'Mul' ? ['s', 's'] : ['s'], outputs: [name] }],
  });

  it('is Attention, to the bit, where nothing is modified', () => {
    const [plain] = run({ op: 'Attention', inputs: heads, outputs: 1, opset: 24 });
    expect(flex()).toEqual(plain);
    const scale = { scale: { float: 0.2 } };
    expect(flex(scale)).toEqual(
      run({ op: 'Attention', inputs: heads, outputs: 1, attributes: scale, opset: 24 })[0],
    );
  });

  it('has its scores and probabilities modified by its subgraphs', () => {
    const scores = run({
      op: 'Attention',
      inputs: heads,
      outputs: 4,
      attributes: { softcap: { float: 1 } },
      opset: 24,
    });
    expectAgreement(scores[0]!, flex({ score_mod: modifier('Tanh', 't') }));
    expect(flex({ prob_mod: modifier('Mul', 't') })).not.toEqual(flex());
    expect(
      (flex({ score_mod: modifier('Tanh', 't'), prob_mod: modifier('Neg', 'n') }).data as Float32Array)[0],
    ).toBe(-(flex({ score_mod: modifier('Tanh', 't') }).data as Float32Array)[0]!);
  });

  it('is refused in a precision of two bytes, and with a subgraph of another shape', () => {
    expect(() => flex({ softmax_precision: 10 })).toThrow('softmax_precision 10');
    expect(() => flex({ score_mod: modifier('Shape', 't') })).toThrow('subgraph "score_mod" gives INT64 [4]');
  });
});

describe('LinearAttention', () => {
  const [B, T, HQ, H, K, V] = [2, 3, 4, 2, 3, 5];
  const operands = {
    q: random([B, T, HQ * K], 1),
    k: random([B, T, H * K], 2),
    v: random([B, T, H * V], 3),
    state: random([B, H, K, V], 4),
    decay: random([B, T, H * K], 5),
    beta: random([B, T, H], 6),
  };

  /** The recurrence in float64 as the standard writes it. */
  function expected(rule: string, scale: number): { output: number[]; state: number[] } {
    const at = (tensor: Tensor, ...index: number[]) =>
      (tensor.data as Float32Array)[index.reduce((sum, i, axis) => sum * tensor.shape[axis]! + i, 0)]!;
    const output = new Array<number>(B * T * HQ * V).fill(0);
    const state = Array.from(operands.state.data as Float32Array);
    for (let b = 0; b < B; b++)
      for (let h = 0; h < H; h++) {
        const s = (d: number, m: number) => ((b * H + h) * K + d) * V + m;
        for (let t = 0; t < T; t++) {
          for (let d = 0; d < K; d++)
            for (let m = 0; m < V; m++)
              if (rule.startsWith('gated')) state[s(d, m)]! *= Math.exp(at(operands.decay, b, t, h * K + d));
          const added = Array.from({ length: V }, (_, m) => {
            const value = at(operands.v, b, t, h * V + m);
            if (!rule.endsWith('delta')) return value;
            let held = 0;
            for (let d = 0; d < K; d++) held += state[s(d, m)]! * at(operands.k, b, t, h * K + d);
            return at(operands.beta, b, t, h) * (value - held);
          });
          for (let d = 0; d < K; d++)
            for (let m = 0; m < V; m++) state[s(d, m)]! += at(operands.k, b, t, h * K + d) * added[m]!;
          for (let g = h * (HQ / H); g < (h + 1) * (HQ / H); g++)
            for (let m = 0; m < V; m++)
              for (let d = 0; d < K; d++)
                output[((b * T + t) * HQ + g) * V + m]! +=
                  scale * at(operands.q, b, t, g * K + d) * state[s(d, m)]!;
        }
      }
    return { output, state };
  }

  for (const rule of ['linear', 'gated', 'delta', 'gated_delta'])
    it(`follows the rule ${rule}, and says which operands it needs`, () => {
      const { q, k, v, state, decay, beta } = operands;
      const inputs = [
        q,
        k,
        v,
        state,
        rule.startsWith('gated') ? decay : null,
        rule.endsWith('delta') ? beta : null,
      ];
      const attributes = { q_num_heads: HQ, kv_num_heads: H, update_rule: rule };
      const call = { op: 'LinearAttention', outputs: 2, opset: 27 } as const;
      const [output, present] = run({ ...call, inputs, attributes });
      const wanted = expected(rule, 1 / Math.sqrt(K));
      expectAgreement(floats([B, T, HQ * V], wanted.output), output!);
      expectAgreement(floats([B, H, K, V], wanted.state), present!);
      const [scaled] = run({ ...call, inputs, attributes: { ...attributes, scale: { float: 2 } } });
      expectAgreement(floats([B, T, HQ * V], expected(rule, 2).output), scaled!);
      const wrong = [q, k, v, state, rule.startsWith('gated') ? null : decay, inputs[5]!];
      expect(() => run({ ...call, inputs: wrong, attributes })).toThrow(`update_rule "${rule}"`);
    });
});

describe('CausalConvWithState', () => {
  const [x, w, b] = [random([2, 3, 7], 1), random([3, 1, 4], 2), random([3], 3)];

  it('gives, fed in pieces with the state of each handed on, what it gives at once', () => {
    const call = {
      op: 'CausalConvWithState',
      outputs: 2,
      opset: 27,
      attributes: { activation: 'silu' },
    } as const;
    const [whole, last] = run({ ...call, inputs: [x, w, b, null] });
    let state: Tensor | null = null;
    for (const [start, end] of [
      [0, 1],
      [1, 3],
      [3, 7],
    ] as const) {
      const [y, next]: Tensor[] = run({ ...call, inputs: [columns(x, start, end), w, b, state] });
      expect(y).toEqual(columns(whole!, start, end));
      state = next!;
    }
    expect(state).toEqual(last);
    expect(last).toEqual(columns(x, 4, 7));
  });

  it('is the depthwise convolution of onnxruntime over the padded input', () => {
    const [y] = run({ op: 'CausalConvWithState', inputs: [x, w, b], outputs: 1, opset: 27 });
    const [conv] = run({
      op: 'Conv',
      inputs: [x, w, b],
      outputs: 1,
      attributes: { group: 3, pads: [3, 0] },
      opset: 22,
    });
    expect(y).toEqual(conv);
  });

  function columns(tensor: Tensor, start: number, end: number): Tensor {
    const [batch, channels, length] = tensor.shape as [number, number, number];
    const data = (tensor.data as Float32Array).filter((_, i) => i % length >= start && i % length < end);
    return floats([batch, channels, end - start], data);
  }
});

describe('RotaryEmbedding', () => {
  it('refuses positions that the caches do not have', () => {
    const inputs = [random([1, 1, 2, 4], 1), random([3, 2], 2), random([3, 2], 3), int64([0, 3], [1, 2])];
    expect(() => run({ op: 'RotaryEmbedding', inputs, outputs: 1, opset: 23 })).toThrow(
      'position_ids has 3, the caches have 3 rows',
    );
  });
});
