/* See frontend.h. Stages and rounding are the microfrontend's. For speed, only the bins of the filterbank are
 * finished, energy replaces the spectrum in place, butterflies skip factors of one, and a square root takes three
 * 32-bit divisions. */
#define FRONTEND_WITH_TABLES
#include "frontend.h"

#include <string.h>

/* ------------------------------------------------------------------------------------------- small numbers */

/* Number of significant bits; 0 for 0. */
static inline unsigned bit_length(uint32_t x) {
#if defined(__GNUC__)
    return x == 0 ? 0u : 32u - (unsigned)__builtin_clz(x);
#else
    unsigned bits = 0;
    while (x != 0) {
        x >>= 1;
        ++bits;
    }
    return bits;
#endif
}

/* To 16 bits with wrap-around; implementation-defined, but the same in all compilers that we support. */
static inline int16_t narrow(int32_t x) { return (int16_t)(uint16_t)(uint32_t)x; }

/* x / 4, x / 2 and x / 32768 as KISS FFT takes them: in units of 1/32767, rounded. */
static inline int32_t scaled(int32_t product) { return (product + (1 << 14)) >> 15; }
static inline int32_t quarter(int32_t x) { return scaled(x * (32767 / 4)); }
static inline int32_t half(int32_t x) { return scaled(x * (32767 / 2)); }

/* sqrt(x) rounded to the nearest integer, for x below 2^48.
 *
 * From a linear estimate, one Newton step gives 8 bits, another 16, and the division of the remainder 24. The last
 * digit is then corrected, so the result does not depend on the quality of the estimates. */
static uint32_t square_root(uint64_t x) {
    const uint32_t high = (uint32_t)(x >> 32);
    const unsigned bits = high != 0 ? 32u + bit_length(high) : bit_length((uint32_t)x);
    const unsigned shift = (48u - bits) / 2u;
    uint64_t moved;
    uint32_t top, guess, root;
    int32_t rest;
    if (bits == 0) return 0;
    moved = x << (2u * shift); /* 47 or 48 bits */
    top = (uint32_t)(moved >> 16);
    guess = 91u + (((top >> 24) * 171u) >> 8);
    guess = (guess + (top >> 16) / guess) >> 1;
    guess = (guess << 7) + (top >> 9) / guess;
    rest = (int32_t)(top - guess * guess) * 256 + (int32_t)((uint32_t)moved >> 8 & 0xffu);
    root = ((guess << 8) + (uint32_t)(rest / (int32_t)(2u * guess))) >> shift;
    rest = (int32_t)((uint32_t)x - root * root); /* fits 32 bits */
    while (rest < 0) {
        --root;
        rest += (int32_t)(2u * root + 1u);
    }
    while (rest > (int32_t)(2u * root)) {
        rest -= (int32_t)(2u * root + 1u);
        ++root;
    }
    /* As the reference, limits the root of a 32-bit number to 16 bits. */
    if (rest > (int32_t)root && !(root == 0xffffu && high == 0)) ++root;
    return root;
}

/* ----------------------------------------------------------------------------------- from sound to a spectrum */

/* Window the samples into the places where the first butterflies take them; return by how many bits they can be
 * shifted up and still fit 16. */
static unsigned apply_window(const int16_t *samples, FrontendBin *bins) {
    uint32_t magnitudes = 0; /* the leading one is that of the largest */
    unsigned n;
    for (n = 0; n < FRONTEND_WINDOW / 2; ++n) {
        const int32_t even = (samples[2 * n] * HANN[2 * n]) >> TABLE_WINDOW_BITS;
        const int32_t odd = (samples[2 * n + 1] * HANN[2 * n + 1]) >> TABLE_WINDOW_BITS;
        FrontendBin *place = bins + PLACES[n];
        place->value.real = (int16_t)even;
        place->value.imaginary = (int16_t)odd;
        magnitudes |= (uint32_t)(even < 0 ? -even : even) | (uint32_t)(odd < 0 ? -odd : odd);
    }
    /* Zero padding: pairs 240 to 255. */
    for (n = 15; n < FRONTEND_BINS; n += 16) bins[n].value.real = bins[n].value.imaginary = 0;
    /* The reference keeps the largest magnitude as int16, in which 32768 is negative and so ignored. */
    return 15u - bit_length(magnitudes & 0x7fffu);
}

