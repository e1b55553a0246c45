/* Raspberry Pi Pico with an I2S microphone (INMP441), on the Arduino core of Earle F. Philhower. */
#if defined(BOARD_PICO)
#include <Arduino.h>
#include <I2S.h>

#include "board.h"
#include "pins.h"

static_assert(PIN_WORD_SELECT == PIN_CLOCK + 1, "the word select of this board is the pin after its clock");

static I2S microphone(INPUT);

extern "C" void board_start(void) {
    Serial.begin(115200);
    pinMode(PIN_LIGHT, OUTPUT);
    /* A word is 32 bits and a sample two of them: 8 buffers of 320 words are 80 ms. */
    const bool set = microphone.setBCLK(PIN_CLOCK) && microphone.setDATA(PIN_DATA) && microphone.setBitsPerSample(32) &&
                     microphone.setBuffers(8, 320);
    while (!set || !microphone.begin(16000)) {
        Serial.println("error: the microphone does not start");
        delay(1000);
    }
}

extern "C" size_t microphone_read(int16_t *samples, size_t capacity) {
    size_t count = 0;
    int32_t left = 0, right = 0;
    while (count < capacity && microphone.read32(&left, &right)) samples[count++] = i2s_sample(left);
    return count;
}

extern "C" void board_light(int on) { digitalWrite(PIN_LIGHT, on ? HIGH : LOW); }

extern "C" void board_print(const char *line) { Serial.print(line); }

void setup() { listen_start(); }

void loop() { listen_step(); }
#endif
