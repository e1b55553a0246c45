/* Checks the tables, places the feature maps in the arena, and runs layer after layer. */
#include "neural_network_kernels.h"

/* Maximum size of a feature map, kernel or weight array, so that sums of bytes fit 32 bits. */
#define LARGEST_COUNT (UINT32_C(1) << 22)

/* Arena use of a layer, in bytes. */
typedef struct {
    uint32_t input, output, scratch;
} LayerBytes;

/* a * b * c, or 0 if that is 0 or too large. */
static uint32_t volume(uint32_t a, uint32_t b, uint32_t c)
{
    if (a == 0 || b == 0 || c == 0 || a > LARGEST_COUNT / b || a * b > LARGEST_COUNT / c) {
        return 0;
    }
    return a * b * c;
}

/* Multiples of 4 keep the alignment of the arena. */
static uint32_t rounded(uint32_t bytes)
{
    return (bytes + 3u) & ~UINT32_C(3);
}

/* Each window starts within the input or in padding narrower than itself: it always covers an input pixel. */
static int windows_fit(uint32_t input, uint32_t output, uint32_t kernel, uint32_t stride, uint32_t padding)
{
    return kernel > 0 && stride > 0 && padding < kernel && (output - 1u) * stride < input + padding;
}

/* A kernel that covers exactly one pixel reads it in place; others are gathered first. */
static int reads_in_place(const NeuralNetworkLayer *layer)
{
    return layer->kernel_height == 1 && layer->kernel_width == 1;
}

static int has_window(uint8_t kind)
{
    return kind != NEURAL_NETWORK_CONNECTED && kind != NEURAL_NETWORK_SOFTMAX;
}

static int tables_are_sound(const NeuralNetworkLayer *layer, uint32_t weight_count)
{
    uint32_t channel;

    if (layer->weights == NULL || layer->biases == NULL || layer->multipliers == NULL || layer->shifts == NULL ||
        weight_count == 0 || layer->weight_count != weight_count || layer->channel_count != layer->output_channels) {
        return 0;
    }
    for (channel = 0; channel < layer->channel_count; channel++) {
        if (layer->multipliers[channel] < 0 || layer->shifts[channel] < -31 || layer->shifts[channel] > 30) {
            return 0;
        }
    }
    return 1;
}

static NeuralNetworkError check_layer(const NeuralNetworkLayer *layer, LayerBytes *bytes)
{
    const uint32_t window = volume(layer->kernel_height, layer->kernel_width, 1);
    const int same_channels = layer->input_channels == layer->output_channels;
    int sound;

    bytes->input = volume(layer->input_height, layer->input_width, layer->input_channels);
    bytes->output = volume(layer->output_height, layer->output_width, layer->output_channels);
    bytes->scratch = 0;
    if (bytes->input == 0 || bytes->output == 0 || layer->smallest > layer->largest) {
        return NEURAL_NETWORK_BAD_MODEL;
    }
    if (has_window(layer->kind) &&
        (window == 0 ||
         !windows_fit(layer->input_height, layer->output_height, layer->kernel_height, layer->stride_height,
                      layer->padding_top) ||
         !windows_fit(layer->input_width, layer->output_width, layer->kernel_width, layer->stride_width,
                      layer->padding_left))) {
        return NEURAL_NETWORK_BAD_MODEL;
    }
    switch (layer->kind) {
    case NEURAL_NETWORK_CONVOLUTION: {
        const uint32_t taps = volume(window, layer->input_channels, 1);

        sound = tables_are_sound(layer, volume(taps, layer->output_channels, 1));
        bytes->scratch = reads_in_place(layer) ? 0 : 2u * rounded(taps);
        break;
    }
    case NEURAL_NETWORK_DEPTHWISE: {
        const uint32_t taps = volume(window, layer->input_channels, 1);

        sound = same_channels && tables_are_sound(layer, taps);
        bytes->scratch = rounded(taps);
        break;
    }
    case NEURAL_NETWORK_CONNECTED:
        sound = layer->input_height == layer->output_height && layer->input_width == layer->output_width &&
                tables_are_sound(layer, volume(layer->input_channels, layer->output_channels, 1));
        break;
    case NEURAL_NETWORK_AVERAGE_POOL:
    case NEURAL_NETWORK_MAX_POOL:
        sound = same_channels;
        break;
    case NEURAL_NETWORK_SOFTMAX:
        /* These ranges keep a shifted difference within 31 * 2^26, and the sum, at most 2^19 a class, below 2^28. */
        sound = same_channels && layer->input_height == layer->output_height &&
                layer->input_width == layer->output_width && layer->difference_multiplier >= 0 &&
                layer->difference_shift >= 0 && layer->difference_shift <= 30 && layer->smallest_difference <= 0 &&
                layer->smallest_difference >= -((INT32_C(31) << 26) >> layer->difference_shift) &&
                layer->input_channels <= 256;
        break;
    default:
        sound = 0;
    }
    return sound ? NEURAL_NETWORK_OK : NEURAL_NETWORK_BAD_MODEL;
}

