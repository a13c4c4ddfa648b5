/** Damage to a file, drawn by fast-check, so that a number and a seed are enough to make it again. */
import fc from 'fast-check';

/** Values at the edges of the types that files store lengths, offsets and counts in. */
const EDGES = [0n, 1n, 0x7fn, 0x80n, 0xffn, 0x7fffn, 0xffffn, 0x7fffffffn, 0x80000000n, 0xffffffffn].concat([
  2n ** 40n,
  2n ** 53n,
  2n ** 63n - 1n,
  2n ** 64n - 1n,
]);

/** A place: headers are small, so half of all places are within the first or last 2 KB. */
const place = fc.record({
  zone: fc.constantFrom('head', 'tail', 'anywhere', 'anywhere'),
  // Of 2^30; a `double` would mostly be next to 0.
  at: fc.nat(2 ** 30 - 1),
});
const length = fc.oneof(fc.integer({ min: 1, max: 16 }), fc.integer({ min: 1, max: 5000 }));

/** @param {readonly string[]} words texts that mean something in the format */
function mutation(words) {
  return fc.oneof(
    { weight: 4, arbitrary: fc.record({ kind: fc.constant('flip'), place, bit: fc.nat(7) }) },
    { weight: 4, arbitrary: fc.record({ kind: fc.constant('byte'), place, value: fc.nat(255) }) },
    fc.record({
      kind: fc.constant('number'),
      place,
      width: fc.constantFrom(2, 4, 8),
      big: fc.boolean(),
      value: fc.constantFrom(...EDGES),
    }),
    fc.record({ kind: fc.constant('cut'), place }),
    fc.record({ kind: fc.constant('drop'), place, length }),
    fc.record({ kind: fc.constant('repeat'), place, length, times: fc.constantFrom(1, 2, 100) }),
    fc.record({ kind: fc.constant('insert'), place, bytes: fc.uint8Array({ minLength: 1, maxLength: 40 }) }),
    fc.record({ kind: fc.constant('move'), place, to: place, length }),
    ...(words.length === 0
      ? []
      : [fc.record({ kind: fc.constant('word'), place, text: fc.constantFrom(...words) })]),
  );
}

/** Mutant number `index` of a run: a file of the corpus and what is done to it. */
export function drawMutant(seed, index, corpusLength, words) {
  const mutant = fc.record({
    file: fc.nat(corpusLength - 1),
    mutations: fc.array(mutation(words), { minLength: 1, maxLength: 3 }),
  });
  // Without bias: fast-check would draw the first byte of the file time and again. Its generator takes 32-bit seeds; neighbouring ones give unrelated draws.
  return fc.sample(fc.noBias(mutant), { seed: (seed + Math.imul(index, 0x9e3779b1)) | 0, numRuns: 1 })[0];
}

/** The damaged bytes. */
export function damage(original, mutations) {
  let bytes = Buffer.from(original);
  for (const mutation of mutations) bytes = apply(bytes, mutation);
  return bytes;
}

const ZONE = 2048;

function offsetOf({ zone, at }, size) {
  const share = at / 2 ** 30;
  if (zone === 'anywhere') return Math.floor(share * size);
  const zoned = Math.floor(share * Math.min(size, ZONE));
  return zone === 'head' ? zoned : size - 1 - zoned;
}

function apply(bytes, mutation) {
  const at = Math.max(0, offsetOf(mutation.place, bytes.length));
  const put = (from, to, ...middle) =>
    Buffer.concat([bytes.subarray(0, from), ...middle, bytes.subarray(to)]);
  switch (mutation.kind) {
    case 'flip':
      if (bytes.length > 0) bytes[at] ^= 1 << mutation.bit;
      return bytes;
    case 'byte':
      if (bytes.length > 0) bytes[at] = mutation.value;
      return bytes;
    case 'number': {
      const number = Buffer.alloc(8);
      number.writeBigUInt64LE(mutation.value);
      const own = number.subarray(0, mutation.width);
      if (mutation.big) own.reverse();
      own.copy(bytes, at, 0, Math.min(mutation.width, bytes.length - at));
      return bytes;
    }
    case 'cut':
      return bytes.subarray(0, at);
    case 'drop':
      return put(at, Math.min(bytes.length, at + mutation.length));
    case 'repeat': {
      const piece = bytes.subarray(at, at + mutation.length);
      return put(at, at, ...new Array(mutation.times).fill(piece));
    }
    case 'insert':
      return put(at, at, mutation.bytes);
    case 'move': {
      const piece = Buffer.from(bytes.subarray(at, at + mutation.length));
      piece.copy(bytes, Math.max(0, offsetOf(mutation.to, bytes.length)));
      return bytes;
    }
    case 'word':
      return put(at, at, Buffer.from(mutation.text));
    default:
      throw new Error(`fuzz: no mutation "${mutation.kind}"`);
  }
}
