/* Runs the network on every input in a file, and writes what it puts out: the runner alone, to be compared with
 * others byte by byte, and counted.
 *
 *     arguments: INPUTS OUTPUTS
 *     prints:    inferences N, instructions N (the mean of an inference), stack N (bytes of the deepest)
 */
#include "keyword_model.h"
#include "machine.h"

#include <string.h>

static int8_t input[KEYWORD_MODEL_INPUT_BYTES];
static int8_t arena[KEYWORD_MODEL_ARENA_BYTES];
static int8_t output[KEYWORD_MODEL_CLASSES];

/* A frame of its own, so that what is painted below is the runner's alone. */
__attribute__((noinline)) static NeuralNetworkError run(void)
{
    return neural_network_run(&keyword_model, input, sizeof input, output, sizeof output, arena, sizeof arena);
}

int main(void)
{
    static char line[1024];
    char *words[4];
    uint32_t inferences = 0;
    uint64_t instructions = 0;
    uint32_t stack;
    int from, to;

    if (machine_arguments(line, sizeof line, words, 4) != 3) {
        machine_fail("usage: inference INPUTS OUTPUTS", "");
    }
    from = machine_open(words[1], 0);
    to = machine_open(words[2], 1);
    if (from < 0 || to < 0) {
        machine_fail("cannot open ", from < 0 ? words[1] : words[2]);
    }
    machine_paint_stack();
    while (machine_read(from, input, sizeof input) == sizeof input) {
        NeuralNetworkError error;

        /* What the runner leaves behind must not matter. */
        memset(arena, (int)inferences, sizeof arena);
        machine_instructions();
        error = run();
        instructions += machine_instructions();
        if (error != NEURAL_NETWORK_OK) {
            machine_fail("the runner refuses the model", "");
        }
        if (!machine_write(to, output, sizeof output)) {
            machine_fail("cannot write ", words[2]);
        }
        inferences++;
    }
    stack = machine_stack_used();
    machine_close(to);
    machine_print_figure("inferences", inferences);
    machine_print_figure("instructions", inferences ? (uint32_t)(instructions / inferences) : 0);
    machine_print_figure("stack", stack);
    return 0;
}
