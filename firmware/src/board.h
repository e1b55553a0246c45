/* The functions that a port implements. listen.c calls them. */
#ifndef BOARD_H
#define BOARD_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Start serial line, LED and microphone; does not return on failure. */
void board_start(void);
/* Wait for sound and write at most `capacity` samples of it (16 kHz, mono); returns how many. */
size_t microphone_read(int16_t *samples, size_t capacity);
/* Switch the LED. */
void board_light(int on);
/* Write a line, which ends with a newline, to the serial port. */
void board_print(const char *line);

/* The port's main program calls the first once and the second in a loop. */
void listen_start(void);
void listen_step(void);

/* Hook: told of all sound as it comes. listen.c has one that does nothing, and which yields to yours; here a board
 * may stream what was said after a word to its host. */
void audio_taken(const int16_t *samples, size_t count);

#ifdef __cplusplus
}
#endif
#endif