/* Checks that the layers' shapes match; writes the bytes of arena that the largest layer needs. */
static NeuralNetworkError check(const NeuralNetwork *model, uint32_t *arena_bytes)
{
    uint32_t previous;
    uint16_t index;

    if (model == NULL || model->layers == NULL) {
        return NEURAL_NETWORK_NULL_POINTER;
    }
    *arena_bytes = 0;
    previous = model->input_bytes;
    for (index = 0; index < model->layer_count; index++) {
        LayerBytes bytes;
        const NeuralNetworkError status = check_layer(&model->layers[index], &bytes);
        uint32_t needed;

        if (status != NEURAL_NETWORK_OK) {
            return status;
        }
        if (bytes.input != previous) {
            return NEURAL_NETWORK_BAD_MODEL;
        }
        previous = bytes.output;
        /* The first input and the last output are the caller's buffers. */
        needed = bytes.scratch;
        needed += index > 0 ? rounded(bytes.input) : 0;
        needed += index + 1 < model->layer_count ? rounded(bytes.output) : 0;
        *arena_bytes = needed > *arena_bytes ? needed : *arena_bytes;
    }
    return model->layer_count > 0 && previous == model->output_bytes ? NEURAL_NETWORK_OK : NEURAL_NETWORK_BAD_MODEL;
}

static int overlap(const void *a, size_t a_bytes, const void *b, size_t b_bytes)
{
    const uintptr_t a_start = (uintptr_t)a;
    const uintptr_t b_start = (uintptr_t)b;

    return a_start < b_start ? b_start - a_start < a_bytes : a_start - b_start < b_bytes;
}

static void run_layer(const NeuralNetworkLayer *layer, const int8_t *input, int8_t *output, int8_t *scratch)
{
    switch (layer->kind) {
    case NEURAL_NETWORK_CONVOLUTION:
        neural_network_convolution(layer, input, output, scratch);
        break;
    case NEURAL_NETWORK_DEPTHWISE:
        neural_network_depthwise(layer, input, output, scratch);
        break;
    case NEURAL_NETWORK_CONNECTED:
        neural_network_connected(layer, input, output);
        break;
    case NEURAL_NETWORK_AVERAGE_POOL:
        neural_network_average_pool(layer, input, output);
        break;
    case NEURAL_NETWORK_MAX_POOL:
        neural_network_max_pool(layer, input, output);
        break;
    default:
        neural_network_softmax(layer, input, output);
    }
}

NeuralNetworkError neural_network_arena_bytes(const NeuralNetwork *model, size_t *bytes)
{
    uint32_t needed;
    NeuralNetworkError status;

    if (bytes == NULL) {
        return NEURAL_NETWORK_NULL_POINTER;
    }
    status = check(model, &needed);
    if (status == NEURAL_NETWORK_OK) {
        *bytes = needed;
    }
    return status;
}

NeuralNetworkError neural_network_run(const NeuralNetwork *model, const int8_t *input, size_t input_bytes,
                                         int8_t *output, size_t output_bytes, void *arena, size_t arena_bytes)
{
    int8_t *const bottom = arena;
    const int8_t *from = input;
    uint32_t from_bytes = 0;
    uint32_t needed;
    uint16_t index;
    const NeuralNetworkError status = check(model, &needed);

    if (status != NEURAL_NETWORK_OK) {
        return status;
    }
    if (input == NULL || output == NULL || (arena == NULL && needed > 0)) {
        return NEURAL_NETWORK_NULL_POINTER;
    }
    if (input_bytes != model->input_bytes || output_bytes != model->output_bytes) {
        return NEURAL_NETWORK_WRONG_SIZE;
    }
    if (arena_bytes < needed) {
        return NEURAL_NETWORK_ARENA_TOO_SMALL;
    }
    if (overlap(input, input_bytes, output, output_bytes) || overlap(input, input_bytes, arena, needed) ||
        overlap(output, output_bytes, arena, needed)) {
        return NEURAL_NETWORK_OVERLAP;
    }
    /* Feature maps alternate between bottom and top of the arena, with the scratch memory in between. */
    for (index = 0; index < model->layer_count; index++) {
        const NeuralNetworkLayer *const layer = &model->layers[index];
        const int last = index + 1 == model->layer_count;
        const uint32_t to_bytes =
            last ? 0 : rounded((uint32_t)layer->output_height * layer->output_width * layer->output_channels);
        const int at_bottom = index % 2 == 0;
        int8_t *const to = last ? output : at_bottom ? bottom : bottom + (needed - to_bytes);

        run_layer(layer, from, to, bottom + (at_bottom ? to_bytes : from_bytes));
        from = to;
        from_bytes = to_bytes;
    }
    return NEURAL_NETWORK_OK;
}
