/* Keyword spotting: the one header to include. It connects frontend, network and detector for the exported model.
 *
 *     #include "keyword.h"
 *
 *     static Keyword keyword;
 *     static int16_t block[KEYWORD_BLOCK];
 *
 *     static void heard(void *context, const char *word, const DetectorHeard *what) { puts(word); }
 *
 *     int main(void) {
 *         keyword_reset(&keyword, heard, NULL);
 *         for (;;) keyword_listen(&keyword, block, microphone_read(block, KEYWORD_BLOCK));
 *     }
 *
 * keyword_model.h and keyword_model.c come from the workspace: build/export/keyword. */
#ifndef KEYWORD_H
#define KEYWORD_H

#include "detector.h"
#include "frontend.h"
#include "keyword_model.h"
#include "neural_network.h"

#if defined(KEYWORD_MODEL_FRONTEND) && KEYWORD_MODEL_FRONTEND != FRONTEND_FINGERPRINT
#error "keyword_model.h was trained on the features of another frontend.c: export it again, or take its frontend"
#endif
#if KEYWORD_MODEL_SAMPLE_RATE != FRONTEND_SAMPLE_RATE || KEYWORD_MODEL_WINDOW != FRONTEND_WINDOW || \
    KEYWORD_MODEL_STEP != FRONTEND_STEP || KEYWORD_MODEL_CHANNELS != FRONTEND_CHANNELS ||           \
    KEYWORD_MODEL_SLICES != FRONTEND_SLICES
#error "keyword_model.h was trained with other feature settings than this frontend has"
#endif
#if KEYWORD_MODEL_CLASSES > DETECTOR_MOST_CLASSES || KEYWORD_MODEL_AVERAGE > DETECTOR_MOST_WINDOW
#error "the detector has no room for this model: define DETECTOR_MOST_CLASSES and DETECTOR_MOST_WINDOW larger"
#endif

#ifdef __cplusplus
extern "C" {
#endif

#define KEYWORD_BLOCK FRONTEND_STEP /* samples of one slice */

/* Callback for a detected word, called by keyword_listen. */
typedef void (*KeywordHeard)(void *context, const char *word, const DetectorHeard *heard);

/* Owned by the caller; its fields are private. */
typedef struct {
    Frontend frontend;
    Detector detector;
    KeywordHeard heard;
    void *context;
    int8_t arena[KEYWORD_MODEL_ARENA_BYTES];
} Keyword;

static inline int keyword_run(void *context, const int8_t *features, int8_t *scores) {
    Keyword *keyword = (Keyword *)context;
    return (int)neural_network_run(&keyword_model, features, DETECTOR_INPUT_BYTES, scores, KEYWORD_MODEL_CLASSES,
                                   keyword->arena, sizeof keyword->arena);
}

static inline void keyword_tell(void *context, const DetectorHeard *heard) {
    Keyword *keyword = (Keyword *)context;
    if (keyword->heard != NULL) keyword->heard(keyword->context, keyword_model_words[heard->word], heard);
}

/* Reset all state. */
static inline DetectorError keyword_reset(Keyword *keyword, KeywordHeard heard, void *context) {
    DetectorSettings settings;
    if (keyword == NULL) return DETECTOR_NULL_POINTER;
    keyword->heard = heard;
    keyword->context = context;
    (void)frontend_reset(&keyword->frontend);
    settings.run = keyword_run;
    settings.heard = keyword_tell;
    settings.context = keyword;
    settings.thresholds = keyword_model_thresholds;
    settings.suppression = KEYWORD_MODEL_SUPPRESSION;
    settings.classes = KEYWORD_MODEL_CLASSES;
    settings.stride = KEYWORD_MODEL_STRIDE;
    settings.window = KEYWORD_MODEL_AVERAGE;
    return detector_reset(&keyword->detector, &settings);
}

/* Process samples (16 kHz, mono, any number) and report the words in them. */
static inline DetectorError keyword_listen(Keyword *keyword, const int16_t *samples, size_t count) {
    DetectorError result = DETECTOR_OK;
    if (keyword == NULL || (samples == NULL && count != 0)) return DETECTOR_NULL_POINTER;
    while (count != 0 && result == DETECTOR_OK) {
        const size_t taken = count < FRONTEND_STEP ? count : FRONTEND_STEP;
        int8_t slice[FRONTEND_CHANNELS];
        size_t made = 0;
        /* A step of samples makes one slice at most, so that there is room, and a reset Frontend refuses nothing. */
        if (frontend_process(&keyword->frontend, samples, taken, slice, 1, &made) != FRONTEND_OK)
            return DETECTOR_NOT_RESET;
        if (made != 0) result = detector_push(&keyword->detector, slice, NULL);
        samples += taken;
        count -= taken;
    }
    return result;
}

#ifdef __cplusplus
}
#endif
#endif
