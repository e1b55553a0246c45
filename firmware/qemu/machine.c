/* Start-up, semihosting, instruction counter and stack paint of QEMU's mps2-an386.
 *
 * Semihosting: Arm's "Semihosting for AArch32 and AArch64", release 2.0. The counter is the CMSDK timer 0, which runs
 * at 25 MHz; with -icount shift=6 an instruction takes 64 ns, so 8 ticks are 5 instructions.
 */
#include "machine.h"

#include <string.h>

#define PAINT UINT32_C(0x5ca1ab1e)
#define TIMER_CONTROL (*(volatile uint32_t *)0x40000000)
#define TIMER_VALUE (*(volatile uint32_t *)0x40000004)
#define TIMER_RELOAD (*(volatile uint32_t *)0x40000008)
#define COPROCESSOR_ACCESS (*(volatile uint32_t *)0xe000ed88)

enum { OPEN = 0x01, CLOSE = 0x02, WRITE0 = 0x04, WRITE = 0x05, READ = 0x06, COMMAND_LINE = 0x15, EXIT = 0x20 };
enum { STOPPED_BY_APPLICATION = 0x20026 };

extern uint32_t data_start, data_end, data_source, bss_start, bss_end, stack_bottom, stack_top;
int main(void);
void reset(void);

static void fault(void)
{
    machine_fail("the processor took a fault", "");
}

__attribute__((section(".vectors"), used)) static const void *const vectors[16] = {
    &stack_top, (const void *)reset, (const void *)fault, (const void *)fault, (const void *)fault,
    (const void *)fault, (const void *)fault,
};

void reset(void)
{
    memcpy(&data_start, &data_source, (size_t)((char *)&data_end - (char *)&data_start));
    memset(&bss_start, 0, (size_t)((char *)&bss_end - (char *)&bss_start));
    /* The compiler may keep integers in the registers of the floating-point unit. */
    COPROCESSOR_ACCESS |= UINT32_C(0xf) << 20;
    __asm__ volatile("dsb\n isb");
    TIMER_RELOAD = UINT32_MAX;
    TIMER_VALUE = UINT32_MAX;
    TIMER_CONTROL = 1;
    machine_exit(main());
}

static int32_t ask_host(int32_t operation, const void *block)
{
    register int32_t r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = block;

    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

int machine_arguments(char *buffer, size_t bytes, char **words, int most)
{
    uint32_t block[2] = {(uint32_t)buffer, bytes};
    int count = 0;
    char *at = buffer;

    if (ask_host(COMMAND_LINE, block) != 0) {
        return 0;
    }
    while (*at != '\0' && count < most) {
        words[count++] = at;
        while (*at != '\0' && *at != ' ') {
            at++;
        }
        if (*at == ' ') {
            *at++ = '\0';
        }
    }
    return count;
}

int machine_open(const char *path, int writing)
{
    const uint32_t block[3] = {(uint32_t)path, writing ? 5 : 1, strlen(path)};

    return ask_host(OPEN, block);
}

size_t machine_read(int handle, void *buffer, size_t bytes)
{
    const uint32_t block[3] = {(uint32_t)handle, (uint32_t)buffer, bytes};

    return bytes - (size_t)ask_host(READ, block);
}

int machine_write(int handle, const void *buffer, size_t bytes)
{
    const uint32_t block[3] = {(uint32_t)handle, (uint32_t)buffer, bytes};

    return ask_host(WRITE, block) == 0;
}

void machine_close(int handle)
{
    const uint32_t block[1] = {(uint32_t)handle};

    ask_host(CLOSE, block);
}

void machine_print(const char *text)
{
    /* One handle for the whole run; ":tt" is the console. */
    static int console;

    if (console == 0) {
        const uint32_t block[3] = {(uint32_t)":tt", 4, 3};

        console = ask_host(OPEN, block);
    }
    machine_write(console, text, strlen(text));
}

void machine_print_number(uint32_t number)
{
    char digits[11];
    int at = 10;

    digits[10] = '\0';
    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number != 0);
    machine_print(digits + at);
}

void machine_print_figure(const char *name, uint32_t number)
{
    machine_print(name);
    machine_print(" ");
    machine_print_number(number);
    machine_print("\n");
}

uint32_t machine_parse(const char *word)
{
    uint32_t number = 0;

    for (; *word != '\0'; word++) {
        if (*word < '0' || *word > '9' || number > 100000000) {
            return 0;
        }
        number = number * 10 + (uint32_t)(*word - '0');
    }
    return number;
}

void machine_exit(int code)
{
    const uint32_t block[2] = {STOPPED_BY_APPLICATION, (uint32_t)code};

    for (;;) {
        ask_host(EXIT, block);
    }
}

void machine_fail(const char *what, const char *name)
{
    machine_print("error: ");
    machine_print(what);
    machine_print(name);
    machine_print("\n");
    machine_exit(2);
}

uint32_t machine_instructions(void)
{
    static uint32_t before = UINT32_MAX;
    const uint32_t now = TIMER_VALUE;
    const uint32_t ticks = before - now;

    before = now;
    return ticks / 8 * 5 + ticks % 8 * 5 / 8;
}

/* Written word by word below its own frame, so it must not be inlined and calls nothing. */
__attribute__((noinline)) void machine_paint_stack(void)
{
    volatile uint32_t *const end = (volatile uint32_t *)__builtin_frame_address(0) - 16;
    volatile uint32_t *word;

    for (word = &stack_bottom; word < end; word++) {
        *word = PAINT;
    }
}

__attribute__((noinline)) uint32_t machine_stack_used(void)
{
    const uint32_t here = (uint32_t)__builtin_frame_address(0);
    const uint32_t *word = &stack_bottom;

    while (*word == PAINT && (uint32_t)word < here) {
        word++;
    }
    return here - (uint32_t)word;
}
