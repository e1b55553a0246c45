/* What a program in QEMU has instead of a board: files and a console of the host by semihosting, a counter of
 * instructions, and a painted stack. */
#ifndef MACHINE_H
#define MACHINE_H

#include <stddef.h>
#include <stdint.h>

/* Copies the words after -kernel's arg= of -semihosting-config into `buffer` and points `words` at them; returns how
 * many there are. */
int machine_arguments(char *buffer, size_t bytes, char **words, int most);

/* A handle, or -1. */
int machine_open(const char *path, int writing);
/* Bytes read, fewer at the end of the file. */
size_t machine_read(int handle, void *buffer, size_t bytes);
/* 1 where all of it was written. */
int machine_write(int handle, const void *buffer, size_t bytes);
void machine_close(int handle);

void machine_print(const char *text);
void machine_print_number(uint32_t number);
/* A line "name number". */
void machine_print_figure(const char *name, uint32_t number);
/* The number that a word of digits is; 0 where it is something else. */
uint32_t machine_parse(const char *word);
/* Ends QEMU with this exit code. */
void machine_exit(int code) __attribute__((noreturn));
/* Ends with a line on the console and the exit code 2. */
void machine_fail(const char *what, const char *name) __attribute__((noreturn));

/* Instructions since it was last asked; QEMU has to run with -icount shift=6, and 2,600 million between two calls are
 * too many. */
uint32_t machine_instructions(void);

/* Fills the stack below the caller with a pattern; then how many bytes of it were used at most since. */
void machine_paint_stack(void);
uint32_t machine_stack_used(void);

#endif
