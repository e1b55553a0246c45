/* What the files of the neural network share; not for users.
 *
 * The fixed-point arithmetic is that of gemmlowp and of TensorFlow Lite's reference kernels (see NOTICE). A right
 * shift of a negative number is taken to be an arithmetic one, as it is with every compiler for the cores in question.
 */
#ifndef KEYWORD_NEURAL_NETWORK_KERNELS_H
#define KEYWORD_NEURAL_NETWORK_KERNELS_H

#include <string.h>

#include "neural_network.h"

#if (-3 >> 1) != -2
#error "this compiler does not shift negative numbers arithmetically"
#endif

#ifndef NEURAL_NETWORK_FAST
#ifdef __ARM_FEATURE_DSP
#define NEURAL_NETWORK_FAST 1
#else
#define NEURAL_NETWORK_FAST 0
#endif
#endif

/* Inner loops are kept out of line: inlined, they fight for registers with what is around them. */
#ifdef __GNUC__
#define NEURAL_NETWORK_ALONE __attribute__((noinline))
#else
#define NEURAL_NETWORK_ALONE
#endif

#ifndef NEURAL_NETWORK_DOUBLE_ROUNDING
#define NEURAL_NETWORK_DOUBLE_ROUNDING 0
#endif

void neural_network_convolution(const NeuralNetworkLayer *layer, const int8_t *input, int8_t *output,
                                int8_t *patches);
void neural_network_depthwise(const NeuralNetworkLayer *layer, const int8_t *input, int8_t *output, int8_t *patch);
void neural_network_connected(const NeuralNetworkLayer *layer, const int8_t *input, int8_t *output);
void neural_network_average_pool(const NeuralNetworkLayer *layer, const int8_t *input, int8_t *output);
void neural_network_max_pool(const NeuralNetworkLayer *layer, const int8_t *input, int8_t *output);
void neural_network_softmax(const NeuralNetworkLayer *layer, const int8_t *input, int8_t *output);

/* Copies the part of the input that a kernel at (top, left) covers, with the zero point where there is none. */
void neural_network_copy_patch(const NeuralNetworkLayer *layer, const int8_t *input, int32_t top, int32_t left,
                               int8_t *patch);

/* a * b / 2^31, rounded, halves up; saturated. */
static inline int32_t neural_network_multiply_high(int32_t a, int32_t b)
{
    if (a == INT32_MIN && b == INT32_MIN) {
        return INT32_MAX;
    }
    return (int32_t)(((int64_t)a * b + (INT32_C(1) << 30)) >> 31);
}

/* x / 2^exponent, rounded, halves away from zero; exponent 0 .. 31. */
static inline int32_t neural_network_divide_by_power(int32_t x, int32_t exponent)
{
    const int32_t mask = (int32_t)((UINT32_C(1) << exponent) - 1u);
    const int32_t threshold = (mask >> 1) + (x < 0);

    return (x >> exponent) + ((x & mask) > threshold);
}

/* The output value of a sum before the zero point is added, with `twice` telling how often it is rounded. */
static inline int32_t neural_network_scale(uint32_t sum, int32_t multiplier, int32_t shift, int twice)
{
    if (twice) {
        /* The multiplier is not negative, so that nothing saturates. */
        const int32_t shifted = (int32_t)(shift > 0 ? sum << shift : sum);
        const int32_t high = (int32_t)(((int64_t)shifted * multiplier + (INT32_C(1) << 30)) >> 31);

        return shift > 0 ? high : neural_network_divide_by_power(high, -shift);
    } else {
        const int32_t total = 31 - shift;
        const int64_t scaled = ((int64_t)(int32_t)sum * multiplier + (INT64_C(1) << (total - 1))) >> total;

        return scaled > INT32_MAX ? INT32_MAX : scaled < INT32_MIN ? INT32_MIN : (int32_t)scaled;
    }
}

/* What an output value is held to, before the zero point is added: adding it then cannot overflow. */
typedef struct {
    int32_t zero_point, smallest, largest;
} NeuralNetworkLimits;

static inline NeuralNetworkLimits neural_network_limits(const NeuralNetworkLayer *layer)
{
    NeuralNetworkLimits limits;

    limits.zero_point = layer->output_zero_point;
    limits.smallest = layer->smallest - limits.zero_point;
    limits.largest = layer->largest - limits.zero_point;
    return limits;
}

/* The byte that is put out for a sum. */
static inline int8_t neural_network_requantise(uint32_t sum, int32_t multiplier, int32_t shift,
                                               NeuralNetworkLimits limits, int twice)
{
    int32_t value = neural_network_scale(sum, multiplier, shift, twice);

    value = value < limits.smallest ? limits.smallest : value;
    value = value > limits.largest ? limits.largest : value;
    return (int8_t)(value + limits.zero_point);
}

#if NEURAL_NETWORK_FAST

/* The four bytes at `from`, of any alignment. */
static inline uint32_t neural_network_load(const int8_t *from)
{
    uint32_t word;

    memcpy(&word, from, sizeof word);
    return word;
}

#ifdef __ARM_FEATURE_DSP

/* Bytes 0 and 2, and bytes 1 and 3, as two int16. Written as assembly, since the toolchains of some boards are older
 * than the compiler's own functions for it. */
static inline uint32_t neural_network_even(uint32_t bytes)
{
    uint32_t pair;

    __asm__("sxtb16 %0, %1" : "=r"(pair) : "r"(bytes));
    return pair;
}

static inline uint32_t neural_network_odd(uint32_t bytes)
{
    uint32_t pair;

    __asm__("sxtb16 %0, %1, ror #8" : "=r"(pair) : "r"(bytes));
    return pair;
}

/* sum + low a * low b + high a * high b, modulo 2^32. */
static inline uint32_t neural_network_add_products(uint32_t a, uint32_t b, uint32_t sum)
{
    __asm__("smlad %0, %1, %2, %0" : "+r"(sum) : "r"(a), "r"(b));
    return sum;
}

static inline uint32_t neural_network_add_low(uint32_t a, uint32_t b, uint32_t sum)
{
    __asm__("smlabb %0, %1, %2, %0" : "+r"(sum) : "r"(a), "r"(b));
    return sum;
}

static inline uint32_t neural_network_add_high(uint32_t a, uint32_t b, uint32_t sum)
{
    __asm__("smlatt %0, %1, %2, %0" : "+r"(sum) : "r"(a), "r"(b));
    return sum;
}

#else

static inline uint32_t neural_network_even(uint32_t bytes)
{
    const uint32_t low = (uint32_t)(int32_t)(int8_t)(bytes & 0xffu);
    const uint32_t high = (uint32_t)(int32_t)(int8_t)((bytes >> 16) & 0xffu);

    return (low & 0xffffu) | (high << 16);
}

static inline uint32_t neural_network_odd(uint32_t bytes)
{
    return neural_network_even(bytes >> 8);
}

static inline uint32_t neural_network_add_low(uint32_t a, uint32_t b, uint32_t sum)
{
    return sum + (uint32_t)((int32_t)(int16_t)(a & 0xffffu) * (int16_t)(b & 0xffffu));
}

static inline uint32_t neural_network_add_high(uint32_t a, uint32_t b, uint32_t sum)
{
    return neural_network_add_low(a >> 16, b >> 16, sum);
}

static inline uint32_t neural_network_add_products(uint32_t a, uint32_t b, uint32_t sum)
{
    return neural_network_add_high(a, b, neural_network_add_low(a, b, sum));
}

#endif
#endif

#endif
