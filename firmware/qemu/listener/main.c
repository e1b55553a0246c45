/* Listens to a WAV file in blocks of a microphone's size, and prints what it hears and when.
 *
 *     arguments: WAV [SAMPLES IN A BLOCK]
 *     prints:    heard WORD 0.93 @1234 ms, slice N, score N      for each word
 *                samples N, blocks N, instructions N (the mean for 20 ms of sound, the first second left out),
 *                most N (the largest of a block), stack N (bytes of the deepest)
 */
#include "listener.h"
#include "machine.h"
#include "wav.h"

static uint64_t printing;

static void heard(void *context, const char *word, const DetectorHeard *what)
{
    /* Printing is the host's affair: it is not counted. */
    const uint32_t hundredths = (what->score * 100u + 128u) / 256u;

    (void)context;
    printing += machine_instructions();
    machine_print("heard ");
    machine_print(word);
    machine_print(hundredths < 10 ? " 0.0" : " 0.");
    machine_print_number(hundredths > 99 ? 99 : hundredths);
    machine_print(" @");
    /* The end of the slice that made it sure. */
    machine_print_number(what->slice * (1000u * FRONTEND_STEP / FRONTEND_SAMPLE_RATE) +
                         1000u * FRONTEND_WINDOW / FRONTEND_SAMPLE_RATE);
    machine_print(" ms, slice ");
    machine_print_number(what->slice);
    machine_print(", score ");
    machine_print_number(what->score);
    machine_print("\n");
    machine_instructions();
}

int main(void)
{
    static char line[1024];
    char *words[4];
    const int count = machine_arguments(line, sizeof line, words, 4);
    const size_t size = count == 3 ? machine_parse(words[2]) : LISTENER_BLOCK;
    uint32_t samples = 0, counted = 0, blocks = 0, most = 0, stack;
    uint64_t instructions = 0;
    size_t now;
    Wav wav;

    if (count < 2 || count > 3 || size < 1 || size > LISTENER_BLOCK) {
        machine_fail("usage: listener WAV [SAMPLES IN A BLOCK, AT MOST 320]", "");
    }
    wav = wav_open(words[1]);
    if (!listener_start(heard, NULL)) {
        machine_fail("the detector refuses the model's settings", "");
    }
    machine_paint_stack();
    while ((now = wav_read(&wav, listener_block, size)) > 0) {
        uint32_t taken;

        printing = 0;
        machine_instructions();
        if (!listener_hear(now)) {
            machine_fail("the detector refuses a block", "");
        }
        taken = machine_instructions() + (uint32_t)printing;
        /* The network is not asked before it has a second to look at, which would flatter the mean. */
        if (samples >= FRONTEND_SAMPLE_RATE) {
            instructions += taken;
            counted += (uint32_t)now;
        }
        most = taken > most ? taken : most;
        samples += (uint32_t)now;
        blocks++;
    }
    stack = machine_stack_used();
    machine_print_figure("samples", samples);
    machine_print_figure("blocks", blocks);
    machine_print_figure("instructions", counted ? (uint32_t)(instructions * FRONTEND_STEP / counted) : 0);
    machine_print_figure("most", most);
    machine_print_figure("stack", stack);
    return 0;
}
