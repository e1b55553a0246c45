/* Depthwise convolution: each channel has a kernel of its own. Four channels at a time; windows that lie within the
 * picture are read in place, the others are gathered. */
#include "neural_network_kernels.h"

/* Sums of four neighbouring channels over a window whose rows are row_bytes apart. */
static void sum_four(const NeuralNetworkLayer *layer, const int8_t *window, uint32_t row_bytes,
                     const int8_t *weights, uint32_t sums[4])
{
    const uint32_t channels = layer->input_channels;
    const uint32_t width = layer->kernel_width;
    uint32_t sum_0 = sums[0], sum_1 = sums[1], sum_2 = sums[2], sum_3 = sums[3];
    uint32_t row, column;

    for (row = layer->kernel_height; row > 0; row--) {
        const int8_t *values = window;

        for (column = width; column > 0; column--) {
#if NEURAL_NETWORK_FAST
            const uint32_t four_values = neural_network_load(values);
            const uint32_t four_weights = neural_network_load(weights);
            const uint32_t even_values = neural_network_even(four_values);
            const uint32_t even_weights = neural_network_even(four_weights);
            const uint32_t odd_values = neural_network_odd(four_values);
            const uint32_t odd_weights = neural_network_odd(four_weights);

            sum_0 = neural_network_add_low(even_values, even_weights, sum_0);
            sum_2 = neural_network_add_high(even_values, even_weights, sum_2);
            sum_1 = neural_network_add_low(odd_values, odd_weights, sum_1);
            sum_3 = neural_network_add_high(odd_values, odd_weights, sum_3);
#else
            sum_0 += (uint32_t)(values[0] * weights[0]);
            sum_1 += (uint32_t)(values[1] * weights[1]);
            sum_2 += (uint32_t)(values[2] * weights[2]);
            sum_3 += (uint32_t)(values[3] * weights[3]);
#endif
            values += channels;
            weights += channels;
        }
        window += row_bytes;
    }
    sums[0] = sum_0, sums[1] = sum_1, sums[2] = sum_2, sums[3] = sum_3;
}

static uint32_t sum_one(const NeuralNetworkLayer *layer, const int8_t *window, uint32_t row_bytes,
                        const int8_t *weights, uint32_t sum)
{
    const uint32_t channels = layer->input_channels;
    uint32_t row, column;

    for (row = layer->kernel_height; row > 0; row--) {
        const int8_t *values = window;

        for (column = layer->kernel_width; column > 0; column--) {
            sum += (uint32_t)(*values * *weights);
            values += channels;
            weights += channels;
        }
        window += row_bytes;
    }
    return sum;
}

static void one_pixel(const NeuralNetworkLayer *layer, const int8_t *window, uint32_t row_bytes, int8_t *output)
{
    const uint32_t channels = layer->input_channels;
    const NeuralNetworkLimits limits = neural_network_limits(layer);
    uint32_t channel = 0;
    uint32_t within;

    for (; channel + 4 <= channels; channel += 4) {
        uint32_t sums[4];

        for (within = 0; within < 4; within++) {
            sums[within] = (uint32_t)layer->biases[channel + within];
        }
        sum_four(layer, window + channel, row_bytes, layer->weights + channel, sums);
        for (within = 0; within < 4; within++) {
            const uint32_t at = channel + within;

            output[at] =
                neural_network_requantise(sums[within], layer->multipliers[at], layer->shifts[at], limits, 1);
        }
    }
    for (; channel < channels; channel++) {
        const uint32_t sum = sum_one(layer, window + channel, row_bytes, layer->weights + channel,
                                     (uint32_t)layer->biases[channel]);

        output[channel] =
            neural_network_requantise(sum, layer->multipliers[channel], layer->shifts[channel], limits, 1);
    }
}

void neural_network_depthwise(const NeuralNetworkLayer *layer, const int8_t *input, int8_t *output, int8_t *patch)
{
    const int32_t channels = layer->input_channels;
    const int32_t bottom = (int32_t)layer->input_height - layer->kernel_height;
    const int32_t right = (int32_t)layer->input_width - layer->kernel_width;
    int32_t top = -(int32_t)layer->padding_top;
    uint16_t row, column;

    for (row = 0; row < layer->output_height; row++) {
        int32_t left = -(int32_t)layer->padding_left;

        for (column = 0; column < layer->output_width; column++) {
            if (top >= 0 && top <= bottom && left >= 0 && left <= right) {
                one_pixel(layer, input + (top * layer->input_width + left) * channels,
                          (uint32_t)layer->input_width * layer->input_channels, output);
            } else {
                neural_network_copy_patch(layer, input, top, left, patch);
                one_pixel(layer, patch, (uint32_t)layer->kernel_width * layer->input_channels, output);
            }
            output += channels;
            left += layer->stride_width;
        }
        top += layer->stride_height;
    }
}
