/* The keyword frontend: from samples to the feature slices that the network was trained on.
 *
 * Every 20 ms a window of 30 ms becomes a slice of 40 values: a Hann window, an FFT of 512 with 16 bits, a mel
 * filterbank from 125 to 7500 Hz, noise reduction, gain control (PCAN) and a logarithm. Its output is
 * bit-exact with TensorFlow Lite Micro's microfrontend with the settings of micro_speech. Integers only, no heap, all
 * state in the caller's struct.
 *
 * Source of the algorithm: tensorflow/lite/experimental/microfrontend/lib (Apache-2.0, Copyright The TensorFlow
 * Authors), and KISS FFT (BSD-3-Clause, Copyright Mark Borgerding) within it. */
#ifndef KEYWORD_FRONTEND_H
#define KEYWORD_FRONTEND_H

#include <stddef.h>
#include <stdint.h>

/* FRONTEND_SAMPLE_RATE (Hz), FRONTEND_WINDOW and FRONTEND_STEP (samples), FRONTEND_CHANNELS, FRONTEND_SLICES (of
 * one second) and FRONTEND_FINGERPRINT. */
#include "frontend_tables.h"

#ifdef __cplusplus
extern "C" {
#endif

#define FRONTEND_BINS 256

typedef enum {
    FRONTEND_OK = 0,
    FRONTEND_NULL_POINTER = 1, /* a required argument is NULL */
    FRONTEND_NO_ROOM = 2,      /* more slices than fit; no samples were consumed */
    FRONTEND_NOT_RESET = 3     /* frontend_reset was not called */
} FrontendError;

/* Of the spectrum, and then its energy. */
typedef union {
    struct {
        int16_t real, imaginary;
    } value;
    uint32_t energy;
} FrontendBin;

/* The caller owns it and reads nothing of it; 2.2 kB. */
typedef struct {
    FrontendBin bins[FRONTEND_BINS];  /* scratch of one slice */
    uint32_t noise[FRONTEND_CHANNELS]; /* estimate of each channel, times 1024 */
    int16_t samples[FRONTEND_WINDOW];  /* those that the next window begins with */
    uint32_t filled;                   /* how many of them there are */
} Frontend;

/* Start anew, as if nothing had been heard. A Frontend must be reset before its first use. */
FrontendError frontend_reset(Frontend *frontend);

/* FRONTEND_FINGERPRINT, for who does not compile C. */
uint32_t frontend_fingerprint(void);

/* How many slices come out when `count` more samples go in; 0 where `frontend` is NULL. */
size_t frontend_slices(const Frontend *frontend, size_t count);

/* Take `count` samples (16 kHz, mono; any number, also none) and write the slices that are due.
 *
 * slices: room for `capacity` slices of 40 int8 values, one slice after the other: -128 is silence, 127 the
 *         loudest; as real values (q + 128) * 26 / 256.
 * made:   how many slices were written.
 *
 * A call with 320 samples or fewer makes one slice at most. */
FrontendError frontend_process(Frontend *frontend, const int16_t *samples, size_t count, int8_t *slices,
                               size_t capacity, size_t *made);

/* The same before it is scaled to int8: the microfrontend's own uint16 values, 0 to about 670. */
FrontendError frontend_process_values(Frontend *frontend, const int16_t *samples, size_t count,
                                      uint16_t *slices, size_t capacity, size_t *made);

#ifdef __cplusplus
}
#endif
#endif