/* Sums and differences of a radix-4 butterfly. */
static inline void combine(FrontendBin *x, unsigned m, int32_t r0, int32_t i0, int32_t r1, int32_t i1, int32_t r2,
                           int32_t i2, int32_t r3, int32_t i3) {
    const int32_t r02 = r0 + r2, i02 = i0 + i2, r13 = r1 + r3, i13 = i1 + i3;
    const int32_t r20 = r0 - r2, i20 = i0 - i2, r31 = r1 - r3, i31 = i1 - i3;
    x[0].value.real = narrow(r02 + r13);
    x[0].value.imaginary = narrow(i02 + i13);
    x[m].value.real = narrow(r20 + i31);
    x[m].value.imaginary = narrow(i20 - r31);
    x[2 * m].value.real = narrow(r02 - r13);
    x[2 * m].value.imaginary = narrow(i02 - i13);
    x[3 * m].value.real = narrow(r20 - i31);
    x[3 * m].value.imaginary = narrow(i20 + r31);
}

/* A butterfly with factors of 1: x * 32767/32768 rounds to x, for x up to 8192. */
static inline void plain_butterfly(FrontendBin *x, unsigned m) {
    combine(x, m, quarter(x[0].value.real), quarter(x[0].value.imaginary), quarter(x[m].value.real), quarter(x[m].value.imaginary),
            quarter(x[2 * m].value.real), quarter(x[2 * m].value.imaginary), quarter(x[3 * m].value.real),
            quarter(x[3 * m].value.imaginary));
}

static inline void butterfly(FrontendBin *x, unsigned m, const int16_t *factors) {
    const int32_t r1 = quarter(x[m].value.real), i1 = quarter(x[m].value.imaginary);
    const int32_t r2 = quarter(x[2 * m].value.real), i2 = quarter(x[2 * m].value.imaginary);
    const int32_t r3 = quarter(x[3 * m].value.real), i3 = quarter(x[3 * m].value.imaginary);
    combine(x, m, quarter(x[0].value.real), quarter(x[0].value.imaginary),
            scaled(r1 * factors[0] - i1 * factors[1]), scaled(r1 * factors[1] + i1 * factors[0]),
            scaled(r2 * factors[2] - i2 * factors[3]), scaled(r2 * factors[3] + i2 * factors[2]),
            scaled(r3 * factors[4] - i3 * factors[5]), scaled(r3 * factors[5] + i3 * factors[4]));
}

/* A complex FFT of 256 in place, of pairs that lie in the order of reversed digits, each shifted up first. */
static void transform(FrontendBin *bins, unsigned shift) {
    unsigned m, k, n;
    for (n = 0; n < FRONTEND_BINS; n += 4) {
        FrontendBin *x = bins + n;
        for (k = 0; k < 4; ++k) {
            x[k].value.real = narrow((int32_t)((uint32_t)x[k].value.real << shift));
            x[k].value.imaginary = narrow((int32_t)((uint32_t)x[k].value.imaginary << shift));
        }
        plain_butterfly(x, 1);
    }
    for (m = 4; m < FRONTEND_BINS; m *= 4) {
        const unsigned step = FRONTEND_BINS / 4 / m * 6;
        for (n = 0; n < FRONTEND_BINS; n += 4 * m) plain_butterfly(bins + n, m);
        for (k = 1; k < m; ++k)
            for (n = k; n < FRONTEND_BINS; n += 4 * m) butterfly(bins + n, m, TWIDDLES + k * step);
    }
}

/* Turn the transform of pairs into that of single samples, and that into energies, for the bins of the band. */
static void take_energies(FrontendBin *bins) {
    unsigned k;
    for (k = TABLE_FIRST_BIN; k <= FRONTEND_BINS / 2; ++k) {
        FrontendBin *near = bins + k, *far = bins + (FRONTEND_BINS - k);
        const int16_t *factor = SPLIT_TWIDDLES + 2 * (k - 1);
        const int32_t near_real = half(near->value.real), near_imaginary = half(near->value.imaginary);
        const int32_t far_real = half(far->value.real), far_imaginary = half(narrow(-far->value.imaginary));
        const int32_t sum_real = near_real + far_real, sum_imaginary = near_imaginary + far_imaginary;
        const int32_t real = near_real - far_real, imaginary = near_imaginary - far_imaginary;
        const int32_t turned_real = narrow(scaled(real * factor[0] - imaginary * factor[1]));
        const int32_t turned_imaginary = narrow(scaled(real * factor[1] + imaginary * factor[0]));
        int32_t r = (sum_real + turned_real) >> 1, i = (sum_imaginary + turned_imaginary) >> 1;
        /* Both below 32768 in magnitude, so that the sum of the squares fits 31 bits. */
        near->energy = (uint32_t)(r * r + i * i);
        r = (sum_real - turned_real) >> 1;
        i = (turned_imaginary - sum_imaginary) >> 1;
        far->energy = (uint32_t)(r * r + i * i);
    }
}

