import { BnnqError } from '../../errors.ts';
import { codeBytes } from './code-size.ts';
import { type ArrayUse, ConstantArrays, cFloat } from './constants.ts';
import { MAX_RANK } from './join-axes.ts';
import { kernelText } from './kernels/registry.ts';
import { mainText, makefileText } from './makefile.ts';
import type { CProgram, Place } from './program.ts';
import { readmeText } from './readme.ts';
import { CHUNK, commentText, fitsShortDims, StepWriter } from './write-steps.ts';

/** What the program takes on the device. */
export interface CSize {
  /** Constant arrays: codes, levels, scales, biases, thresholds. */
  readonly arrayBytes: number;
  /** The same by what they are for: codes of weights, what these stand for, anything else. */
  readonly arrays: Readonly<Record<ArrayUse, number>>;
  /** Constant structs that describe the layers, where pointers have four bytes. */
  readonly structBytes: number;
  /** Machine code, estimated for a Cortex-M4. */
  readonly codeBytes: number;
  readonly arenaBytes: number;
  /** A row of decoded weights, and a line of sums. */
  readonly bufferBytes: number;
  /** What the caller holds: floats in and out. */
  readonly inputBytes: number;
  readonly outputBytes: number;
}

export interface CSources {
  /** Text by file name. */
  readonly files: ReadonlyMap<string, string>;
  readonly size: CSize;
}

export interface CTextOptions {
  /** What the program was made from and with, a line for comments. */
  readonly origin: string;
}

/** The calls of a program with what they need, and what that takes. */
interface Assembled {
  readonly arrays: ConstantArrays;
  readonly writer: StepWriter;
  readonly lines: readonly string[];
  readonly size: CSize;
}

function assemble(program: CProgram): Assembled {
  const arrays = new ConstantArrays(program.name);
  const writer = new StepWriter(arrays);
  const lines = program.steps.map((step) => writer.write(step));
  const rowBytes = Math.max(4 * writer.rowFloats, 4 * Math.ceil(writer.rowShorts / 2));
  // The table itself, whose it is, and which.
  const sizesBytes = writer.mostSizes > 0 ? 8 + 4 * writer.mostSizes : 0;
  const size: CSize = {
    arrayBytes: arrays.bytes.codes + arrays.bytes.levels + arrays.bytes.other,
    arrays: arrays.bytes,
    structBytes: writer.structBytes,
    codeBytes: codeBytes(writer.used, lines.length),
    arenaBytes: program.arenaBytes,
    bufferBytes: rowBytes + 4 * (writer.lineFloats + writer.transformedFloats) + sizesBytes,
    inputBytes: 4 * program.input.count,
    outputBytes: 4 * program.output.count,
  };
  return { arrays, writer, lines, size };
}

/** What the program that `writeC` writes takes. */
export function sizeOfC(program: CProgram): CSize {
  return assemble(program).size;
}

/**
 * The files of a C99 program that runs the network: <name>.h, <name>.c, <name>_weights.h, <name>_weights.c, main.c, Makefile, README.md.
 * Same program, same bytes.
 * @throws unsupported where a constant is not finite
 */
export function writeC(program: CProgram, { origin }: CTextOptions): CSources {
  const { name } = program;
  if (!/^[a-z][a-z0-9_]*$/i.test(name) || name === 'main')
    throw new BnnqError(
      'option',
      `c: the name "${name}" is no identifier of C, or is that of the test program`,
    );
  const { arrays, writer, lines, size } = assemble(program);
  const head = `/* ${commentText(origin)} */\n`;
  const guard = name.toUpperCase();
  const files = new Map([
    [`${name}.h`, head + headerText(program, `${guard}_H`, size.bufferBytes)],
    [`${name}.c`, head + sourceHead(program, writer) + writer.definitions.join('') + runText(program, lines)],
    [
      `${name}_weights.h`,
      head + guarded(`${guard}_WEIGHTS_H`, `#include <stdint.h>\n\n${arrays.declarations}`),
    ],
    [`${name}_weights.c`, `${head}#include "${name}_weights.h"\n\n${arrays.definitions}`],
    ['main.c', head + mainText(program)],
    ['Makefile', makefileText(program)],
    ['README.md', readmeText(program, size, origin, writer.kernels)],
  ]);
  return { files, size };
}

function guarded(guard: string, text: string): string {
  return `#ifndef ${guard}\n#define ${guard}\n\n${text}\n#endif\n`;
}

