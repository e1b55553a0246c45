/* See average_frontend.h. A real transform of 512 is a complex one of 256 pairs, parted afterwards. A sample at full
 * scale is 2^21 in it, so that the sum of a whole window stays below 2^30. */
#include "average_frontend.h"

#include <string.h>

#include "average_tables.h"

enum {
    PAIRS = FRONTEND_BINS,
    QUARTER = 2 * PAIRS / 4,   /* of a turn, in steps of the sine's table */
    SAMPLE_BITS = 21,          /* full scale is 1 << SAMPLE_BITS */
    GROUP = 6
};

/* sin and cos of n / 512 of a turn for 0 <= n <= 256, in units of 2^-30. */
static int32_t sine(unsigned n) { return SINE[n <= QUARTER ? n : 2 * QUARTER - n]; }
static int32_t cosine(unsigned n) { return n <= QUARTER ? SINE[QUARTER - n] : -SINE[n - QUARTER]; }

static int32_t times(int32_t x, int32_t factor) {
    return (int32_t)(((int64_t)x * factor + (1 << 29)) >> 30);
}

/* The complex transform of what lies in `real` and `imaginary` in the order of reversed bits, in place. */
static void transform(int32_t *real, int32_t *imaginary) {
    unsigned length, start, k;
    for (length = 1; length < PAIRS; length *= 2) {
        for (k = 0; k < length; ++k) {
            const unsigned turn = k * (PAIRS / length); /* of 512, as the tables count */
            const int32_t c = cosine(turn), s = -sine(turn);
            for (start = k; start < PAIRS; start += 2 * length) {
                const unsigned other = start + length;
                const int32_t r = times(real[other], c) - times(imaginary[other], s);
                const int32_t i = times(real[other], s) + times(imaginary[other], c);
                real[other] = real[start] - r;
                imaginary[other] = imaginary[start] - i;
                real[start] += r;
                imaginary[start] += i;
            }
        }
    }
}

/* The power of one frequency of the real transform; full scale of a sample squared is 2^42. */
static uint64_t power(const AverageFrontend *average, unsigned k) {
    const unsigned mirrored = (PAIRS - k) % PAIRS;
    /* Halves of the transforms of the even and the odd samples, doubled. */
    const int32_t even_real = average->real[k] + average->real[mirrored];
    const int32_t even_imaginary = average->imaginary[k] - average->imaginary[mirrored];
    const int32_t odd_real = average->imaginary[k] + average->imaginary[mirrored];
    const int32_t odd_imaginary = average->real[mirrored] - average->real[k];
    const int32_t c = cosine(k), s = -sine(k);
    const int64_t real = even_real + times(odd_real, c) - times(odd_imaginary, s);
    const int64_t imaginary = even_imaginary + times(odd_real, s) + times(odd_imaginary, c);
    return ((uint64_t)(real * real) + (uint64_t)(imaginary * imaginary)) >> 2;
}

/* A sample times the window, which is symmetric and in units of 2^-30. */
static int32_t windowed(const int16_t *samples, unsigned n) {
    const int32_t factor = PERIODIC_HANN[n <= FRONTEND_WINDOW / 2 ? n : FRONTEND_WINDOW - n];
    return (int32_t)(((int64_t)samples[n] * factor + (1 << (44 - SAMPLE_BITS))) >> (45 - SAMPLE_BITS));
}

static void make_slice(AverageFrontend *average, uint8_t *slice) {
    unsigned n, bucket, bit;
    memset(average->real, 0, sizeof average->real);
    memset(average->imaginary, 0, sizeof average->imaginary);
    for (n = 0; n < FRONTEND_WINDOW / 2; ++n) {
        unsigned place = 0;
        for (bit = 1; bit < PAIRS; bit *= 2) place = place << 1 | ((n & bit) != 0);
        average->real[place] = windowed(average->samples, 2 * n);
        average->imaginary[place] = windowed(average->samples, 2 * n + 1);
    }
    transform(average->real, average->imaginary);
    for (bucket = 0; bucket < AVERAGE_BUCKETS; ++bucket) {
        const unsigned first = GROUP * bucket;
        uint64_t total = 0;
        for (n = first; n < first + GROUP && n < PAIRS; ++n) total += power(average, n);
        /* round(total / 6 * 255 / 127.5): a third, with half of a third's unit added. */
        total = (total + ((uint64_t)(GROUP / 2) << (2 * SAMPLE_BITS - 1))) >> (2 * SAMPLE_BITS);
        slice[bucket] = (uint8_t)(total < 255u * (GROUP / 2) ? (uint32_t)total / (GROUP / 2) : 255u);
    }
}

FrontendError average_reset(AverageFrontend *average) {
    if (average == NULL) return FRONTEND_NULL_POINTER;
    memset(average, 0, sizeof *average);
    return FRONTEND_OK;
}

size_t average_slices(const AverageFrontend *average, size_t count) {
    size_t missing;
    if (average == NULL || average->filled >= FRONTEND_WINDOW) return 0;
    missing = FRONTEND_WINDOW - average->filled;
    return count < missing ? 0 : (count - missing) / FRONTEND_STEP + 1;
}

FrontendError average_process(AverageFrontend *average, const int16_t *samples, size_t count, uint8_t *slices,
                              size_t capacity, size_t *made) {
    size_t done = 0;
    if (made == NULL) return FRONTEND_NULL_POINTER;
    *made = 0;
    if (average == NULL || (samples == NULL && count != 0)) return FRONTEND_NULL_POINTER;
    if (average->filled >= FRONTEND_WINDOW) return FRONTEND_NOT_RESET;
    if (average_slices(average, count) > capacity) return FRONTEND_NO_ROOM;
    if (capacity != 0 && slices == NULL) return FRONTEND_NULL_POINTER;
    while (count != 0) {
        const size_t missing = FRONTEND_WINDOW - average->filled;
        const size_t taken = count < missing ? count : missing;
        memcpy(average->samples + average->filled, samples, taken * sizeof *samples);
        average->filled += (uint32_t)taken;
        samples += taken;
        count -= taken;
        if (average->filled == FRONTEND_WINDOW) {
            make_slice(average, slices + done * AVERAGE_BUCKETS);
            memmove(average->samples, average->samples + FRONTEND_STEP,
                    (FRONTEND_WINDOW - FRONTEND_STEP) * sizeof *samples);
            average->filled = FRONTEND_WINDOW - FRONTEND_STEP;
            ++done;
        }
    }
    *made = done;
    return FRONTEND_OK;
}
