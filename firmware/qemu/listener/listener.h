/* What a board's program is made of, its microphone and lamp apart: the state of keyword.h and a block of sound. */
#ifndef LISTENER_H
#define LISTENER_H

#include "keyword.h"

enum { LISTENER_BLOCK = KEYWORD_BLOCK };

extern int16_t listener_block[LISTENER_BLOCK];

/* 1 where it worked. */
int listener_start(KeywordHeard heard, void *context);
/* Hears the first `count` samples of the block; 1 where it worked. */
int listener_hear(size_t count);

#endif
