/* ESP32 and ESP32-S3 with an I2S microphone (INMP441), on ESP-IDF 5. */
#if defined(BOARD_ESP32) || defined(BOARD_ESP32S3)
#include <stdio.h>

#include "board.h"
#include "driver/gpio.h"
#include "driver/i2s_std.h"
#include "esp_err.h"
#include "freertos/FreeRTOS.h"
#include "pins.h"

enum { CHUNK = 160 }; /* samples taken from the driver at a time, 10 ms */

static i2s_chan_handle_t channel;

void board_start(void) {
    i2s_chan_config_t settings = I2S_CHANNEL_DEFAULT_CONFIG(I2S_NUM_0, I2S_ROLE_MASTER);
    i2s_std_config_t microphone = {
        .clk_cfg = I2S_STD_CLK_DEFAULT_CONFIG(16000),
        .slot_cfg = I2S_STD_PHILIPS_SLOT_DEFAULT_CONFIG(I2S_DATA_BIT_WIDTH_32BIT, I2S_SLOT_MODE_MONO),
        .gpio_cfg =
            {
                .mclk = I2S_GPIO_UNUSED,
                .bclk = (gpio_num_t)PIN_CLOCK,
                .ws = (gpio_num_t)PIN_WORD_SELECT,
                .dout = I2S_GPIO_UNUSED,
                .din = (gpio_num_t)PIN_DATA,
            },
    };
    /* 120 ms of buffers, more than one inference takes. */
    settings.dma_desc_num = 12;
    settings.dma_frame_num = CHUNK;
    microphone.slot_cfg.slot_mask = I2S_STD_SLOT_LEFT;
    ESP_ERROR_CHECK(gpio_reset_pin((gpio_num_t)PIN_LIGHT));
    ESP_ERROR_CHECK(gpio_set_direction((gpio_num_t)PIN_LIGHT, GPIO_MODE_OUTPUT));
    ESP_ERROR_CHECK(i2s_new_channel(&settings, NULL, &channel));
    ESP_ERROR_CHECK(i2s_channel_init_std_mode(channel, &microphone));
    ESP_ERROR_CHECK(i2s_channel_enable(channel));
}

size_t microphone_read(int16_t *samples, size_t capacity) {
    static int32_t chunk[CHUNK];
    const size_t wanted = capacity < CHUNK ? capacity : CHUNK;
    size_t bytes = 0, n;
    if (i2s_channel_read(channel, chunk, wanted * sizeof *chunk, &bytes, portMAX_DELAY) != ESP_OK) return 0;
    for (n = 0; n < bytes / sizeof *chunk; ++n) samples[n] = i2s_sample(chunk[n]);
    return n;
}

void board_light(int on) { (void)gpio_set_level((gpio_num_t)PIN_LIGHT, on != 0); }

void board_print(const char *line) {
    (void)fputs(line, stdout);
    (void)fflush(stdout);
}

void app_main(void) {
    listen_start();
    for (;;) listen_step();
}
#endif
