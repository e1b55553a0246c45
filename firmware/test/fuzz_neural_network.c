/* Throws random networks, sound ones and spoilt ones, at the runner, with buffers of exactly the size that is asked
 * for: to be compiled with the address and undefined behaviour sanitizers.
 *
 *     fuzz_neural_network RUNS SEED
 *
 * Prints how many ran, how many were refused, and a checksum of all that was put out, which the plain and the fast
 * paths must have in common.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz_random.h"
#include "neural_network.h"

enum { MOST_LAYERS = 4 };

static void *random_bytes(size_t count)
{
    uint8_t *const bytes = malloc(count > 0 ? count : 1);
    size_t at;

    for (at = 0; at < count; at++) {
        bytes[at] = (uint8_t)any();
    }
    return bytes;
}

/* A side of the output for a side of the input, with padding the runner may be given. */
static uint16_t side(uint16_t input, uint16_t kernel, uint16_t stride, uint16_t *padding)
{
    *padding = (uint16_t)below(kernel);
    return (uint16_t)(1u + below(1u + (input + *padding - 1u) / stride));
}

static NeuralNetworkLayer random_layer(uint16_t height, uint16_t width, uint16_t channels)
{
    NeuralNetworkLayer layer;
    uint32_t channel;

    memset(&layer, 0, sizeof layer);
    layer.kind = (uint8_t)(1u + below(6));
    if (layer.kind == NEURAL_NETWORK_CONNECTED) {
        channels = (uint16_t)(height * width * channels);
        height = width = 1;
    }
    layer.input_height = height, layer.input_width = width, layer.input_channels = channels;
    layer.output_height = height, layer.output_width = width, layer.output_channels = channels;
    layer.kernel_height = layer.kernel_width = layer.stride_height = layer.stride_width = 1;
    if (layer.kind != NEURAL_NETWORK_CONNECTED && layer.kind != NEURAL_NETWORK_SOFTMAX) {
        layer.kernel_height = (uint16_t)(1u + below(5)), layer.kernel_width = (uint16_t)(1u + below(5));
        layer.stride_height = (uint16_t)(1u + below(3)), layer.stride_width = (uint16_t)(1u + below(3));
        layer.output_height = side(height, layer.kernel_height, layer.stride_height, &layer.padding_top);
        layer.output_width = side(width, layer.kernel_width, layer.stride_width, &layer.padding_left);
    }
    if (layer.kind == NEURAL_NETWORK_CONVOLUTION || layer.kind == NEURAL_NETWORK_CONNECTED) {
        layer.output_channels = (uint16_t)(1u + below(9));
    }
    layer.input_zero_point = (int8_t)any(), layer.output_zero_point = (int8_t)any();
    layer.smallest = (int8_t)(below(4) ? -128 : (int32_t)below(256) - 128);
    layer.largest = (int8_t)(layer.smallest + (int32_t)below((uint32_t)(128 - layer.smallest)));
    if (layer.kind <= NEURAL_NETWORK_CONNECTED) {
        int8_t *shifts;
        int32_t *multipliers;

        layer.channel_count = layer.output_channels;
        layer.weight_count = (uint32_t)layer.kernel_height * layer.kernel_width * channels *
                             (layer.kind == NEURAL_NETWORK_DEPTHWISE ? 1u : layer.output_channels);
        layer.weights = random_bytes(layer.weight_count);
        layer.biases = random_bytes(4 * layer.channel_count);
        layer.multipliers = multipliers = random_bytes(4 * layer.channel_count);
        layer.shifts = shifts = random_bytes(layer.channel_count);
        for (channel = 0; channel < layer.channel_count; channel++) {
            /* Any, or such as bring sums back into bytes. */
            shifts[channel] = (int8_t)(below(2) ? (int32_t)below(62) - 31 : -(int32_t)below(12));
            multipliers[channel] &= INT32_MAX;
        }
    }
    if (layer.kind == NEURAL_NETWORK_SOFTMAX) {
        layer.difference_shift = (int8_t)below(31);
        layer.difference_multiplier = (int32_t)(any() & INT32_MAX);
        layer.smallest_difference = -(int32_t)below(1u + ((UINT32_C(31) << 26) >> layer.difference_shift));
    }
    return layer;
}

static void free_layer(NeuralNetworkLayer *layer)
{
    free((void *)layer->weights);
    free((void *)layer->biases);
    free((void *)layer->multipliers);
    free((void *)layer->shifts);
}