/* ---------------------------------------------------------------------------- from a spectrum to forty values */

/* Take away what is stationary in a channel, but never all of it. */
static inline uint32_t reduce_noise(uint32_t *noise, uint32_t signal, uint32_t smoothing) {
    const uint32_t up = signal << TABLE_SMOOTHING_BITS;
    const uint32_t one = 1u << TABLE_NOISE_BITS;
    const uint32_t least = (uint32_t)(((uint64_t)signal * TABLE_MIN_SIGNAL_REMAINING) >> TABLE_NOISE_BITS);
    uint32_t estimate, left;
    estimate = (uint32_t)(((uint64_t)up * smoothing + (uint64_t)*noise * (one - smoothing)) >> TABLE_NOISE_BITS);
    *noise = estimate;
    left = (up - (estimate < up ? estimate : up)) >> TABLE_SMOOTHING_BITS;
    return left > least ? left : least;
}

/* The gain for a noise estimate: a parabola for each power of two of it. */
static inline uint32_t look_up_gain(uint32_t noise) {
    unsigned interval;
    const int16_t *parabola;
    int32_t part, result;
    if (noise <= 2) return (uint32_t)GAIN[noise];
    interval = bit_length(noise);
    parabola = GAIN + 4 * interval - 6;
    part = (int32_t)((interval < 11 ? noise << (11 - interval) : noise >> (interval - 11)) & 0x3ffu);
    result = ((parabola[2] * part) >> 5) + parabola[1] * 32;
    result = (result * part + (1 << 14)) >> 15;
    return (uint32_t)(int32_t)narrow(result + parabola[0]);
}

/* Per-channel energy normalisation (PCAN, https://research.google/pubs/pub45911.pdf). */
static inline uint32_t control_gain(uint32_t noise, uint32_t signal) {
    const uint32_t ratio = (uint32_t)(((uint64_t)signal * look_up_gain(noise)) >> TABLE_SNR_SHIFT);
    if (ratio < (2u << TABLE_SNR_BITS)) return (ratio * ratio) >> 20;
    return (ratio >> 6) - (1u << 6);
}

/* The natural logarithm in units of 1/64, by straight lines. */
static inline uint32_t take_logarithm(uint32_t x) {
    const unsigned one = 1u << TABLE_LOG_BITS, segment_bits = TABLE_LOG_BITS - TABLE_LOG_SEGMENTS_BITS;
    unsigned exponent;
    uint32_t part, segment, log2, natural;
    int32_t above, slope;
    if (x <= 1) return 0;
    exponent = bit_length(x) - 1;
    part = x - (1u << exponent);
    part = exponent < TABLE_LOG_BITS ? part << (TABLE_LOG_BITS - exponent) : part >> (exponent - TABLE_LOG_BITS);
    segment = part >> segment_bits;
    above = LOG2_ABOVE[segment];
    slope = (int32_t)LOG2_ABOVE[segment + 1] - above;
    above += (slope * (int32_t)(part - (segment << segment_bits))) >> TABLE_LOG_BITS;
    log2 = (exponent << TABLE_LOG_BITS) + part + (uint32_t)above;
    natural = (uint32_t)(((uint64_t)log2 * TABLE_LOG_COEFFICIENT + one / 2) >> TABLE_LOG_BITS);
    return ((natural << TABLE_LOG_SCALE_SHIFT) + one / 2) >> TABLE_LOG_BITS;
}

/* One channel from its energy to its value. */
static uint16_t finish_channel(uint32_t *noise, unsigned channel, uint64_t energy, unsigned shift) {
    const uint32_t smoothing = (channel & 1u) == 0 ? TABLE_EVEN_SMOOTHING : TABLE_ODD_SMOOTHING;
    uint32_t value = square_root(energy) >> shift;
    value = reduce_noise(noise, value, smoothing);
    value = take_logarithm(control_gain(*noise, value) << TABLE_CORRECTION_BITS);
    return (uint16_t)(value < 0xffffu ? value : 0xffffu);
}

/* From -128 to 127, as micro_speech scales its input. */
static inline int8_t quantise(uint32_t value) {
    const uint32_t scaled_up = (value * 256u + TABLE_QUANTISE_DIVISOR / 2) / TABLE_QUANTISE_DIVISOR;
    return (int8_t)((int32_t)(scaled_up < 255u ? scaled_up : 255u) - 128);
}

/* Whether a window holds nothing but zeros: padding, or a microphone that is off. */
static int is_empty(const int16_t *samples) {
    unsigned n;
    for (n = 0; n < FRONTEND_WINDOW; ++n)
        if (samples[n] != 0) return 0;
    return 1;
}

