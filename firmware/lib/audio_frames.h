/* Sound in frames, for a serial line or UDP to a host: a reader there finds the next frame after garbage and knows what
 * was lost. docs/formats.md describes the bytes; asr/runtime/framed.py reads them.
 *
 *     static AudioFrames frames;
 *     static uint8_t bytes[AUDIO_FRAMES_BYTES(320)];
 *     void audio_taken(const int16_t *samples, size_t count) {
 *         size_t size;
 *         if (audio_frames_write(&frames, samples, count, bytes, sizeof bytes, &size) == AUDIO_FRAMES_OK)
 *             send(bytes, size);
 *     }
 *
 * No heap; all state in the caller's struct. A frame is at most 1044 bytes, which one UDP datagram holds. */
#ifndef KEYWORD_AUDIO_FRAMES_H
#define KEYWORD_AUDIO_FRAMES_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define AUDIO_FRAMES_VERSION 1
#define AUDIO_FRAMES_MOST_SAMPLES 512u
#define AUDIO_FRAMES_BYTES(samples) (20u + 2u * (samples))

typedef enum {
    AUDIO_FRAMES_OK = 0,
    AUDIO_FRAMES_NULL_POINTER = 1, /* a required argument is NULL */
    AUDIO_FRAMES_BAD_COUNT = 2,    /* no samples, or more than a frame holds */
    AUDIO_FRAMES_NO_SPACE = 3      /* the frame does not fit in its buffer */
} AudioFramesError;

/* Owned by the caller; zero or audio_frames_reset begins a stream. */
typedef struct {
    uint32_t sequence; /* of the next frame, modulo 2^32 */
    uint32_t position; /* of its first sample in the stream, modulo 2^32 */
} AudioFrames;

/* Begin a stream anew: the reader takes the next frame for the first one of another stream. */
AudioFramesError audio_frames_reset(AudioFrames *frames);

/* Write the next frame.
 *
 * samples: int16 [count], 16 kHz mono.
 * bytes: of AUDIO_FRAMES_BYTES(count) or more; `size` says how many were written, 0 after an error. */
AudioFramesError audio_frames_write(AudioFrames *frames, const int16_t *samples, size_t count, uint8_t *bytes,
                                    size_t capacity, size_t *size);

/* Note samples that are not sent, so that the reader puts silence in their place. */
AudioFramesError audio_frames_skip(AudioFrames *frames, size_t count);

#ifdef __cplusplus
}
#endif
#endif
