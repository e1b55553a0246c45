/* Convolution and fully connected layers: sums of products of two contiguous rows of bytes.
 *
 * The windows under the kernel are gathered, two at a time, and multiplied with two channels' weights at a time: each
 * value that is read is used twice. The arithmetic is that of TensorFlow Lite's reference kernels (see NOTICE); the
 * order of additions is of no matter, since sums are taken modulo 2^32.
 */
#include "neural_network_kernels.h"

/* ------------------------------------------------------------------------------------------- sums of products */

#if NEURAL_NETWORK_FAST

#define ADD_PRODUCTS(values, weights, sum)                                                                     \
    (sum) = neural_network_add_products(values##_even, weights##_even, (sum));                                 \
    (sum) = neural_network_add_products(values##_odd, weights##_odd, (sum))

#define LOAD(name, from)                                                                                       \
    const uint32_t name##_bytes = neural_network_load(from);                                                   \
    const uint32_t name##_even = neural_network_even(name##_bytes);                                            \
    const uint32_t name##_odd = neural_network_odd(name##_bytes)

#else

#define ADD_PRODUCTS(values, weights, sum)                                                                     \
    (sum) += (uint32_t)(values##_0 * weights##_0);                                                             \
    (sum) += (uint32_t)(values##_1 * weights##_1);                                                             \
    (sum) += (uint32_t)(values##_2 * weights##_2);                                                             \
    (sum) += (uint32_t)(values##_3 * weights##_3)

#define LOAD(name, from)                                                                                       \
    const int32_t name##_0 = (from)[0];                                                                        \
    const int32_t name##_1 = (from)[1];                                                                        \
    const int32_t name##_2 = (from)[2];                                                                        \
    const int32_t name##_3 = (from)[3]

#endif

/* sums[0..3] += a.c, a.d, b.c, b.d: two rows of values with two rows of weights. */
NEURAL_NETWORK_ALONE static void multiply_rows(const int8_t *a, const int8_t *b, const int8_t *c, const int8_t *d,
                                               uint32_t count, uint32_t sums[4])
{
    const int8_t *const end = a + count;
    const int8_t *const end_of_fours = a + (count & ~UINT32_C(3));
    uint32_t sum_ac = sums[0], sum_ad = sums[1], sum_bc = sums[2], sum_bd = sums[3];

    while (a != end_of_fours) {
        LOAD(values_a, a);
        LOAD(values_b, b);
        LOAD(weights_c, c);
        LOAD(weights_d, d);

        ADD_PRODUCTS(values_a, weights_c, sum_ac);
        ADD_PRODUCTS(values_a, weights_d, sum_ad);
        ADD_PRODUCTS(values_b, weights_c, sum_bc);
        ADD_PRODUCTS(values_b, weights_d, sum_bd);
        a += 4, b += 4, c += 4, d += 4;
    }
    while (a != end) {
        sum_ac += (uint32_t)(*a * *c);
        sum_ad += (uint32_t)(*a * *d);
        sum_bc += (uint32_t)(*b * *c);
        sum_bd += (uint32_t)(*b * *d);
        a++, b++, c++, d++;
    }
    sums[0] = sum_ac, sums[1] = sum_ad, sums[2] = sum_bc, sums[3] = sum_bd;
}

/* sums[0..1] += a.c, a.d: one row of values with two rows of weights. */
NEURAL_NETWORK_ALONE static void multiply_row(const int8_t *a, const int8_t *c, const int8_t *d, uint32_t count,
                                              uint32_t sums[2])
{
    const int8_t *const end = a + count;
    const int8_t *const end_of_fours = a + (count & ~UINT32_C(3));
    uint32_t sum_ac = sums[0], sum_ad = sums[1];

    while (a != end_of_fours) {
        LOAD(values_a, a);
        LOAD(weights_c, c);
        LOAD(weights_d, d);

        ADD_PRODUCTS(values_a, weights_c, sum_ac);
        ADD_PRODUCTS(values_a, weights_d, sum_ad);
        a += 4, c += 4, d += 4;
    }
    while (a != end) {
        sum_ac += (uint32_t)(*a * *c);
        sum_ad += (uint32_t)(*a * *d);
        a++, c++, d++;
    }
    sums[0] = sum_ac, sums[1] = sum_ad;
}

/* ------------------------------------------------------------------------------------------------- channels */

/* All output channels of two windows. */
static void two_pixels(const NeuralNetworkLayer *layer, const int8_t *a, const int8_t *b, uint32_t taps,
                       int8_t *output)
{
    const uint32_t channels = layer->output_channels;
    const int32_t *const biases = layer->biases;
    const int32_t *const multipliers = layer->multipliers;
    const int8_t *const shifts = layer->shifts;
    const NeuralNetworkLimits limits = neural_network_limits(layer);
    int8_t *const second = output + channels;
    const int8_t *weights = layer->weights;
    uint32_t channel;

    for (channel = 0; channel < channels; channel += 2) {
        /* The last of an odd number of channels is paired with itself. */
        const uint32_t next = channel + 1 < channels ? channel + 1 : channel;
        uint32_t sums[4];

        sums[0] = sums[2] = (uint32_t)biases[channel];
        sums[1] = sums[3] = (uint32_t)biases[next];
        multiply_rows(a, b, weights, weights + (next - channel) * taps, taps, sums);
        output[channel] = neural_network_requantise(sums[0], multipliers[channel], shifts[channel], limits, 1);
        second[channel] = neural_network_requantise(sums[2], multipliers[channel], shifts[channel], limits, 1);
        output[next] = neural_network_requantise(sums[1], multipliers[next], shifts[next], limits, 1);
        second[next] = neural_network_requantise(sums[3], multipliers[next], shifts[next], limits, 1);
        weights += 2 * taps;
    }
}

/* All output channels of one window. */
static void one_pixel(const NeuralNetworkLayer *layer, const int8_t *a, uint32_t taps, int8_t *output, int twice)
{
    const uint32_t channels = layer->output_channels;
    const NeuralNetworkLimits limits = neural_network_limits(layer);
    const int8_t *weights = layer->weights;
    uint32_t channel;

    for (channel = 0; channel < channels; channel += 2) {
        const uint32_t next = channel + 1 < channels ? channel + 1 : channel;
        uint32_t sums[2];

        sums[0] = (uint32_t)layer->biases[channel];
        sums[1] = (uint32_t)layer->biases[next];
        multiply_row(a, weights, weights + (next - channel) * taps, taps, sums);
        output[channel] =
            neural_network_requantise(sums[0], layer->multipliers[channel], layer->shifts[channel], limits, twice);
        output[next] =
            neural_network_requantise(sums[1], layer->multipliers[next], layer->shifts[next], limits, twice);
        weights += 2 * taps;
    }
}

/* --------------------------------------------------------------------------------------------------- layers */

/* Rows are a few bytes long and rarely aligned, where a library's memcpy is slow. */
static int8_t *copy(int8_t *to, const int8_t *from, int32_t count)
{
#if NEURAL_NETWORK_FAST
    for (; count >= 4; count -= 4) {
        memcpy(to, from, 4);
        to += 4, from += 4;
    }
#endif
    for (; count > 0; count--) {
        *to++ = *from++;
    }
    return to;
}

static int8_t *fill(int8_t *to, int8_t value, int32_t count)
{
    memset(to, value, (size_t)count);
    return to + count;
}

void neural_network_copy_patch(const NeuralNetworkLayer *layer, const int8_t *input, int32_t top, int32_t left,
                               int8_t *patch)
{
    const int32_t channels = layer->input_channels;
    const int32_t kernel_width = layer->kernel_width;
    const int32_t input_height = layer->input_height;
    const int32_t row_bytes = layer->input_width * channels;
    const int32_t over = left + kernel_width - layer->input_width;
    const int32_t before = left < 0 ? -left * channels : 0;
    const int32_t after = over > 0 ? over * channels : 0;
    const int32_t inside = kernel_width * channels - before - after;
    const int8_t zero_point = layer->input_zero_point;
    int32_t from = top * row_bytes + left * channels + before;
    int32_t row;

    for (row = top; row < top + layer->kernel_height; row++) {
        if (row < 0 || row >= input_height) {
            patch = fill(patch, zero_point, kernel_width * channels);
        } else {
            if (before > 0) {
                patch = fill(patch, zero_point, before);
            }
            patch = copy(patch, input + from, inside);
            if (after > 0) {
                patch = fill(patch, zero_point, after);
            }
        }
        from += row_bytes;
    }
}

void neural_network_convolution(const NeuralNetworkLayer *layer, const int8_t *input, int8_t *output,
                                int8_t *patches)
{
    const uint32_t taps = (uint32_t)layer->kernel_height * layer->kernel_width * layer->input_channels;
    const uint32_t pixels = (uint32_t)layer->output_height * layer->output_width;
    const int in_place = layer->kernel_height == 1 && layer->kernel_width == 1;
    int8_t *const places[2] = {patches, patches + ((taps + 3u) & ~UINT32_C(3))};
    const int8_t *windows[2] = {NULL, NULL};
    int32_t top = -(int32_t)layer->padding_top;
    int32_t left = -(int32_t)layer->padding_left;
    uint32_t column = 0;
    uint32_t pixel;

    for (pixel = 0; pixel < pixels; pixel++) {
        const uint32_t side = pixel & 1u;

        if (in_place) {
            windows[side] = input + (top * layer->input_width + left) * layer->input_channels;
        } else {
            neural_network_copy_patch(layer, input, top, left, places[side]);
            windows[side] = places[side];
        }
        if (side == 1u) {
            two_pixels(layer, windows[0], windows[1], taps, output);
            output += 2 * layer->output_channels;
        }
        left += layer->stride_width;
        column++;
        if (column == layer->output_width) {
            column = 0;
            left = -(int32_t)layer->padding_left;
            top += layer->stride_height;
        }
    }
    if (pixels & 1u) {
        one_pixel(layer, windows[0], taps, output, 1);
    }
}

void neural_network_connected(const NeuralNetworkLayer *layer, const int8_t *input, int8_t *output)
{
    uint32_t pixels = (uint32_t)layer->output_height * layer->output_width;

    for (; pixels > 0; pixels--) {
        one_pixel(layer, input, layer->input_channels, output, NEURAL_NETWORK_DOUBLE_ROUNDING);
        input += layer->input_channels;
        output += layer->output_channels;
    }
}
