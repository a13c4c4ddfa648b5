import type { CProgram } from './program.ts';

export function makefileText({ name }: CProgram): string {
  return `# make: a static library and a test program. Cross: make CC=arm-none-eabi-gcc AR=arm-none-eabi-ar CFLAGS="-Os -mcpu=cortex-m4 -mthumb" lib${name}.a
CC ?= cc
AR ?= ar
CFLAGS ?= -O2
# No fused multiply-add, and memory that takes values of several types in turn: the results depend on these.
override CFLAGS += -std=c99 -Wall -Wextra -pedantic -ffp-contract=off -fno-strict-aliasing

all: lib${name}.a ${name}

lib${name}.a: ${name}.o ${name}_weights.o
\t$(AR) rcs $@ $^

# Reads samples from stdin, floats in the order of the machine, and writes the outputs of each to stdout.
${name}: main.c lib${name}.a
\t$(CC) $(CFLAGS) $(LDFLAGS) -o $@ main.c lib${name}.a

${name}.o: ${name}.c ${name}.h ${name}_weights.h
\t$(CC) $(CFLAGS) -c -o $@ ${name}.c

${name}_weights.o: ${name}_weights.c ${name}_weights.h
\t$(CC) $(CFLAGS) -c -o $@ ${name}_weights.c

clean:
\trm -f *.o lib${name}.a ${name}

.PHONY: all clean
`;
}

/** A program for a machine with files: samples from stdin, outputs to stdout. */
export function mainText({ name, codesEntry }: CProgram): string {
  const upper = name.toUpperCase();
  const codes =
    codesEntry === undefined
      ? ''
      : `
    if (argc > 1 && strcmp(argv[1], "codes") == 0) {
        static uint8_t codes[${upper}_INPUT_CODES];
        while (fread(codes, 1, sizeof codes, stdin) == sizeof codes)
            write_outputs(${name}_run_codes(codes, out));
        return 0;
    }`;
  return `#include "${name}.h"

#include <stdio.h>
#include <string.h>

static float in[${upper}_INPUTS], out[${upper}_OUTPUTS];

/* All bits set, which is no number, where the network has not been run. */
static void write_outputs(int error)
{
    if (error != 0)
        memset(out, 0xff, sizeof out);
    fwrite(out, sizeof *out, ${upper}_OUTPUTS, stdout);
}

/* Floats from stdin, sample by sample, and the outputs of each to stdout, both as the machine holds them${codesEntry === undefined ? '' : '; with the argument "codes" bytes from stdin'}. */
int main(${codesEntry === undefined ? 'void' : 'int argc, char **argv'})
{${codes}
    while (fread(in, sizeof *in, ${upper}_INPUTS, stdin) == ${upper}_INPUTS)
        write_outputs(${name}_run(in, out));
    return 0;
}
`;
}
