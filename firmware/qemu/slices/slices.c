/* Writes the feature slices of a WAV file: the frontend alone, to be compared and counted.
 *
 *     arguments: WAV SLICES [SAMPLES IN A BLOCK]
 *     prints:    slices N, instructions N (the mean of a slice), stack N (bytes of the deepest)
 */
#include "frontend.h"
#include "machine.h"
#include "wav.h"

enum { BLOCK = 320 };

static Frontend frontend;
static int16_t block[BLOCK];
static int8_t slice[FRONTEND_CHANNELS];

__attribute__((noinline)) static FrontendError process(size_t count, size_t *made)
{
    return frontend_process(&frontend, block, count, slice, 1, made);
}

int main(void)
{
    static char line[1024];
    char *words[5];
    const int count = machine_arguments(line, sizeof line, words, 5);
    const size_t size = count == 4 ? machine_parse(words[3]) : BLOCK;
    uint32_t slices = 0;
    uint64_t instructions = 0;
    uint32_t stack;
    size_t samples;
    Wav wav;
    int to;

    if (count < 3 || count > 4 || size < 1 || size > BLOCK) {
        machine_fail("usage: slices WAV SLICES [SAMPLES IN A BLOCK, AT MOST 320]", "");
    }
    wav = wav_open(words[1]);
    to = machine_open(words[2], 1);
    if (to < 0) {
        machine_fail("cannot open ", words[2]);
    }
    frontend_reset(&frontend);
    machine_paint_stack();
    while ((samples = wav_read(&wav, block, size)) > 0) {
        size_t made = 0;

        machine_instructions();
        if (process(samples, &made) != FRONTEND_OK) {
            machine_fail("the frontend refuses a block", "");
        }
        instructions += machine_instructions();
        if (made > 0 && !machine_write(to, slice, sizeof slice)) {
            machine_fail("cannot write ", words[2]);
        }
        slices += (uint32_t)made;
    }
    stack = machine_stack_used();
    machine_close(to);
    machine_print_figure("slices", slices);
    machine_print_figure("instructions", slices ? (uint32_t)(instructions / slices) : 0);
    machine_print_figure("stack", stack);
    return 0;
}
