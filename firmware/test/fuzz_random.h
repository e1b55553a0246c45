/* Random numbers that are the same for a seed on every machine, for the fuzzers. */
#ifndef FUZZ_RANDOM_H
#define FUZZ_RANDOM_H

#include <stdint.h>

static uint32_t state;

/* Marsaglia's xorshift of 32 bits (2003); `state` is not 0. */
static uint32_t any(void) {
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return state;
}

static uint32_t below(uint32_t limit) { return any() % limit; }

#endif
