/* From feature slices to words heard: a ring of the last second, smoothing, thresholds and a pause after each word.
 *
 * Every `stride` slices the network looks at the last 49. A class's score is its output byte + 128, 0 to 255. A word
 * is heard where the sum of its last `window` scores is at least its threshold times `window` and is the largest of
 * those that are (of equal ones the first class); then nothing is heard for `suppression` slices. Integers only, no
 * heap, all state in a struct of the caller's. asr/keyword/detect.py does the same with the same numbers; thresholds
 * are fitted there.
 *
 * The network is called through a pointer, so that any runner will do; keyword.h takes neural_network.h's. */
#ifndef KEYWORD_DETECTOR_H
#define KEYWORD_DETECTOR_H

#include <stddef.h>
#include <stdint.h>

#include "frontend.h" /* the size of a slice, and how many the network sees */

#ifdef __cplusplus
extern "C" {
#endif

/* What there is room for. */
#ifndef DETECTOR_MOST_CLASSES
#define DETECTOR_MOST_CLASSES 16
#endif
#ifndef DETECTOR_MOST_WINDOW
#define DETECTOR_MOST_WINDOW 32 /* at most 257, for the sums have 16 bits */
#endif
#define DETECTOR_INPUT_BYTES (FRONTEND_SLICES * FRONTEND_CHANNELS)

typedef enum {
    DETECTOR_OK = 0,
    DETECTOR_NULL_POINTER = 1, /* an argument that must not be NULL is */
    DETECTOR_BAD_SETTINGS = 2, /* zero, or more than there is room for */
    DETECTOR_NETWORK = 3,      /* the network reported an error; the slice counts as heard without it */
    DETECTOR_NOT_RESET = 4     /* the state holds what detector_reset never wrote */
} DetectorError;

typedef struct {
    uint32_t slice; /* the newest one, counted from 0 at the reset; times 20 ms, when it was heard */
    uint8_t word;   /* class: an index of the model's words */
    uint8_t score;  /* mean over the window, rounded down; a probability times 256 */
} DetectorHeard;

typedef struct {
    /* Looks at int8 [49][40], oldest slice first, and writes int8 [classes]; 0 where that worked. */
    int (*run)(void *context, const int8_t *features, int8_t *scores);
    /* Told of every word, from within detector_push. May be NULL. */
    void (*heard)(void *context, const DetectorHeard *heard);
    void *context;              /* handed to both */
    const uint16_t *thresholds; /* [classes], 0 to 255; 256 is never reached, as silence and unknown need it */
    uint16_t suppression;       /* slices in which nothing is heard after a word */
    uint8_t classes;
    uint8_t stride;             /* slices from one look to the next */
    uint8_t window;             /* looks that are summed */
} DetectorSettings;

/* The caller owns it and reads nothing of it; 2.6 kB. */
typedef struct {
    int8_t features[DETECTOR_INPUT_BYTES];                      /* oldest slice first */
    uint8_t scores[DETECTOR_MOST_WINDOW][DETECTOR_MOST_CLASSES]; /* a ring of looks */
    uint16_t sums[DETECTOR_MOST_CLASSES];                       /* of the ring */
    DetectorSettings settings;
    uint32_t slices; /* taken since the reset, modulo 2^32 */
    uint32_t silent; /* slices for which nothing will be heard, the next one included */
    uint8_t missing; /* slices until the next look */
    uint8_t place;   /* in the ring, of the next look */
    uint8_t looks;   /* in the ring */
} Detector;

/* Start anew. A Detector must be reset before its first use; the settings are copied, what they point to is not. */
DetectorError detector_reset(Detector *detector, const DetectorSettings *settings);

/* Take one slice (int8 [40]); run the network and tell of a word where that is due.
 *
 * heard: NULL, or 1 is written where a word was heard in this slice and 0 where not. */
DetectorError detector_push(Detector *detector, const int8_t *slice, uint8_t *heard);

#ifdef __cplusplus
}
#endif
#endif
