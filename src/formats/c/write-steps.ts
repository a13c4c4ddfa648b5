import { BnnqError } from '../../errors.ts';
import { type ConstantArrays, cFloat } from './constants.ts';
import { joinAxes, MAX_RANK } from './join-axes.ts';
import { bytes, copyOf, fixed, floats, plus, words } from './places.ts';
import type { CFloatFinish, CProgram, CRows, CStep, CTail, CWindow, Operand } from './program.ts';
import { channelsLast, signWords, weightsOf } from './weights.ts';

type StepOf<Op extends CStep['op']> = Extract<CStep, { op: Op }>;

/** Columns that are decoded at a time where a row is read once. */
export const CHUNK = 64;

const UNARY: Readonly<Record<string, string>> = {
  leakyRelu: 'leaky_relu_f32',
  hardSigmoid: 'hard_sigmoid_f32',
  hardSwish: 'hard_swish_f32',
};

/** Turns steps into calls, and gathers what these need: kernels, constants, and a row of decoded weights. */
export class StepWriter {
  readonly kernels: Set<string> = new Set();
  /** Longest rows that are decoded in one go, in elements. */
  rowFloats = 0;
  rowShorts = 0;
  /** Longest line of outputs that is summed up apart from them. */
  lineFloats = 0;
  /** Longest row of weights that Winograd's algorithm transforms. */
  transformedFloats = 0;
  /** Most sizes of levels that are made of a and q. */
  mostSizes = 0;
  /** Bytes of the structs, on a device with pointers of four bytes. */
  structBytes = 0;
  readonly definitions: string[] = [];
  readonly #arrays: ConstantArrays;
  readonly #known = new Map<string, string>();
  readonly #counts = new Map<string, number>();

  constructor(arrays: ConstantArrays) {
    this.#arrays = arrays;
  }

  /** All kernels that the steps need. */
  get used(): Set<string> {
    if (this.rowFloats === 0) return this.kernels;
    return new Set([...this.kernels, this.mostSizes > 0 ? 'geometric_tables' : 'plain_tables']);
  }

  /** The lines of C for a step. */
  write(step: CStep): string {
    const comment = step.node === '' ? '' : ` /* ${commentText(step.node)} */`;
    return `    ${this.#callOf(step)}${comment}\n`;
  }