/* Overwrites one number of a layer; the pointers and the counts of what they point to stay true. */
static void spoil(NeuralNetworkLayer *layer)
{
    static const uint32_t extremes[] = {0, 1, 2, 3, 127, 128, 255, 256, 4095, 32767, 32768, 65535};
    const uint32_t number = below(3) ? below(20) : extremes[below(12)];
    uint16_t *const sides[] = {&layer->input_height,  &layer->input_width,  &layer->input_channels,
                               &layer->output_height, &layer->output_width, &layer->output_channels,
                               &layer->kernel_height, &layer->kernel_width, &layer->stride_height,
                               &layer->stride_width,  &layer->padding_top,  &layer->padding_left};

    switch (below(8)) {
    case 0:
        layer->kind = (uint8_t)number;
        break;
    case 1:
        layer->smallest = (int8_t)number;
        break;
    case 2:
        layer->difference_shift = (int8_t)any();
        break;
    case 3:
        layer->smallest_difference = (int32_t)any();
        layer->difference_multiplier = (int32_t)any();
        break;
    case 4:
        if (layer->channel_count > 0) {
            ((int32_t *)layer->multipliers)[below(layer->channel_count)] = (int32_t)any();
            ((int8_t *)layer->shifts)[below(layer->channel_count)] = (int8_t)any();
        }
        break;
    default:
        *sides[below(12)] = (uint16_t)number;
    }
}

int main(int argc, char **argv)
{
    const uint32_t runs = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 1000;
    uint32_t ran = 0, refused = 0, checksum = 2166136261u;
    uint32_t run;

    for (run = 0; run < runs; run++) {
        NeuralNetworkLayer layers[MOST_LAYERS];
        NeuralNetwork model;
        size_t needed = 0, at;
        uint16_t height, width, channels, count, index;
        NeuralNetworkError status;
        int8_t *input, *output, *arena;

        /* Each run can be repeated by itself. */
        state = (run + 1u) * 2654435761u ^ (argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 1u);
        state += state == 0;
        height = (uint16_t)(1u + below(9)), width = (uint16_t)(1u + below(9)), channels = (uint16_t)(1u + below(9));
        memset(&model, 0, sizeof model);
        count = (uint16_t)(1u + below(MOST_LAYERS));
        model.input_bytes = (uint32_t)height * width * channels;
        for (index = 0; index < count; index++) {
            layers[index] = random_layer(height, width, channels);
            height = layers[index].output_height, width = layers[index].output_width;
            channels = layers[index].output_channels;
        }
        model.layers = layers, model.layer_count = count;
        model.output_bytes = (uint32_t)height * width * channels;
        if (below(3) == 0) {
            spoil(&layers[below(count)]);
        }
        if (below(20) == 0) {
            model.layer_count = (uint16_t)below(count + 1u);
        }
        status = neural_network_arena_bytes(&model, &needed);
        if (status != NEURAL_NETWORK_OK) {
            needed = below(200);
        }
        input = random_bytes(model.input_bytes);
        output = random_bytes(model.output_bytes);
        arena = random_bytes(needed);
        if (neural_network_run(&model, input, model.input_bytes, output, model.output_bytes, arena, needed) != status) {
            printf("run %u: the arena's size and the run disagree\n", (unsigned)run);
            return 1;
        }
        if (status == NEURAL_NETWORK_OK) {
            ran++;
            for (at = 0; at < model.output_bytes; at++) {
                checksum = (checksum ^ (uint8_t)output[at]) * 16777619u;
            }
            if ((needed > 0 && neural_network_run(&model, input, model.input_bytes, output, model.output_bytes,
                                                  arena, needed - 1) != NEURAL_NETWORK_ARENA_TOO_SMALL) ||
                neural_network_run(&model, input, model.input_bytes - 1, output, model.output_bytes, arena, needed) !=
                    NEURAL_NETWORK_WRONG_SIZE ||
                neural_network_run(&model, input, model.input_bytes, input, model.output_bytes, arena, needed) !=
                    NEURAL_NETWORK_OVERLAP) {
                printf("run %u: a wrong buffer is not refused\n", (unsigned)run);
                return 1;
            }
        } else {
            refused++;
        }
        free(input);
        free(output);
        free(arena);
        for (index = 0; index < count; index++) {
            free_layer(&layers[index]);
        }
    }
    printf("ran %u\nrefused %u\nchecksum %u\n", (unsigned)ran, (unsigned)refused, (unsigned)checksum);
    return 0;
}