/* Make a slice of an empty window: without energy every value is 0, and what was stationary fades. */
static void make_empty_slice(Frontend *frontend, int8_t *bytes, uint16_t *values) {
    unsigned c;
    for (c = 0; c < FRONTEND_CHANNELS; ++c) {
        (void)reduce_noise(frontend->noise + c, 0, (c & 1u) == 0 ? TABLE_EVEN_SMOOTHING : TABLE_ODD_SMOOTHING);
        if (bytes != NULL) bytes[c] = quantise(0);
        else values[c] = 0;
    }
}

/* Make a slice of the full window, as int8 or, where `bytes` is NULL, as uint16. */
static void make_slice(Frontend *frontend, int8_t *bytes, uint16_t *values) {
    const unsigned shift = apply_window(frontend->samples, frontend->bins);
    const FrontendBin *bin = frontend->bins + TABLE_FIRST_BIN;
    const uint16_t *weight = WEIGHTS;
    uint64_t falling = 0; /* what the bins of the last channel leave for the next */
    unsigned channel, n;
    transform(frontend->bins, shift);
    take_energies(frontend->bins);
    for (channel = 0; channel <= FRONTEND_CHANNELS; ++channel) {
        uint64_t sum = falling;
        falling = 0;
        for (n = WIDTHS[channel]; n != 0; --n) {
            const uint32_t rising = *weight++, energy = bin++->energy;
            sum += (uint64_t)energy * rising;
            falling += (uint64_t)energy * ((1u << TABLE_FILTER_BITS) - rising);
        }
        /* The first triangle has only a falling half, which the next channel takes. */
        if (channel != 0) {
            const unsigned c = channel - 1;
            const uint16_t value = finish_channel(frontend->noise + c, c, sum, shift);
            if (bytes != NULL) bytes[c] = quantise(value);
            else values[c] = value;
        }
    }
}

/* ------------------------------------------------------------------------------------------------- the stream */

FrontendError frontend_reset(Frontend *frontend) {
    if (frontend == NULL) return FRONTEND_NULL_POINTER;
    memset(frontend, 0, sizeof *frontend);
    return FRONTEND_OK;
}

uint32_t frontend_fingerprint(void) { return FRONTEND_FINGERPRINT; }

size_t frontend_slices(const Frontend *frontend, size_t count) {
    size_t missing;
    if (frontend == NULL || frontend->filled >= FRONTEND_WINDOW) return 0;
    missing = FRONTEND_WINDOW - frontend->filled;
    return count < missing ? 0 : (count - missing) / FRONTEND_STEP + 1;
}

static FrontendError process(Frontend *frontend, const int16_t *samples, size_t count, int8_t *bytes,
                             uint16_t *values, size_t capacity, size_t *made) {
    size_t done = 0;
    if (made == NULL) return FRONTEND_NULL_POINTER;
    *made = 0;
    if (frontend == NULL || (samples == NULL && count != 0)) return FRONTEND_NULL_POINTER;
    if (frontend->filled >= FRONTEND_WINDOW) return FRONTEND_NOT_RESET;
    if (frontend_slices(frontend, count) > capacity) return FRONTEND_NO_ROOM;
    if (capacity != 0 && bytes == NULL && values == NULL) return FRONTEND_NULL_POINTER;
    while (count != 0) {
        const size_t missing = FRONTEND_WINDOW - frontend->filled;
        const size_t taken = count < missing ? count : missing;
        memcpy(frontend->samples + frontend->filled, samples, taken * sizeof *samples);
        frontend->filled += (uint32_t)taken;
        samples += taken;
        count -= taken;
        if (frontend->filled == FRONTEND_WINDOW) {
            (is_empty(frontend->samples) ? make_empty_slice : make_slice)(
                frontend, bytes == NULL ? NULL : bytes + done * FRONTEND_CHANNELS,
                values == NULL ? NULL : values + done * FRONTEND_CHANNELS);
            memmove(frontend->samples, frontend->samples + FRONTEND_STEP,
                    (FRONTEND_WINDOW - FRONTEND_STEP) * sizeof *samples);
            frontend->filled = FRONTEND_WINDOW - FRONTEND_STEP;
            ++done;
        }
    }
    *made = done;
    return FRONTEND_OK;
}

FrontendError frontend_process(Frontend *frontend, const int16_t *samples, size_t count, int8_t *slices,
                               size_t capacity, size_t *made) {
    return process(frontend, samples, count, slices, NULL, capacity, made);
}

FrontendError frontend_process_values(Frontend *frontend, const int16_t *samples, size_t count,
                                      uint16_t *slices, size_t capacity, size_t *made) {
    return process(frontend, samples, count, NULL, slices, capacity, made);
}
