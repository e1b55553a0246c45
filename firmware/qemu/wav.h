/* Reads a WAV file of the host in blocks, as a microphone would give them. */
#ifndef WAV_H
#define WAV_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
    int handle;
    uint32_t samples_left;
} Wav;

/* Opens 16-bit mono sound at 16 kHz; ends the program with an error line where it is anything else. */
Wav wav_open(const char *path);
/* Samples read: `count`, or fewer at the end. */
size_t wav_read(Wav *wav, int16_t *samples, size_t count);

#endif
