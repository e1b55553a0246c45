/* See audio_frames.h. */
#include "audio_frames.h"

enum { HEADER = 16, CHECKED = 4, RATE = 16 /* kHz */ };

static void put(uint8_t *bytes, uint32_t value, unsigned count) {
    unsigned n;
    for (n = 0; n < count; ++n) bytes[n] = (uint8_t)(value >> (8u * n));
}

/* CRC-32 of IEEE 802.3, as zlib computes it, four bits at a time: 64 bytes of table instead of 1024. */
static uint32_t checksum(const uint8_t *bytes, size_t count) {
    static const uint32_t table[16] = {
        0x00000000u, 0x1db71064u, 0x3b6e20c8u, 0x26d930acu, 0x76dc4190u, 0x6b6b51f4u, 0x4db26158u, 0x5005713cu,
        0xedb88320u, 0xf00f9344u, 0xd6d6a3e8u, 0xcb61b38cu, 0x9b64c2b0u, 0x86d3d2d4u, 0xa00ae278u, 0xbdbdf21cu};
    uint32_t crc = 0xffffffffu;
    size_t n;
    for (n = 0; n < count; ++n) {
        crc ^= bytes[n];
        crc = (crc >> 4) ^ table[crc & 15u];
        crc = (crc >> 4) ^ table[crc & 15u];
    }
    return ~crc;
}

AudioFramesError audio_frames_reset(AudioFrames *frames) {
    if (frames == NULL) return AUDIO_FRAMES_NULL_POINTER;
    frames->sequence = 0;
    frames->position = 0;
    return AUDIO_FRAMES_OK;
}

AudioFramesError audio_frames_write(AudioFrames *frames, const int16_t *samples, size_t count, uint8_t *bytes,
                                    size_t capacity, size_t *size) {
    static const uint8_t magic[4] = {0xa5, 'A', 'S', 'R'};
    size_t n;
    if (size != NULL) *size = 0;
    if (frames == NULL || samples == NULL || bytes == NULL || size == NULL) return AUDIO_FRAMES_NULL_POINTER;
    if (count == 0 || count > AUDIO_FRAMES_MOST_SAMPLES) return AUDIO_FRAMES_BAD_COUNT;
    if (capacity < AUDIO_FRAMES_BYTES(count)) return AUDIO_FRAMES_NO_SPACE;
    for (n = 0; n < sizeof magic; ++n) bytes[n] = magic[n];
    bytes[4] = AUDIO_FRAMES_VERSION;
    bytes[5] = RATE;
    put(bytes + 6, (uint32_t)count, 2);
    put(bytes + 8, frames->sequence, 4);
    put(bytes + 12, frames->position, 4);
    for (n = 0; n < count; ++n) put(bytes + HEADER + 2 * n, (uint16_t)samples[n], 2);
    put(bytes + HEADER + 2 * count, checksum(bytes + CHECKED, HEADER - CHECKED + 2 * count), 4);
    ++frames->sequence;
    frames->position += (uint32_t)count;
    *size = AUDIO_FRAMES_BYTES(count);
    return AUDIO_FRAMES_OK;
}

AudioFramesError audio_frames_skip(AudioFrames *frames, size_t count) {
    if (frames == NULL) return AUDIO_FRAMES_NULL_POINTER;
    frames->position += (uint32_t)count;
    return AUDIO_FRAMES_OK;
}
