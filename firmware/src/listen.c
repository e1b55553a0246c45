/* The program of all boards: detects words and reports them by LED and serial port. */
#include <stdio.h>

#include "board.h"
#include "keyword.h"

enum { LIGHT_SAMPLES = FRONTEND_SAMPLE_RATE / 2 }; /* duration of the LED */

static Keyword keyword;
static int16_t block[KEYWORD_BLOCK];
static uint32_t light; /* samples until the LED goes off */

__attribute__((weak)) void audio_taken(const int16_t *samples, size_t count) {
    (void)samples;
    (void)count;
}

static void keyword_heard(void *context, const char *word, const DetectorHeard *heard) {
    char line[80];
    /* Time from the start to the end of the newest slice. */
    const unsigned long milliseconds =
        (heard->slice * (unsigned long)FRONTEND_STEP + FRONTEND_WINDOW) / (FRONTEND_SAMPLE_RATE / 1000);
    (void)context;
    (void)snprintf(line, sizeof line, "heard %.40s 0.%02u @%lu ms\n", word, heard->score * 100u / 256u, milliseconds);
    board_light(1);
    light = LIGHT_SAMPLES;
    board_print(line);
}

void listen_start(void) {
    board_start();
    if (keyword_reset(&keyword, keyword_heard, NULL) != DETECTOR_OK) board_print("error: the model cannot be used\n");
    else board_print("listening\n");
}

void listen_step(void) {
    const size_t count = microphone_read(block, KEYWORD_BLOCK);
    const DetectorError error = keyword_listen(&keyword, block, count);
    audio_taken(block, count);
    if (error != DETECTOR_OK) {
        board_print("error: the detector stopped and starts anew\n");
        (void)keyword_reset(&keyword, keyword_heard, NULL);
    }
    if (light != 0) {
        light = count < light ? light - (uint32_t)count : 0;
        if (light == 0) board_light(0);
    }
}
