/* Average and maximum over windows; what lies in padding is not counted. */
#include "neural_network_kernels.h"

/* The part of a window that lies within the picture. */
typedef struct {
    int32_t top, bottom, left, right;
} Region;

static Region visible(const NeuralNetworkLayer *layer, uint16_t row, uint16_t column)
{
    Region seen;

    seen.top = (int32_t)row * layer->stride_height - layer->padding_top;
    seen.left = (int32_t)column * layer->stride_width - layer->padding_left;
    seen.bottom = seen.top + layer->kernel_height;
    seen.right = seen.left + layer->kernel_width;
    seen.top = seen.top < 0 ? 0 : seen.top;
    seen.left = seen.left < 0 ? 0 : seen.left;
    seen.bottom = seen.bottom > layer->input_height ? layer->input_height : seen.bottom;
    seen.right = seen.right > layer->input_width ? layer->input_width : seen.right;
    return seen;
}

static int8_t limited(const NeuralNetworkLayer *layer, int32_t value)
{
    return (int8_t)(value < layer->smallest ? layer->smallest : value > layer->largest ? layer->largest : value);
}

void neural_network_average_pool(const NeuralNetworkLayer *layer, const int8_t *input, int8_t *output)
{
    uint16_t row, column, channel;

    for (row = 0; row < layer->output_height; row++) {
        for (column = 0; column < layer->output_width; column++) {
            const Region seen = visible(layer, row, column);
            const int32_t count = (seen.bottom - seen.top) * (seen.right - seen.left);

            for (channel = 0; channel < layer->input_channels; channel++) {
                int32_t sum = 0;
                int32_t y, x;

                for (y = seen.top; y < seen.bottom; y++) {
                    const int8_t *value =
                        input + (y * layer->input_width + seen.left) * layer->input_channels + channel;

                    for (x = seen.left; x < seen.right; x++) {
                        sum += *value;
                        value += layer->input_channels;
                    }
                }
                /* Rounded, halves away from zero. */
                sum = sum > 0 ? (sum + count / 2) / count : (sum - count / 2) / count;
                *output++ = limited(layer, sum);
            }
        }
    }
}

void neural_network_max_pool(const NeuralNetworkLayer *layer, const int8_t *input, int8_t *output)
{
    uint16_t row, column, channel;

    for (row = 0; row < layer->output_height; row++) {
        for (column = 0; column < layer->output_width; column++) {
            const Region seen = visible(layer, row, column);

            for (channel = 0; channel < layer->input_channels; channel++) {
                int32_t largest = INT8_MIN;
                int32_t y, x;

                for (y = seen.top; y < seen.bottom; y++) {
                    const int8_t *value =
                        input + (y * layer->input_width + seen.left) * layer->input_channels + channel;

                    for (x = seen.left; x < seen.right; x++) {
                        largest = *value > largest ? *value : largest;
                        value += layer->input_channels;
                    }
                }
                *output++ = limited(layer, largest);
            }
        }
    }
}
