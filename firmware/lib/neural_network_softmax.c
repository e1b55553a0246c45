/* Softmax over the channels in integers: gemmlowp's fixed-point exponential and reciprocal, as TensorFlow Lite's
 * reference kernel puts them together (see NOTICE). Qm.n below: n bits behind the point. */
#include "neural_network_kernels.h"

/* What it puts out is a probability in units of 1/256, from -128. */
enum { DIFFERENCE_BITS = 26, SUM_INTEGER_BITS = 12 };

/* value * 2^exponent, saturated. */
static int32_t multiply_by_power(int32_t value, int exponent)
{
    const int32_t limit = INT32_MAX >> exponent;

    return value > limit ? INT32_MAX : value < -limit - 1 ? INT32_MIN : (int32_t)((uint32_t)value << exponent);
}

/* e^a for a (Q0.31) of [-1/4, 0): a Taylor series about -1/8. */
static int32_t exponential_of_quarter(int32_t a)
{
    const int32_t of_minus_eighth = INT32_C(1895147668);
    const int32_t third = INT32_C(715827883);
    const int32_t x = a + (INT32_C(1) << 28);
    const int32_t x2 = neural_network_multiply_high(x, x);
    const int32_t x3 = neural_network_multiply_high(x2, x);
    const int32_t x4 = neural_network_multiply_high(x2, x2);
    const int32_t quarter_x4 = neural_network_divide_by_power(x4, 2);
    const int32_t tail =
        neural_network_divide_by_power(neural_network_multiply_high(quarter_x4 + x3, third) + x2, 1);

    return of_minus_eighth + neural_network_multiply_high(of_minus_eighth, x + tail);
}

/* e^a (Q0.31) for a (Q5.26) of (-32, 0]. */
static int32_t exponential(int32_t a)
{
    /* e^-(2^k) for k = -2 .. 4. */
    static const int32_t powers[7] = {1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242};
    const int32_t quarter = INT32_C(1) << (DIFFERENCE_BITS - 2);
    const int32_t part = (int32_t)((uint32_t)a & (uint32_t)(quarter - 1)) - quarter;
    const int32_t rest = part - a;
    int32_t result;
    int bit;

    if (a == 0) {
        return INT32_MAX;
    }
    result = exponential_of_quarter(multiply_by_power(part, 5));
    for (bit = 0; bit < 7; bit++) {
        if (rest & (quarter << bit)) {
            result = neural_network_multiply_high(result, powers[bit]);
        }
    }
    return result;
}

/* 1 / (1 + a) (Q0.31) for a (Q0.31) of [0, 1): three steps of Newton and Raphson. */
static int32_t reciprocal(int32_t a)
{
    const int32_t half_denominator = (int32_t)(((int64_t)a + INT32_MAX + 1) / 2);
    int32_t x = INT32_C(1515870810) + neural_network_multiply_high(half_denominator, INT32_C(-1010580540));
    int step;

    for (step = 0; step < 3; step++) {
        const int32_t error = (INT32_C(1) << 29) - neural_network_multiply_high(half_denominator, x);

        x += multiply_by_power(neural_network_multiply_high(x, error), 2);
    }
    return multiply_by_power(x, 1);
}

/* The exponential (Q0.31) of a difference to the largest value. */
static int32_t exponential_of_difference(const NeuralNetworkLayer *layer, int32_t difference)
{
    const int32_t shifted = difference * (INT32_C(1) << layer->difference_shift);

    return exponential(neural_network_multiply_high(shifted, layer->difference_multiplier));
}

static void one_row(const NeuralNetworkLayer *layer, const int8_t *input, int8_t *output)
{
    const uint16_t channels = layer->input_channels;
    int32_t largest = INT8_MIN;
    int32_t sum = 0;
    int32_t scale;
    int headroom = 0;
    int bits;
    uint16_t channel;

    for (channel = 0; channel < channels; channel++) {
        largest = input[channel] > largest ? input[channel] : largest;
    }
    for (channel = 0; channel < channels; channel++) {
        const int32_t difference = input[channel] - largest;

        if (difference >= layer->smallest_difference) {
            sum += neural_network_divide_by_power(exponential_of_difference(layer, difference), SUM_INTEGER_BITS);
        }
    }
    while (!(((uint32_t)sum << headroom) & UINT32_C(0x80000000))) {
        headroom++;
    }
    scale = reciprocal((int32_t)(((uint32_t)sum << headroom) - UINT32_C(0x80000000)));
    bits = SUM_INTEGER_BITS - headroom + 31 - 8;
    for (channel = 0; channel < channels; channel++) {
        const int32_t difference = input[channel] - largest;
        int32_t value = layer->smallest;

        if (difference >= layer->smallest_difference) {
            const int32_t exact =
                neural_network_multiply_high(scale, exponential_of_difference(layer, difference));

            value = neural_network_divide_by_power(exact, bits) + INT8_MIN;
            value = value < layer->smallest ? layer->smallest : value > layer->largest ? layer->largest : value;
        }
        output[channel] = (int8_t)value;
    }
}

void neural_network_softmax(const NeuralNetworkLayer *layer, const int8_t *input, int8_t *output)
{
    uint32_t rows = (uint32_t)layer->input_height * layer->input_width;

    for (; rows > 0; rows--) {
        one_row(layer, input, output);
        input += layer->input_channels;
        output += layer->input_channels;
    }
}