function headerText(program: CProgram, guard: string, bufferBytes: number): string {
  const { name, input, output, arenaBytes, codesEntry } = program;
  const upper = name.toUpperCase();
  const codes =
    codesEntry === undefined
      ? ''
      : `
/* The same from codes, bytes [height, width, channels] that stand for (code - ${codesEntry.zero}) * ${cFloat(codesEntry.scale, 'the scale of the input')}, at most ${codesEntry.high}. */
#define ${upper}_INPUT_CODES ${codesEntry.byteLength}
int ${name}_run_codes(const uint8_t *in, float *out);
`;
  return `#ifndef ${guard}
#define ${guard}

#include <stdint.h>

/* Elements of the input, [${input.shape.join(', ')}], and of the output, [${output.shape.join(', ')}]. */
#define ${upper}_INPUTS ${input.count}
#define ${upper}_OUTPUTS ${output.count}

/* Bytes of static memory: values between the layers; a row of decoded weights and a line of sums. */
#define ${upper}_ARENA_BYTES ${arenaBytes}
#define ${upper}_BUFFER_BYTES ${bufferBytes}

#ifdef __cplusplus
extern "C" {
#endif

/* Runs the network on one sample. Not to be called again before it has returned.
 * in: ${upper}_INPUTS floats; out: ${upper}_OUTPUTS floats; they must not overlap.
 * Returns 0; or 1 where a value that has no sign (0 or NaN) comes where signs are taken: out is then undefined. */
int ${name}_run(const float *in, float *out);
${codes}
#ifdef __cplusplus
}
#endif

#endif
`;
}

/** Everything before the layers: includes, memory, kernels. */
function sourceHead(program: CProgram, writer: StepWriter): string {
  const { name, arenaBytes } = program;
  const upper = name.toUpperCase();
  const row = [
    ...(writer.rowFloats > 0 ? [`    float f32[${writer.rowFloats}];\n`] : []),
    ...(writer.rowShorts > 0 ? [`    int16_t i16[${writer.rowShorts}];\n`] : []),
  ];
  const arena =
    arenaBytes === 0
      ? ''
      : `
static union {
    float f32;
    uint32_t u32;
    uint8_t bytes[${upper}_ARENA_BYTES];
} arena;

/* Values in the arena. Its memory takes floats, words and bytes in turn: compile with -fno-strict-aliasing. */
#define FLOATS(offset) ((float *)(void *)(arena.bytes + (offset)))
#define WORDS(offset) ((uint32_t *)(void *)(arena.bytes + (offset)))
#define FIXED(offset) ((int32_t *)(void *)(arena.bytes + (offset)))
#define BYTES(offset) (arena.bytes + (offset))
`;
  const rowText =
    row.length === 0 ? '' : `\n/* A row of weights, decoded. */\nstatic union {\n${row.join('')}} row;\n`;
  const line =
    writer.lineFloats === 0 ? '' : `\n/* A line of sums. */\nstatic float line[${writer.lineFloats}];\n`;
  const transformed =
    writer.transformedFloats === 0
      ? ''
      : `\n/* A row of weights, transformed. */\nstatic float transformed[${writer.transformedFloats}];\n`;
  const lineText = line + transformed;
  return `#include "${name}.h"
#include "${name}_weights.h"

#include <string.h>

/* Products and sums are rounded one by one: that makes the results the same bits everywhere. */
#ifdef __clang__
#pragma STDC FP_CONTRACT OFF
#endif
#if defined(__FLT_EVAL_METHOD__) && __FLT_EVAL_METHOD__ != 0
#error "floats must be computed as floats (on x86: -msse2 -mfpmath=sse)"
#endif
#ifdef __FAST_MATH__
#error "-ffast-math changes results"
#endif

#define CHUNK ${CHUNK}
#define MAX_RANK ${MAX_RANK}
#define MOST_SIZES ${writer.mostSizes}
typedef ${fitsShortDims(program) ? 'int16_t' : 'int32_t'} dim_t;
${arena}${rowText}${lineText}${kernelText(writer.used)}
`;
}

function runText(program: CProgram, lines: readonly string[]): string {
  const { name, codesEntry } = program;
  if (codesEntry === undefined)
    return `
int ${name}_run(const float *in, float *out)
{
${lines.join('')}    return 0;
}
`;
  const target = (codesEntry.place as Place & { offset: number }).offset;
  return `
/* The network behind the codes of its input. */
static int run(float *out)
{
${lines.slice(codesEntry.step).join('')}    return 0;
}

int ${name}_run(const float *in, float *out)
{
${lines.slice(0, codesEntry.step).join('')}    return run(out);
}

int ${name}_run_codes(const uint8_t *in, float *out)
{
    memcpy(BYTES(${target}), in, ${name.toUpperCase()}_INPUT_CODES);
    return run(out);
}
`;
}
