/* See detector.h. */
#include "detector.h"

#include <string.h>

static int is_usable(const DetectorSettings *settings) {
    return settings->run != NULL && settings->thresholds != NULL && settings->classes != 0 &&
           settings->classes <= DETECTOR_MOST_CLASSES && settings->stride != 0 && settings->window != 0 &&
           settings->window <= DETECTOR_MOST_WINDOW;
}

DetectorError detector_reset(Detector *detector, const DetectorSettings *settings) {
    if (detector == NULL || settings == NULL) return DETECTOR_NULL_POINTER;
    if (!is_usable(settings)) return DETECTOR_BAD_SETTINGS;
    memset(detector, 0, sizeof *detector);
    detector->settings = *settings;
    detector->missing = FRONTEND_SLICES;
    return DETECTOR_OK;
}

/* Replace the oldest scores in the ring, and update the sums. */
static void remember(Detector *detector, const int8_t *outputs) {
    const DetectorSettings *settings = &detector->settings;
    uint8_t *row = detector->scores[detector->place];
    unsigned n;
    for (n = 0; n < settings->classes; ++n) {
        const uint8_t score = (uint8_t)(outputs[n] + 128);
        detector->sums[n] = (uint16_t)(detector->sums[n] - row[n] + score);
        row[n] = score;
    }
    detector->place = (uint8_t)(detector->place + 1 == settings->window ? 0 : detector->place + 1);
    if (detector->looks < settings->window) ++detector->looks;
}

/* The class that reaches its threshold with the largest sum; `classes` if none does. */
static unsigned choose(const Detector *detector) {
    const DetectorSettings *settings = &detector->settings;
    unsigned best = settings->classes, n;
    for (n = 0; n < settings->classes; ++n) {
        if (detector->sums[n] < (uint32_t)settings->thresholds[n] * settings->window) continue;
        if (best == settings->classes || detector->sums[n] > detector->sums[best]) best = n;
    }
    return best;
}

DetectorError detector_push(Detector *detector, const int8_t *slice, uint8_t *heard) {
    int8_t outputs[DETECTOR_MOST_CLASSES] = {0};
    const DetectorSettings *settings;
    DetectorHeard told;
    unsigned best;
    if (heard != NULL) *heard = 0;
    if (detector == NULL || slice == NULL) return DETECTOR_NULL_POINTER;
    settings = &detector->settings;
    if (!is_usable(settings) || detector->missing == 0 || detector->place >= settings->window ||
        detector->looks > settings->window)
        return DETECTOR_NOT_RESET;
    memmove(detector->features, detector->features + FRONTEND_CHANNELS, DETECTOR_INPUT_BYTES - FRONTEND_CHANNELS);
    memcpy(detector->features + DETECTOR_INPUT_BYTES - FRONTEND_CHANNELS, slice, FRONTEND_CHANNELS);
    told.slice = detector->slices++;
    if (detector->silent != 0) --detector->silent;
    if (--detector->missing != 0) return DETECTOR_OK;
    detector->missing = settings->stride;
    if (settings->run(settings->context, detector->features, outputs) != 0) return DETECTOR_NETWORK;
    remember(detector, outputs);
    if (detector->looks < settings->window || detector->silent != 0) return DETECTOR_OK;
    best = choose(detector);
    if (best == settings->classes) return DETECTOR_OK;
    detector->silent = settings->suppression + 1u; /* the next slice decrements it first */
    told.word = (uint8_t)best;
    told.score = (uint8_t)(detector->sums[best] / settings->window);
    if (heard != NULL) *heard = 1;
    if (settings->heard != NULL) settings->heard(settings->context, &told);
    return DETECTOR_OK;
}
