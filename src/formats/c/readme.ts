import type { CProgram, CStep } from './program.ts';
import type { CSize } from './write-c.ts';
import { commentText } from './write-steps.ts';

const grouped = (count: number): string => String(count).replace(/\B(?=(\d{3})+$)/g, ',');

export function readmeText(
  program: CProgram,
  size: CSize,
  origin: string,
  kernels: ReadonlySet<string>,
): string {
  const { name, input, output, codesEntry } = program;
  const { arrayBytes, structBytes, codeBytes, arenaBytes, bufferBytes, inputBytes, outputBytes } = size;
  const codes =
    codesEntry === undefined
      ? ''
      : `\`int ${name}_run_codes(const uint8_t *in, float *out)\` takes bytes [height, width, channels] instead, which stand for (code − ${codesEntry.zero}) · ${codesEntry.scale}.\n`;
  return `# ${name}

${commentText(origin)}

\`int ${name}_run(const float *in, float *out)\`: one sample, input [${input.shape.join(', ')}], output [${output.shape.join(', ')}], row-major. It returns 0, or 1 where
a value without a sign (0 or NaN) came where the network takes signs.
${codes}
| memory | bytes | what |
| --- | --- | --- |
| flash | ${grouped(arrayBytes)} | constants: codes of the weights as few bits as they have, levels, scales, biases |
| flash | ${grouped(structBytes)} | descriptions of the layers (pointers of 4 bytes) |
| flash | about ${grouped(codeBytes)} | code, on a Cortex-M4 by -Os, without what the compiler's library has for floats |
| RAM | ${grouped(arenaBytes)} | values between the layers, static |
| RAM | ${grouped(bufferBytes)} | a row of decoded weights and a line of sums, static |
| caller | ${grouped(inputBytes)} + ${grouped(outputBytes)} | input and output as floats |

No memory is allocated. Of the C library \`string.h\` and \`stdint.h\` are used (\`main.c\`, a test program, is not part of the library).

${arithmeticText(program)}
Functions that are called: ${[...kernels]
    .sort()
    .map((kernel) => `\`${kernel}\``)
    .join(', ')}.

## Build

    make                          # lib${name}.a and a test program
    make CC=arm-none-eabi-gcc AR=arm-none-eabi-ar CFLAGS="-Os -mcpu=cortex-m4 -mthumb" lib${name}.a

Keep \`-ffp-contract=off\` (no fused multiply-add) and \`-fno-strict-aliasing\`; do not use \`-ffast-math\`. Then results are the same bits on every machine.
`;
}

/** Which steps compute with floats, said plainly. */
function arithmeticText({ steps }: CProgram): string {
  const isInteger = (op: string): boolean =>
    ['integerConv', 'codePool', 'fixedAdd', 'fixedCodes', 'fixedOfCodes', 'fixedPool'].includes(op);
  const isMoved = (step: CStep): boolean => 'isFixed' in step && step.isFixed;
  const isSigns = (op: string): boolean => ['binaryConv', 'signPool'].includes(op);
  const toFloats = steps.filter(
    (step) => 'finish' in step && ['floats', 'run'].includes(step.finish.kind),
  ).length;
  const integers = steps.filter((step) => isInteger(step.op) || isMoved(step)).length;
  const signs = steps.filter(({ op }) => isSigns(op)).length;
  const isRounding = (op: string): boolean => ['codes', 'dynamicCodes', 'signs'].includes(op);
  const rounded = steps.filter(({ op }) => isRounding(op)).length;
  const others = steps.filter(
    (step) => !isInteger(step.op) && !isMoved(step) && !isSigns(step.op) && !isRounding(step.op),
  ).length;
  const lines = [
    ...(integers > 0
      ? [
          `- ${integers} steps compute with integers: codes of at most 8 bits times integer levels, and 32-bit sums of these`,
        ]
      : []),
    ...(signs > 0 ? [`- ${signs} steps count bits`] : []),
    ...(toFloats > 0
      ? [
          `- ${toFloats} of these make floats of their sums, for a sum with floats, an operator on floats, or the output`,
        ]
      : []),
    ...(rounded > 0 ? [`- ${rounded} steps make codes or signs of floats`] : []),
    ...(others > 0 ? [`- ${others} steps move floats or compute with them`] : []),
  ];
  return `Of ${steps.length} steps:\n\n${lines.join('\n')}\n`;
}
