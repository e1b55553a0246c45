/* Throws random sound, random blocks and wrong arguments at both frontends, with buffers of exactly the size that is
 * asked for: to be compiled with the address and undefined behaviour sanitizers.
 *
 *     fuzz_frontend RUNS SEED
 *
 * A run is one call. Prints how many were refused, how many slices came out, and a checksum of them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "average_frontend.h"
#include "frontend.h"
#include "fuzz_random.h"

/* Silence, full scale, extremes only, clicks, or noise of some level. */
static void fill(int16_t *samples, size_t count) {
    const uint32_t kind = below(6), shift = below(16);
    size_t at;
    for (at = 0; at < count; ++at) {
        const uint32_t value = any();
        if (kind == 0) samples[at] = 0;
        else if (kind == 1) samples[at] = (int16_t)((value & 1u) != 0 ? 32767 : -32768);
        else if (kind == 2) samples[at] = -32768;
        else if (kind == 3) samples[at] = (int16_t)(value % 100u == 0 ? (int32_t)(value >> 16) - 32768 : 0);
        else samples[at] = (int16_t)(((int32_t)(value >> 16) - 32768) / (1 << shift));
    }
}

static void fail(const char *what) {
    fprintf(stderr, "%s\n", what);
    exit(1);
}

int main(int argc, char **argv) {
    const unsigned long runs = argc > 1 ? strtoul(argv[1], NULL, 10) : 1000;
    Frontend *frontend = malloc(sizeof *frontend);
    AverageFrontend *average = malloc(sizeof *average);
    unsigned long run, refused = 0, slices = 0;
    uint32_t checksum = 0;
    state = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 1;
    if (state == 0) state = 1;
    frontend_reset(frontend);
    average_reset(average);
    for (run = 0; run < runs; ++run) {
        const size_t count = below(8) == 0 ? below(1500) : below(200);
        const uint32_t entry = below(3), wrong = below(40), width = entry == 2 ? AVERAGE_BUCKETS : FRONTEND_CHANNELS;
        const size_t due = entry == 2 ? average_slices(average, count) : frontend_slices(frontend, count);
        const size_t capacity = wrong == 0 ? below((uint32_t)due + 1) : due + below(2);
        const size_t bytes = capacity * width * (entry == 1 ? 2u : 1u);
        int16_t *samples = malloc(count * sizeof *samples + (count == 0));
        uint8_t *out = malloc(bytes + (bytes == 0));
        size_t made = 77, *told = wrong == 1 ? NULL : &made, at;
        const int16_t *from = wrong == 2 ? NULL : samples;
        void *to = wrong == 3 ? NULL : out;
        FrontendError error;
        fill(samples, count);
        if (entry == 0) error = frontend_process(wrong == 4 ? NULL : frontend, from, count, to, capacity, told);
        else if (entry == 1)
            error = frontend_process_values(wrong == 4 ? NULL : frontend, from, count, (uint16_t *)to, capacity, told);
        else error = average_process(wrong == 4 ? NULL : average, from, count, to, capacity, told);
        if (error == FRONTEND_OK) {
            if (made != due) fail("other slices came out than were due");
            for (at = 0; at < made * width * (entry == 1 ? 2u : 1u); ++at) checksum = checksum * 31u + out[at];
            slices += made;
        } else {
            ++refused;
            if (told != NULL && made != 0) fail("slices came out of a call that was refused");
            if (wrong > 4) fail("a sound call was refused");
        }
        free(samples);
        free(out);
        if (below(5000) == 0) {
            /* Whatever lay in the state before, a reset makes it sound, and without one nothing is written beyond. */
            size_t n;
            uint8_t *const byte = (uint8_t *)frontend;
            int8_t slice[FRONTEND_CHANNELS];
            int16_t block[FRONTEND_STEP] = {0};
            for (n = 0; n < sizeof *frontend; ++n) byte[n] = (uint8_t)any();
            if (frontend->filled >= FRONTEND_WINDOW &&
                frontend_process(frontend, block, FRONTEND_STEP, slice, 1, &made) != FRONTEND_NOT_RESET)
                fail("a state that was never reset was taken");
            frontend->filled = below(FRONTEND_WINDOW);
            if (frontend_process(frontend, block, FRONTEND_STEP, slice, 1, &made) != FRONTEND_OK)
                fail("a state of any sound was refused");
            frontend_reset(frontend);
            average_reset(average);
        }
    }
    if (frontend_reset(NULL) != FRONTEND_NULL_POINTER || average_reset(NULL) != FRONTEND_NULL_POINTER ||
        frontend_slices(NULL, 1000) != 0 || average_slices(NULL, 1000) != 0)
        fail("NULL was taken");
    printf("%lu runs, %lu refused, %lu slices, checksum %08lx\n", runs, refused, slices, (unsigned long)checksum);
    free(frontend);
    free(average);
    return 0;
}
