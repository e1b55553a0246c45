/* The part that is accounted as the firmware's own: everything that it keeps is here. */
#include "listener.h"

int16_t listener_block[LISTENER_BLOCK];

static Keyword keyword;

int listener_start(KeywordHeard heard, void *context)
{
    return keyword_reset(&keyword, heard, context) == DETECTOR_OK;
}

int listener_hear(size_t count)
{
    return keyword_listen(&keyword, listener_block, count) == DETECTOR_OK;
}
