/* The pins of all boards; platformio.ini defines the BOARD_ that is built.
 *
 *                           clock            word select       data        LED
 *   Nano 33 BLE Sense       (PDM microphone on the board)                  LED_BUILTIN
 *   ESP32 DevKit            GPIO 26          GPIO 25           GPIO 33     GPIO 2
 *   ESP32-S3 DevKitC-1      GPIO 4           GPIO 5            GPIO 6      GPIO 38 (an LED of your own)
 *   Raspberry Pi Pico       GPIO 20          GPIO 21           GPIO 22     GPIO 25
 *
 * INMP441: SCK is the clock, WS the word select, SD the data; L/R to ground, for the left half is read; 3.3 V.
 * The Pico's word select is always the pin after its clock. */
#ifndef PINS_H
#define PINS_H

#if defined(BOARD_NANO33BLE)
/* PDM.h knows the pins of its own board. */
#elif defined(BOARD_ESP32)
#define PIN_CLOCK 26
#define PIN_WORD_SELECT 25
#define PIN_DATA 33
#define PIN_LIGHT 2
#elif defined(BOARD_ESP32S3)
#define PIN_CLOCK 4
#define PIN_WORD_SELECT 5
#define PIN_DATA 6
#define PIN_LIGHT 38
#elif defined(BOARD_PICO)
#define PIN_CLOCK 20
#define PIN_WORD_SELECT 21
#define PIN_DATA 22
#define PIN_LIGHT 25
#else
#error "no board is chosen: define BOARD_NANO33BLE, BOARD_ESP32, BOARD_ESP32S3 or BOARD_PICO"
#endif

/* An INMP441 gives 24 bits at the top of 32. Two bits fewer than 16 are dropped at the bottom, which makes it four
 * times as loud: speech at arm's length is then about as loud as in recordings. */
#define I2S_SHIFT 14

static inline short i2s_sample(long value) {
    value /= 1L << I2S_SHIFT;
    return (short)(value > 32767 ? 32767 : value < -32768 ? -32768 : value);
}

#endif
