/* Runs a small int8 network from generated tables, as TensorFlow Lite's reference kernels would run it.
 *
 *     #include "keyword_model.h"
 *     static int8_t arena[KEYWORD_MODEL_ARENA_BYTES];
 *     int8_t scores[KEYWORD_MODEL_CLASSES];
 *     if (neural_network_run(&keyword_model, features, sizeof features, scores, sizeof scores,
 *                            arena, sizeof arena) == NEURAL_NETWORK_OK) { ... }
 *
 * C99, no heap, no floating point, no global state, string.h only. The tables come from a .tflite file
 * (export/c_source.py). A network is a chain of layers: convolution, depthwise convolution, fully connected, average
 * and max pooling, softmax, with RELU and RELU6 fused; a reshape is not a layer here.
 *
 * Compile-time switches, the same for every file of this folder:
 *   NEURAL_NETWORK_FAST             1: two multiplications an instruction (SMLAD of Cortex-M4, M7, M33, M55), the default
 *                                   where the core has them; 0: plain C. The bytes are the same. 1 on another core
 *                                   emulates the instructions, for tests.
 *   NEURAL_NETWORK_DOUBLE_ROUNDING  1: fully connected layers round twice, as TensorFlow Lite Micro does; 0, the
 *                                   default: once, as TensorFlow Lite does. Convolutions round twice in both.
 */
#ifndef KEYWORD_NEURAL_NETWORK_H
#define KEYWORD_NEURAL_NETWORK_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
    NEURAL_NETWORK_OK = 0,
    NEURAL_NETWORK_NULL_POINTER,    /* a required pointer is NULL */
    NEURAL_NETWORK_BAD_MODEL,       /* the tables are inconsistent, or use an unsupported layer */
    NEURAL_NETWORK_WRONG_SIZE,      /* the input or output buffer has not the model's size */
    NEURAL_NETWORK_ARENA_TOO_SMALL, /* see neural_network_arena_bytes() */
    NEURAL_NETWORK_OVERLAP          /* two of input, output and arena share memory */
} NeuralNetworkError;

typedef enum {
    NEURAL_NETWORK_CONVOLUTION = 1,  /* weights [output channels][kernel height][kernel width][input channels] */
    NEURAL_NETWORK_DEPTHWISE = 2,    /* weights [kernel height][kernel width][channels] */
    NEURAL_NETWORK_CONNECTED = 3,    /* weights [output channels][input channels], of each pixel by itself */
    NEURAL_NETWORK_AVERAGE_POOL = 4, /* padding does not count */
    NEURAL_NETWORK_MAX_POOL = 5,
    NEURAL_NETWORK_SOFTMAX = 6       /* over the channels */
} NeuralNetworkKind;

/* One layer. Feature maps are int8 [height][width][channels], one at a time. */
typedef struct {
    uint8_t kind; /* NeuralNetworkKind */
    uint16_t input_height, input_width, input_channels;
    uint16_t output_height, output_width, output_channels;
    uint16_t kernel_height, kernel_width;
    uint16_t stride_height, stride_width;
    uint16_t padding_top, padding_left; /* padding at the bottom and right follows from the sizes */
    int8_t input_zero_point, output_zero_point;
    int8_t smallest, largest; /* output range: the fused activation */

    /* Convolutions and fully connected layers: one entry an output channel but for the weights.
     * biases: the network's own, less input_zero_point * (sum of that channel's weights), so that neither input nor
     * padding (which holds the zero point) needs an offset.
     * A sum times multiplier / 2^31 * 2^shift is the output. */
    const int8_t *weights;
    const int32_t *biases;
    const int32_t *multipliers; /* 0 .. 2^31 - 1 */
    const int8_t *shifts;       /* -31 .. 30 */
    uint32_t weight_count, channel_count; /* entries that the arrays hold */

    /* Softmax: a difference times multiplier / 2^31 * 2^shift is in units of 2^-26; differences below
     * smallest_difference give a probability of nothing. */
    int32_t difference_multiplier;
    int32_t smallest_difference;
    int8_t difference_shift;
} NeuralNetworkLayer;

typedef struct {
    const NeuralNetworkLayer *layers;
    uint16_t layer_count;
    uint32_t input_bytes, output_bytes;
} NeuralNetwork;

/* Writes the size of the arena that the model needs to *bytes. Checks all tables except the values of weights. */
NeuralNetworkError neural_network_arena_bytes(const NeuralNetwork *model, size_t *bytes);

/* Runs the model on input (int8, quantised as the model requires) and writes output. The arena is overwritten and
 * holds nothing between calls. Buffers need no alignment; a start at a multiple of 4 is faster on some cores. */
NeuralNetworkError neural_network_run(const NeuralNetwork *model, const int8_t *input, size_t input_bytes,
                                         int8_t *output, size_t output_bytes, void *arena, size_t arena_bytes);

#ifdef __cplusplus
}
#endif

#endif
