/* The older features of micro_speech, preprocess = "average": power spectra, six neighbours averaged.
 *
 * Every 20 ms a window of 30 ms (Hann, padded with zeros to 512) becomes the powers of 256 frequencies, and groups
 * of six of them become 43 bytes: 255 stands for a mean power of 127.5, where full scale of a sample is 1. The last
 * group has four frequencies and is divided by six all the same.
 *
 * Follows simple_features_generator.cc of TensorFlow Lite Micro (Apache-2.0, Copyright The TensorFlow Authors), in
 * integers: window and transform have 32 bits, so a byte differs from that of exact arithmetic only where this lies
 * within 0.001 of a rounding boundary. */
#ifndef KEYWORD_AVERAGE_FRONTEND_H
#define KEYWORD_AVERAGE_FRONTEND_H

#include <stddef.h>
#include <stdint.h>

#include "frontend.h" /* settings and error codes */

#ifdef __cplusplus
extern "C" {
#endif

#define AVERAGE_BUCKETS 43

/* The caller owns it and reads nothing of it; 3 kB. */
typedef struct {
    int32_t real[FRONTEND_BINS], imaginary[FRONTEND_BINS]; /* scratch of one slice */
    int16_t samples[FRONTEND_WINDOW];                      /* those that the next window begins with */
    uint32_t filled;                                       /* how many of them there are */
} AverageFrontend;

/* As the functions of the same names in frontend.h. */
FrontendError average_reset(AverageFrontend *average);
size_t average_slices(const AverageFrontend *average, size_t count);
FrontendError average_process(AverageFrontend *average, const int16_t *samples, size_t count, uint8_t *slices,
                              size_t capacity, size_t *made);

#ifdef __cplusplus
}
#endif
#endif
