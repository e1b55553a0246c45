/* From feature slices to detected words: a ring of the last second, smoothing, thresholds, suppression after a word.
 *
 * Every `stride` slices the network runs on the last 49. A class's score is its output byte + 128, 0 to 255. A word is
 * detected if the sum of its last `window` scores is at least its threshold times `window` and the largest of such sums
 * (the first class of equal ones); then nothing is detected for `suppression` slices. Integers only, no heap, all state
 * in the caller's struct. asr/keyword/detect.py computes the same numbers; thresholds are fitted there.
 *
 * The network is called through a pointer, so any runner can be used; keyword.h uses that of neural_network.h. */
#ifndef KEYWORD_DETECTOR_H
#define KEYWORD_DETECTOR_H

#include <stddef.h>
#include <stdint.h>

#include "frontend.h" /* size of a slice, slices of the network's input */

#ifdef __cplusplus
extern "C" {
#endif

/* Capacity. */
#ifndef DETECTOR_MOST_CLASSES
#define DETECTOR_MOST_CLASSES 16
#endif
#ifndef DETECTOR_MOST_WINDOW
#define DETECTOR_MOST_WINDOW 32 /* at most 257, because sums have 16 bits */
#endif
#define DETECTOR_INPUT_BYTES (FRONTEND_SLICES * FRONTEND_CHANNELS)

typedef enum {
    DETECTOR_OK = 0,
    DETECTOR_NULL_POINTER = 1, /* a required argument is NULL */
    DETECTOR_BAD_SETTINGS = 2, /* zero, or beyond the capacity */
    DETECTOR_NETWORK = 3,      /* the network failed; the slice is kept */
    DETECTOR_NOT_RESET = 4     /* detector_reset was not called */
} DetectorError;

typedef struct {
    uint32_t slice; /* newest slice, from 0 at the reset; times 20 ms, the time of detection */
    uint8_t word;   /* class: an index of the model's words */
    uint8_t score;  /* mean over the window, rounded down; a probability times 256 */
} DetectorHeard;

typedef struct {
    /* Reads int8 [49][40], oldest slice first, and writes int8 [classes]; returns 0 for success. */
    int (*run)(void *context, const int8_t *features, int8_t *scores);
    /* Callback for each detected word, called by detector_push. May be NULL. */
    void (*heard)(void *context, const DetectorHeard *heard);
    void *context;              /* passed to both */
    const uint16_t *thresholds; /* [classes], 0 to 255; 256, for silence and unknown, is never reached */
    uint16_t suppression;       /* slices without detection after a word */
    uint8_t classes;
    uint8_t stride;             /* slices between inferences */
    uint8_t window;             /* inferences that are summed */
} DetectorSettings;

/* Owned by the caller; its fields are private. 2.6 kB. */
typedef struct {
    int8_t features[DETECTOR_INPUT_BYTES];                      /* oldest slice first */
    uint8_t scores[DETECTOR_MOST_WINDOW][DETECTOR_MOST_CLASSES]; /* a ring of inferences */
    uint16_t sums[DETECTOR_MOST_CLASSES];                       /* of the ring */
    DetectorSettings settings;
    uint32_t slices; /* since the reset, modulo 2^32 */
    uint32_t silent; /* slices without detection, including the next one */
    uint8_t missing; /* slices until the next inference */
    uint8_t place;   /* of the next inference in the ring */
    uint8_t looks;   /* in the ring */
} Detector;

/* Reset all state; required before the first use. The settings are copied, but not the data they point to. */
DetectorError detector_reset(Detector *detector, const DetectorSettings *settings);

/* Take one slice (int8 [40]); run the network and tell of a word where that is due.
 *
 * heard: NULL, or 1 is written where a word was heard in this slice and 0 where not. */
DetectorError detector_push(Detector *detector, const int8_t *slice, uint8_t *heard);

#ifdef __cplusplus
}
#endif
#endif
