/* Writes the frames of a WAV file, as a board would send them.
 *
 *     arguments: WAV FRAMES [SAMPLES IN A BLOCK]
 *     prints:    frames N, instructions N (the mean of a frame), stack N (bytes of the deepest)
 */
#include "audio_frames.h"
#include "machine.h"
#include "wav.h"

enum { BLOCK = 320 };

static AudioFrames frames;
static int16_t block[BLOCK];
static uint8_t bytes[AUDIO_FRAMES_BYTES(BLOCK)];

int main(void)
{
    static char line[1024];
    char *words[5];
    const int count = machine_arguments(line, sizeof line, words, 5);
    const size_t size = count == 4 ? machine_parse(words[3]) : BLOCK;
    uint32_t written = 0;
    uint64_t instructions = 0;
    uint32_t stack;
    size_t samples;
    Wav wav;
    int to;

    if (count < 3 || count > 4 || size < 1 || size > BLOCK) {
        machine_fail("usage: frames WAV FRAMES [SAMPLES IN A BLOCK, AT MOST 320]", "");
    }
    wav = wav_open(words[1]);
    to = machine_open(words[2], 1);
    if (to < 0) {
        machine_fail("cannot open ", words[2]);
    }
    audio_frames_reset(&frames);
    machine_paint_stack();
    while ((samples = wav_read(&wav, block, size)) > 0) {
        size_t made = 0;

        machine_instructions();
        if (audio_frames_write(&frames, block, samples, bytes, sizeof bytes, &made) != AUDIO_FRAMES_OK) {
            machine_fail("a block makes no frame", "");
        }
        instructions += machine_instructions();
        if (!machine_write(to, bytes, made)) {
            machine_fail("cannot write ", words[2]);
        }
        written++;
    }
    stack = machine_stack_used();
    machine_close(to);
    machine_print_figure("frames", written);
    machine_print_figure("instructions", written ? (uint32_t)(instructions / written) : 0);
    machine_print_figure("stack", stack);
    return 0;
}
