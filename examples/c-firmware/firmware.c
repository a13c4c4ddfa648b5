/*
 * A network on a bare Cortex-M4: reads samples from the file in.bin of the machine that emulates the board, runs the network on each
 * and writes the outputs to out.bin. Both are floats, little-endian. On a real board the semihosting calls give way to its own
 * input and output; nothing else changes.
 */
#include <stdint.h>
#include <string.h>

/* The Makefile says what the network is called. */
#include NETWORK_HEADER

static float in[NETWORK_INPUTS], out[NETWORK_OUTPUTS];

/* Arm, "Semihosting for AArch32 and AArch64", 2.1: operation in r0, address of the parameters in r1, bkpt 0xab on M-profile. */
enum { SYS_OPEN = 0x01, SYS_CLOSE = 0x02, SYS_WRITE = 0x05, SYS_READ = 0x06, SYS_EXIT = 0x18 };
enum { READ_BINARY = 1, WRITE_BINARY = 5 };
#define APPLICATION_EXIT 0x20026

static intptr_t semihosting(intptr_t operation, const void *parameters)
{
    register intptr_t r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = parameters;
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

static intptr_t open_file(const char *name, intptr_t mode)
{
    const intptr_t parameters[3] = { (intptr_t)name, mode, (intptr_t)strlen(name) };
    return semihosting(SYS_OPEN, parameters);
}

static void run_all(void)
{
    const intptr_t from = open_file("in.bin", READ_BINARY), to = open_file("out.bin", WRITE_BINARY);
    const intptr_t sample[3] = { from, (intptr_t)in, sizeof in }, result[3] = { to, (intptr_t)out, sizeof out };
    /* Reading tells how many bytes are lacking. */
    while (semihosting(SYS_READ, sample) == 0) {
        if (NETWORK_RUN(in, out) != 0)
            memset(out, 0xff, sizeof out);
        semihosting(SYS_WRITE, result);
    }
    semihosting(SYS_CLOSE, &to);
}

extern char bss_start, bss_end;

void reset(void)
{
    memset(&bss_start, 0, (size_t)(&bss_end - &bss_start));
#ifdef __ARM_FP
    *(volatile uint32_t *)0xe000ed88 |= 0xfu << 20; /* CPACR: the floating-point unit is on */
#endif
    run_all();
    semihosting(SYS_EXIT, (const void *)APPLICATION_EXIT);
    for (;;)
        ;
}

/* The stack ends at the end of the data memory. */
__attribute__((section(".vectors"), used)) static const void *const vectors[2] = { (const void *)0x20400000, (const void *)reset };