  #callOf(step: CStep): string {
    switch (step.op) {
      case 'conv':
        return this.#conv(step);
      case 'convSigns':
        return this.#convSigns(step);
      case 'linear':
        return this.#linear(step);
      case 'integerConv':
        return this.#integerConv(step);
      case 'binaryConv':
        return this.#binaryConv(step);
      case 'codes': {
        const { channels, pixels, scale, zero, high, rounds } = step;
        // Rounded is the sum, or the quotient alone and the zero added then.
        const limits = rounds === 'quotient' ? [0, -zero, high - zero] : [zero, 0, high];
        const grid = [scale, ...limits].map((value) => cFloat(value, step.node)).join(', ');
        return this.#call(
          'codes_f32',
          `${channels}, ${pixels}, ${grid}, ${floats(step.x)}, ${bytes(step.y)}`,
        );
      }
      case 'signs': {
        const { channels, pixels, isTotal, thresholds } = step;
        const bounds = this.#bounds(thresholds);
        const operands = `${channels}, ${pixels}, ${isTotal ? 1 : 0}, ${bounds}, ${floats(step.x)}, ${words(step.y)}`;
        return this.#checked('signs_f32', operands, isTotal);
      }
      case 'signFloats':
        return this.#call(
          'sign_floats',
          `${step.channels}, ${step.pixels}, ${words(step.x)}, ${floats(step.y)}`,
        );
      case 'maxPool':
        return this.#call(
          'max_pool_f32',
          `${this.#window(step.window)}, ${floats(step.x)}, ${floats(step.y)}`,
        );
      case 'codePool':
        return this.#call('pool_codes', `${this.#window(step.window)}, ${bytes(step.x)}, ${bytes(step.y)}`);
      case 'signPool':
        return this.#call('pool_signs', `${this.#window(step.window)}, ${words(step.x)}, ${words(step.y)}`);
      case 'averagePool': {
        const padding = `${step.countPadding ? 1 : 0}, ${step.padBottom}, ${step.padRight}`;
        const places = `${floats(step.x)}, ${floats(step.y)}`;
        return this.#call('average_pool_f32', `${this.#window(step.window)}, ${padding}, ${places}`);
      }
      case 'affine': {
        const { outer, channels, inner, scale, shift, low, high } = step;
        const tail = this.#tail(this.#label('affine'), { scale, bias: shift, low, high });
        const sizes = `${outer}, ${channels}, ${inner}`;
        return this.#call('affine_f32', `${tail}, ${sizes}, ${floats(step.x)}, ${floats(step.y)}`);
      }
      case 'unary':
        return this.#unary(step);
      case 'binary':
        return this.#binary(step);
      case 'dynamicCodes': {
        const { channels, pixels, x, y, gridScale, gridZero } = step;
        const places = [floats(x), floats(gridScale), fixed(gridZero), bytes(y)].join(', ');
        return this.#call('dynamic_codes_f32', `${channels}, ${pixels}, ${places}`);
      }
      case 'fixedCodes': {
        const { count, multiplier, zero, high } = step;
        const places = `${fixed(step.x)}, ${bytes(step.y)}`;
        return this.#call('codes_of_fixed', `${count}, ${multiplier}, ${zero}, ${high}, ${places}`);
      }
      case 'fixedOfCodes': {
        const table = this.#arrays.add(`${this.#label('codes')}_values`, step.table);
        return this.#call('fixed_of_codes', `${step.count}, ${table}, ${bytes(step.x)}, ${fixed(step.y)}`);
      }
      case 'fixedAdd': {
        const { a, b, y, dims, strides, low, high } = step;
        const walk = this.#walk(dims, strides[0]!, strides[1]!);
        const operands = `${fixed(a)}, ${b === undefined ? 'NULL' : fixed(b)}, ${fixed(y)}`;
        return this.#call('add_fixed', `${walk}, ${low}, ${high}, ${operands}`);
      }
      case 'fixedPool': {
        const places = `${fixed(step.x)}, ${fixed(step.y)}`;
        const kernel = step.isAverage ? 'average_pool_fixed' : 'max_pool_fixed';
        return this.#call(kernel, `${this.#window(step.window)}, ${places}`);
      }
      case 'softmax': {
        const { outer, length, inner } = step;
        return this.#call(
          'softmax_f32',
          `${outer}, ${length}, ${inner}, ${floats(step.x)}, ${floats(step.y)}`,
        );
      }
      case 'quant': {
        const grid = [step.scale, step.zero, step.low, step.high].map((value) => cFloat(value, step.node));
        return this.#call(
          'quant_f32',
          `${floats(step.x)}, ${floats(step.y)}, ${step.count}, ${grid.join(', ')}`,
        );
      }
      case 'fill':
        if (step.isFixed) return this.#call('fill_i32', `${fixed(step.y)}, ${step.count}, ${step.value}`);
        return this.#call('fill_f32', `${floats(step.y)}, ${step.count}, ${cFloat(step.value, step.node)}`);
      case 'copy': {
        const { dims, fromStrides, toStrides, from, to, elementBytes } = step;
        const walk = this.#walk(dims, fromStrides, toStrides);
        const [kernel, place] = copyOf(elementBytes, step.isFixed);
        const places = `${place(step.x)}${plus(from)}, ${place(step.y)}${plus(to)}`;
        return this.#call(kernel, `${walk}, ${places}`);
      }
    }
  }

  #call(kernel: string, operands: string): string {
    this.kernels.add(kernel);
    return `${kernel}(${operands});`;
  }

  #bounds(thresholds: Float32Array | undefined): string {
    return thresholds === undefined ? 'NULL' : this.#arrays.add(this.#label('bounds'), thresholds);
  }

  /** A call that tells whether signs were lacking, which ends the run unless all values have one. */
  #checked(kernel: string, operands: string, isTotal: boolean): string {
    this.kernels.add(kernel);
    const call = `${kernel}(${operands})`;
    return isTotal ? `(void)${call};` : `if (${call} != 0)\n        return 1;`;
  }

  #conv({ isWinograd, window, weights, tail, addend, x, y }: StepOf<'conv'>): string {
    const label = this.#label('conv');
    const operands = this.#convOperands(label, window, weights, tail);
    const places = `${floats(x)}, ${floats(y)}, ${this.#addend(label, addend)}`;
    if (isWinograd) this.transformedFloats = Math.max(this.transformedFloats, 16 * window.inChannels);
    else this.lineFloats = Math.max(this.lineFloats, window.outWidth);
    return this.#call(isWinograd ? 'conv_winograd_f32' : 'conv_f32', `${operands}, ${places}`);
  }

  #convSigns({ window, weights, tail, isTotal, thresholds, x, y }: StepOf<'convSigns'>): string {
    this.lineFloats = Math.max(this.lineFloats, window.outWidth);
    const operands = this.#convOperands(this.#label('conv'), window, weights, tail);
    const places = `${isTotal ? 1 : 0}, ${this.#bounds(thresholds)}, ${floats(x)}, ${words(y)}`;
    return this.#checked('conv_f32_signs', `${operands}, ${places}`, isTotal);
  }

  #convOperands(label: string, window: CWindow, weights: CRows, tail: CTail): string {
    const { inChannels, groups, kernelHeight, kernelWidth, outChannels } = window;
    const columns = (inChannels / groups) * kernelHeight * kernelWidth;
    this.rowFloats = Math.max(this.rowFloats, columns);
    const rows = this.#floatRows(label, weights, outChannels, columns);
    return `${this.#window(window)}, ${rows}, ${this.#tail(label, tail)}`;
  }

  #linear({ batch, rows, columns, weights, tail, addend, x, y }: StepOf<'linear'>): string {
    this.rowFloats = Math.max(this.rowFloats, Math.min(columns, CHUNK));
    const label = this.#label('linear');
    const parts = [
      `${batch}, ${rows}`,
      this.#floatRows(label, weights, rows, columns),
      this.#tail(label, tail),
      `${floats(x)}, ${floats(y)}, ${this.#addend(label, addend)}`,
    ];
    return this.#call('linear_f32', parts.join(', '));
  }

  #integerConv(step: StepOf<'integerConv'>): string {
    const { window, zero, weights, finish, addend, x, y } = step;
    const { inChannels, outChannels, groups, kernelHeight, kernelWidth } = window;
    const columns = (inChannels / groups) * kernelHeight * kernelWidth;
    const isLinear = isWholeImage(window);
    this.rowShorts = Math.max(this.rowShorts, isLinear ? Math.min(columns, CHUNK) : columns);
    const label = this.#label(isLinear ? 'linear' : 'conv');
    const packed = weightsOf(weights, outChannels, columns, channelsLast(window));
    const rows = this.#struct('rows_i16', label, [
      ['ptr', this.#arrays.add(`${label}_codes`, packed.codes!, 'codes')],
      ['ptr', this.#arrays.add(`${label}_levels`, packed.levels, 'levels')],
      ['i32', columns],
      ['u8', packed.bits],
      ['u8', packed.isSigned ? 1 : 0],
      ['u8', packed.tables === 0 ? 1 : 0],
    ]);
    const head = [isLinear ? String(outChannels) : this.#window(window), rows, String(zero)];
    const kernel = isLinear ? 'linear_codes' : 'conv_codes';
    if (finish.kind === 'run') {
      const units = this.#arrays.add(`${label}_units`, finish.units, 'levels');
      const grid = [fixed(step.gridZero!), units, floats(step.gridScale!)];
      const tail = [this.#tail(label, finish), bytes(x), floats(y), this.#addend(label, addend)];
      return this.#call(`${kernel}_run_f32`, [...head.slice(0, 2), ...grid, ...tail].join(', '));
    }
    if (finish.kind === 'floats') {
      const tail = [...this.#finish(label, finish), bytes(x), floats(y), this.#addend(label, addend)];
      return this.#call(`${kernel}_f32`, [...head, ...tail].join(', '));
    }
    if (finish.kind === 'fixed') {
      const made = this.#struct('fixed_finish', label, [
        ['ptr', this.#arrays.add(`${label}_multipliers`, finish.multipliers)],
        ['ptr', this.#arrays.add(`${label}_limits`, finish.limits)],
        ['ptr', this.#arrays.add(`${label}_offsets`, finish.offsets)],
        ['i32', finish.low],
        ['i32', finish.high],
        ['u8', finish.shift],
      ]);
      if (addend?.at === 'constant') throw new BnnqError('internal', `c: ${label}: a constant is added`);
      const sum = addend === undefined ? 'NULL' : fixed(addend);
      // A window over the whole image is a convolution, too.
      this.rowShorts = Math.max(this.rowShorts, columns);
      const operands = [this.#window(window), rows, String(zero), made, bytes(x), fixed(y), sum];
      return this.#call('conv_codes_fixed', operands.join(', '));
    }
    const requantize = this.#struct('requantize', label, [
      ['ptr', this.#arrays.add(`${label}_multipliers`, finish.multipliers)],
      ['ptr', this.#arrays.add(`${label}_offsets`, finish.offsets)],
      ['u8', finish.low],
      ['u8', finish.high],
    ]);
    return this.#call(kernel, [...head, requantize, bytes(x), bytes(y)].join(', '));
  }

  /** Rows whose thresholds are flipped are stored the other way round: −S < 1 − t says that S ≥ t. */
  #binaryConv({ window, negative, finish, x, y }: StepOf<'binaryConv'>): string {
    const label = this.#label('signs');
    const flips = finish.kind === 'signs' ? finish.flips : undefined;
    const weights = this.#arrays.add(`${label}_weights`, signWords(negative, window, flips), 'codes');
    const head = [this.#window(window), weights];
    if (finish.kind === 'floats')
      return this.#call(
        'conv_signs_f32',
        [...head, ...this.#finish(label, finish), words(x), floats(y)].join(', '),
      );
    const thresholds = finish.thresholds.map((t, r) => (flips![r] === 1 ? 1 - t : t));
    const name = this.#arrays.add(`${label}_thresholds`, thresholds);
    return this.#call('conv_signs', [...head, name, words(x), words(y)].join(', '));
  }

  #finish(label: string, { alpha, ...tail }: CFloatFinish): string[] {
    return [this.#arrays.add(`${label}_alpha`, alpha, 'levels'), this.#tail(label, tail)];
  }

  #unary({ name, count, alpha, beta, x, y, node }: StepOf<'unary'>): string {
    const places = `${floats(x)}, ${floats(y)}, ${count}`;
    if (name === 'clip')
      return this.#call('clip_f32', `${this.#tail('clip', { low: alpha, high: beta })}, ${places}`);
    const parameters =
      name === 'leakyRelu' || name === 'bipolar' ? [alpha] : name.startsWith('hard') ? [alpha, beta] : [];
    const texts = parameters.map((value) => `, ${cFloat(value, node)}`).join('');
    return this.#call(UNARY[name] ?? `${name}_f32`, `${places}${texts}`);
  }

  #binary({ name, a, b, y, dims, strides }: StepOf<'binary'>): string {
    const label = this.#label(name);
    const walk = this.#walk(dims, strides[0]!, strides[1]!);
    const [p, q] = [this.#operand(`${label}_a`, a), this.#operand(`${label}_b`, b)];
    return this.#call(`${name}_f32`, `${walk}, ${p}, ${q}, ${floats(y)}`);
  }

  #operand(label: string, operand: Operand): string {
    return operand.at === 'constant' ? this.#arrays.add(label, operand.values) : floats(operand);
  }

  #addend(label: string, addend: Operand | undefined): string {
    return addend === undefined ? 'NULL' : this.#operand(`${label}_addend`, addend);
  }

  #label(base: string): string {
    const count = (this.#counts.get(base) ?? 0) + 1;
    this.#counts.set(base, count);
    return `${base}${count}`;
  }

  #floatRows(label: string, weights: CRows, rows: number, columns: number): string {
    const packed = weightsOf(weights, rows, columns);
    const { codes, levels, scales, bits, isSigned, tables, group, geometric } = packed;
    if (geometric !== 0) this.mostSizes = Math.max(this.mostSizes, 1 << (bits - 1));
    return this.#struct('rows_f32', label, [
      ['ptr', codes === undefined ? 'NULL' : this.#arrays.add(`${label}_codes`, codes, 'codes')],
      [
        'ptr',
        codes === undefined
          ? this.#arrays.add(`${label}_weights`, levels)
          : this.#arrays.add(`${label}_levels`, levels, 'levels'),
      ],
      ['ptr', scales === undefined ? 'NULL' : this.#arrays.add(`${label}_scales`, scales, 'levels')],
      ['i32', columns],
      ['i32', group],
      ['i32', tables],
      ['u8', bits],
      ['u8', isSigned ? 1 : 0],
      ['u8', geometric],
    ]);
  }

  #tail(label: string, { scale, bias, low, high }: CTail): string {
    const hasLow = low !== undefined && low !== Number.NEGATIVE_INFINITY;
    const hasHigh = high !== undefined && high !== Number.POSITIVE_INFINITY;
    return this.#struct('tail', label, [
      ['ptr', scale === undefined ? 'NULL' : this.#arrays.add(`${label}_scale`, scale)],
      ['ptr', bias === undefined ? 'NULL' : this.#arrays.add(`${label}_bias`, bias)],
      ['f32', cFloat(hasLow ? Math.fround(low) : 0, label)],
      ['f32', cFloat(hasHigh ? Math.fround(high) : 0, label)],
      ['u8', (hasLow ? 1 : 0) | (hasHigh ? 2 : 0)],
    ]);
  }

  #window(w: CWindow): string {
    const input = [w.inChannels, w.inHeight, w.inWidth, w.outChannels, w.outHeight, w.outWidth];
    const kernel = [w.kernelHeight, w.kernelWidth, w.strideHeight, w.strideWidth];
    const rest = [w.dilationHeight, w.dilationWidth, w.padTop, w.padLeft, w.groups];
    return this.#struct(
      'window',
      'window',
      [...input, ...kernel, ...rest].map((dim) => ['dim', dim] as const),
    );
  }

  #walk(dims: readonly number[], a: readonly number[], b: readonly number[]): string {
    const joined = joinAxes(dims, a, b);
    const lists = joined.map((list) => `{ ${list.join(', ')} }`);
    return this.#struct('walk', 'walk', [
      ['i32', joined[0].length],
      ...lists.map((list) => ['walk', list] as const),
    ]);
  }

  /** The address of a constant struct, each content once. */
  #struct(
    type: string,
    label: string,
    fields: readonly (readonly [keyof typeof BYTES, string | number])[],
  ): string {
    const text = fields.map(([, value]) => value).join(', ');
    const known = this.#known.get(`${type} ${text}`);
    if (known !== undefined) return known;
    const name = this.#label(`${label}_${type}`.replace(/^(\w+)_\1$/, '$1_'));
    const address = `&${name}`;
    this.#known.set(`${type} ${text}`, address);
    this.definitions.push(`static const struct ${type} ${name} = { ${text} };\n`);
    const size = fields.reduce((sum, [kind]) => sum + BYTES[kind], 0);
    this.structBytes += Math.ceil(size / 4) * 4;
    return address;
  }
}

/** Bytes of the fields of structs, on a device with pointers of four bytes; dimensions as two. */
const BYTES = { ptr: 4, i32: 4, f32: 4, u8: 1, dim: 2, walk: 4 * MAX_RANK } as const;

function isWholeImage(w: CWindow): boolean {
  const isWhole = w.kernelHeight === w.inHeight && w.kernelWidth === w.inWidth && w.groups === 1;
  const isOne = w.outHeight === 1 && w.outWidth === 1 && w.padTop === 0 && w.padLeft === 0;
  return isWhole && isOne && w.dilationHeight === 1 && w.dilationWidth === 1;
}

/** Text that can stand in a comment: a name may hold anything. */
export function commentText(text: string): string {
  return text.replace(/[^\x20-\x7e]|\*\/|\/\*|\?\?/g, '.').slice(0, 200);
}

/** Whether all dimensions of windows fit 16 bits. */
export function fitsShortDims({ steps }: CProgram): boolean {
  return steps.every(
    (step) =>
      !('window' in step) || Object.values(step.window).every((dim) => Math.abs(dim as number) < 2 ** 15),
  );
}
