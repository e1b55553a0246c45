/* Arduino Nano 33 BLE Sense: its own PDM microphone. */
#if defined(BOARD_NANO33BLE)
#include <Arduino.h>
#include <PDM.h>

#include "board.h"
#include "pins.h"

/* A ring between the microphone's interrupt, which alone moves `head`, and the program, which alone moves `tail`:
 * 128 ms, more than one inference takes. */
static const unsigned ROOM = 2048;
static int16_t ring[ROOM];
static volatile unsigned head, tail;
static volatile bool lost;

static void take_sound() {
    int16_t samples[256];
    int bytes = PDM.available();
    while (bytes > 0) {
        const int wanted = bytes < (int)sizeof samples ? bytes : (int)sizeof samples;
        const int got = PDM.read(samples, (size_t)wanted);
        if (got <= 0) return;
        for (int n = 0; n < got / 2; ++n) {
            if (head - tail == ROOM) lost = true;
            else {
                ring[head % ROOM] = samples[n];
                head = head + 1;
            }
        }
        bytes -= got;
    }
}

extern "C" void board_start(void) {
    Serial.begin(115200);
    pinMode(LED_BUILTIN, OUTPUT);
    PDM.onReceive(take_sound);
    PDM.setBufferSize(512);
    while (!PDM.begin(1, 16000)) {
        Serial.println("error: the microphone does not start");
        delay(1000);
    }
    PDM.setGain(40); /* of 80, in half decibels; after begin, which sets its own */
}

extern "C" size_t microphone_read(int16_t *samples, size_t capacity) {
    size_t count = 0;
    while (head == tail) yield();
    while (count < capacity && head != tail) {
        samples[count++] = ring[tail % ROOM];
        tail = tail + 1;
    }
    if (lost) {
        lost = false;
        Serial.println("error: sound was lost");
    }
    return count;
}

extern "C" void board_light(int on) { digitalWrite(LED_BUILTIN, on ? HIGH : LOW); }

extern "C" void board_print(const char *line) { Serial.print(line); }

void setup() { listen_start(); }

void loop() { listen_step(); }
#endif
