/* Throws random settings, slices, scores and states at the detector: to be compiled with the address and undefined
 * behaviour sanitizers.
 *
 *     fuzz_detector RUNS SEED
 *
 * A run is one slice. Prints how many calls were refused, how many words were heard, and a checksum. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "detector.h"
#include "fuzz_random.h"

static uint8_t classes;
static unsigned long heard;
static uint32_t checksum;

static void fail(const char *what) {
    fprintf(stderr, "%s\n", what);
    exit(1);
}

/* A network: reads all of its input and writes all of its output, and sometimes fails. */
static int run_network(void *context, const int8_t *features, int8_t *scores) {
    unsigned n;
    (void)context;
    for (n = 0; n < DETECTOR_INPUT_BYTES; n += 7) checksum = checksum * 31u + (uint8_t)features[n];
    for (n = 0; n < classes; ++n) scores[n] = (int8_t)(below(4) == 0 ? 127 : (int32_t)below(256) - 128);
    return below(50) == 0;
}

static void tell(void *context, const DetectorHeard *what) {
    (void)context;
    if (what->word >= classes) fail("a class was heard that is not there");
    checksum = checksum * 31u + what->slice + what->word + what->score;
    ++heard;
}

int main(int argc, char **argv) {
    const unsigned long runs = argc > 1 ? strtoul(argv[1], NULL, 10) : 1000;
    unsigned long run = 0, refused = 0;
    state = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 1;
    if (state == 0) state = 1;
    while (run < runs) {
        Detector *detector = malloc(sizeof *detector);
        int8_t *slice = malloc(FRONTEND_CHANNELS);
        uint16_t *thresholds;
        DetectorSettings settings;
        DetectorError error;
        unsigned n;
        uint32_t length;
        classes = (uint8_t)(below(20) == 0 ? below(256) : 1 + below(DETECTOR_MOST_CLASSES));
        thresholds = malloc(classes * sizeof *thresholds + (classes == 0));
        for (n = 0; n < classes; ++n) thresholds[n] = (uint16_t)(below(10) == 0 ? any() : below(257));
        settings.run = below(50) == 0 ? NULL : run_network;
        settings.heard = below(10) == 0 ? NULL : tell;
        settings.context = NULL;
        settings.thresholds = below(50) == 0 ? NULL : thresholds;
        settings.suppression = (uint16_t)(below(10) == 0 ? any() : below(60));
        settings.classes = classes;
        settings.stride = (uint8_t)(below(20) == 0 ? any() : 1 + below(4));
        settings.window = (uint8_t)(below(20) == 0 ? any() : 1 + below(DETECTOR_MOST_WINDOW));
        for (n = 0; n < sizeof *detector; ++n) ((uint8_t *)detector)[n] = (uint8_t)any();
        error = detector_reset(below(100) == 0 ? NULL : detector, &settings);
        length = error == DETECTOR_OK ? 50 + below(1000) : 1;
        if (error != DETECTOR_OK) ++refused;
        for (; length != 0 && run < runs; --length, ++run) {
            uint8_t flag = 9;
            const unsigned long before = heard;
            if (error != DETECTOR_OK) continue;
            for (n = 0; n < FRONTEND_CHANNELS; ++n) slice[n] = (int8_t)any();
            if (below(500) == 0) {
                if (detector_push(detector, NULL, &flag) != DETECTOR_NULL_POINTER || flag != 0) fail("NULL was taken");
                if (detector_push(NULL, slice, NULL) != DETECTOR_NULL_POINTER) fail("NULL was taken");
                flag = 9;
            }
            switch (detector_push(detector, slice, below(5) == 0 ? NULL : &flag)) {
            case DETECTOR_OK:
            case DETECTOR_NETWORK:
                break;
            default:
                fail("a sound slice was refused");
            }
            if (settings.heard != NULL && flag != 9 && heard != before + flag) fail("the flag and the call differ");
            /* The counters of a state that was written over lead nowhere outside of it. */
            if (below(5000) == 0) {
                detector->place = (uint8_t)any();
                detector->looks = (uint8_t)any();
                detector->missing = (uint8_t)any();
                (void)detector_push(detector, slice, NULL);
                length = 1;
            }
        }
        free(detector);
        free(slice);
        free(thresholds);
    }
    printf("%lu runs, %lu refused, %lu words heard, checksum %08lx\n", runs, refused, heard, (unsigned long)checksum);
    return 0;
}
