/* RIFF WAVE: the chunks "fmt " and "data", others skipped. */
#include "wav.h"

#include <string.h>

#include "frontend.h"
#include "machine.h"

static uint32_t little_endian(const uint8_t *bytes, int count)
{
    uint32_t value = 0;

    while (count-- > 0) {
        value = value << 8 | bytes[count];
    }
    return value;
}

static void skip(const Wav *wav, uint32_t bytes)
{
    uint8_t block[64];

    while (bytes > 0) {
        const uint32_t now = bytes < sizeof block ? bytes : sizeof block;

        if (machine_read(wav->handle, block, now) != now) {
            return;
        }
        bytes -= now;
    }
}

Wav wav_open(const char *path)
{
    Wav wav = {machine_open(path, 0), 0};
    uint8_t header[16];
    int known = 0;

    if (wav.handle < 0) {
        machine_fail("cannot open ", path);
    }
    if (machine_read(wav.handle, header, 12) != 12 || memcmp(header, "RIFF", 4) != 0 ||
        memcmp(header + 8, "WAVE", 4) != 0) {
        machine_fail("no WAV file: ", path);
    }
    while (machine_read(wav.handle, header, 8) == 8) {
        const uint32_t bytes = little_endian(header + 4, 4);

        if (memcmp(header, "data", 4) == 0) {
            if (!known) {
                break;
            }
            wav.samples_left = bytes / 2;
            return wav;
        }
        if (memcmp(header, "fmt ", 4) == 0 && bytes >= 16) {
            if (machine_read(wav.handle, header, 16) != 16 || little_endian(header, 2) != 1 ||
                little_endian(header + 2, 2) != 1 || little_endian(header + 4, 4) != FRONTEND_SAMPLE_RATE ||
                little_endian(header + 14, 2) != 16) {
                machine_fail("not 16-bit mono PCM at 16 kHz: ", path);
            }
            known = 1;
            skip(&wav, bytes - 16 + (bytes & 1));
        } else {
            skip(&wav, bytes + (bytes & 1));
        }
    }
    machine_fail("no sound in ", path);
}

size_t wav_read(Wav *wav, int16_t *samples, size_t count)
{
    if (count > wav->samples_left) {
        count = wav->samples_left;
    }
    count = machine_read(wav->handle, samples, 2 * count) / 2;
    wav->samples_left = count == 0 ? 0 : wav->samples_left - count;
    return count;
}
