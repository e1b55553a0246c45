"""The boards: the core compiles for their processors, each port against its vendor's declarations, and all agree.

Nothing here runs on a board, and the vendors' compilers are not needed: stub headers declare what a port calls, with
the signatures of ESP-IDF 5.3's driver/i2s_std.h, ArduinoCore-mbed's PDM.h and arduino-pico's I2S.h.
"""

from __future__ import annotations

import configparser
import shutil
import subprocess
from pathlib import Path

import pytest

FIRMWARE = Path(__file__).resolve().parents[2] / "firmware"
LIBRARY, SOURCES = FIRMWARE / "lib", FIRMWARE / "src"
WARNINGS = ("-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Wstrict-prototypes", "-Werror")
CORES = {
    "Cortex-M0+": ("arm-none-eabi-gcc", "-mcpu=cortex-m0plus", "-mthumb"),
    "Cortex-M4": ("arm-none-eabi-gcc", "-mcpu=cortex-m4", "-mthumb"),
    "Cortex-M55": ("arm-none-eabi-gcc", "-mcpu=cortex-m55", "-mthumb"),
    "rv32imc": ("riscv64-unknown-elf-gcc", "-march=rv32imc", "-mabi=ilp32", "--specs=picolibc.specs"),
}

ARDUINO = """
#pragma once
#include <stddef.h>
#include <stdint.h>
enum PinMode { INPUT, OUTPUT };
enum PinStatus { LOW, HIGH };
typedef uint8_t pin_size_t;
#define LED_BUILTIN 13
void pinMode(int pin, PinMode mode);
void digitalWrite(int pin, PinStatus status);
void delay(unsigned long milliseconds);
void yield();
void setup();
void loop();
struct SerialPort {
  void begin(unsigned long rate);
  size_t print(const char *text);
  size_t println(const char *text);
};
extern SerialPort Serial;
"""
PDM = """
#pragma once
#include <Arduino.h>
class PDMClass {
public:
  int begin(int channels, int sampleRate);
  void end();
  virtual int available();
  virtual int read(void *buffer, size_t size);
  void onReceive(void (*)(void));
  void setGain(int gain);
  void setBufferSize(int bufferSize);
};
extern PDMClass PDM;
"""
I2S = """
#pragma once
#include <Arduino.h>
class I2S {
public:
  I2S(PinMode direction = OUTPUT, pin_size_t bclk = 26, pin_size_t data = 28, pin_size_t mclk = 25,
      pin_size_t data_rx = 22);
  bool setBCLK(pin_size_t pin);
  bool setDATA(pin_size_t pin);
  virtual bool setBitsPerSample(int bps);
  virtual bool setBuffers(size_t buffers, size_t bufferWords, int32_t silenceSample = 0);
  bool begin(long sampleRate);
  bool read32(int32_t *l, int32_t *r);
};
"""
ESP = {
    "esp_err.h": """
#pragma once
typedef int esp_err_t;
#define ESP_OK 0
#define ESP_ERROR_CHECK(x) do { esp_err_t error_ = (x); (void)error_; } while (0)
""",
    "freertos/FreeRTOS.h": """
#pragma once
#include <stdint.h>
typedef uint32_t TickType_t;
#define portMAX_DELAY ((TickType_t)0xffffffffUL)
void app_main(void);
""",
    "driver/gpio.h": """
#pragma once
#include <stdint.h>
#include "esp_err.h"
typedef enum { GPIO_NUM_NC = -1, GPIO_NUM_0 = 0, GPIO_NUM_MAX = 49 } gpio_num_t;
typedef enum { GPIO_MODE_INPUT = 1, GPIO_MODE_OUTPUT = 2 } gpio_mode_t;
esp_err_t gpio_reset_pin(gpio_num_t gpio_num);
esp_err_t gpio_set_direction(gpio_num_t gpio_num, gpio_mode_t mode);
esp_err_t gpio_set_level(gpio_num_t gpio_num, uint32_t level);
""",
    "driver/i2s_std.h": """
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "driver/gpio.h"
#include "esp_err.h"
typedef struct i2s_channel_obj_t *i2s_chan_handle_t;
typedef enum { I2S_NUM_0 = 0 } i2s_port_t;
typedef enum { I2S_ROLE_MASTER } i2s_role_t;
typedef enum { I2S_DATA_BIT_WIDTH_16BIT = 16, I2S_DATA_BIT_WIDTH_32BIT = 32 } i2s_data_bit_width_t;
typedef enum { I2S_SLOT_MODE_MONO = 1, I2S_SLOT_MODE_STEREO = 2 } i2s_slot_mode_t;
typedef enum { I2S_STD_SLOT_LEFT = 1, I2S_STD_SLOT_RIGHT = 2 } i2s_std_slot_mask_t;
#define I2S_GPIO_UNUSED GPIO_NUM_NC
typedef struct {
  i2s_port_t id; i2s_role_t role; uint32_t dma_desc_num; uint32_t dma_frame_num; bool auto_clear;
} i2s_chan_config_t;
typedef struct { uint32_t sample_rate_hz; } i2s_std_clk_config_t;
typedef struct {
  i2s_data_bit_width_t data_bit_width; i2s_slot_mode_t slot_mode; i2s_std_slot_mask_t slot_mask;
} i2s_std_slot_config_t;
typedef struct {
  gpio_num_t mclk, bclk, ws, dout, din;
  struct { uint32_t mclk_inv : 1; uint32_t bclk_inv : 1; uint32_t ws_inv : 1; } invert_flags;
} i2s_std_gpio_config_t;
typedef struct {
  i2s_std_clk_config_t clk_cfg; i2s_std_slot_config_t slot_cfg; i2s_std_gpio_config_t gpio_cfg;
} i2s_std_config_t;
#define I2S_CHANNEL_DEFAULT_CONFIG(num, its_role) \\
  { .id = num, .role = its_role, .dma_desc_num = 6, .dma_frame_num = 240, .auto_clear = false }
#define I2S_STD_CLK_DEFAULT_CONFIG(rate) { .sample_rate_hz = rate }
#define I2S_STD_PHILIPS_SLOT_DEFAULT_CONFIG(bits, mode) \\
  { .data_bit_width = bits, .slot_mode = mode, .slot_mask = I2S_STD_SLOT_LEFT }
esp_err_t i2s_new_channel(const i2s_chan_config_t *config, i2s_chan_handle_t *tx, i2s_chan_handle_t *rx);
esp_err_t i2s_channel_init_std_mode(i2s_chan_handle_t handle, const i2s_std_config_t *config);
esp_err_t i2s_channel_enable(i2s_chan_handle_t handle);
esp_err_t i2s_channel_read(i2s_chan_handle_t handle, void *dest, size_t size, size_t *read, uint32_t timeout_ms);
""",
}
# A model that says the third class of three whatever it hears: one layer without weights worth the name.
MODEL_HEADER = """
#ifndef KEYWORD_MODEL_H
#define KEYWORD_MODEL_H
#include "frontend.h"
#include "neural_network.h"
#define KEYWORD_MODEL_CLASSES 3
#define KEYWORD_MODEL_INPUT_BYTES 1960
#define KEYWORD_MODEL_ARENA_BYTES 4096
#define KEYWORD_MODEL_SAMPLE_RATE 16000
#define KEYWORD_MODEL_WINDOW 480
#define KEYWORD_MODEL_STEP 320
#define KEYWORD_MODEL_CHANNELS 40
#define KEYWORD_MODEL_SLICES 49
#define KEYWORD_MODEL_STRIDE 2
#define KEYWORD_MODEL_AVERAGE 8
#define KEYWORD_MODEL_SUPPRESSION 50
#ifdef __cplusplus
extern "C" {
#endif
extern const NeuralNetwork keyword_model;
extern const char *const keyword_model_words[KEYWORD_MODEL_CLASSES];
extern const uint16_t keyword_model_thresholds[KEYWORD_MODEL_CLASSES];
#ifdef __cplusplus
}
#endif
#endif
"""
MODEL = """
#include "keyword_model.h"
static const int8_t weights[3 * 1960];
static const int32_t biases[3] = {-100, -100, 111}, multipliers[3] = {1 << 30, 1 << 30, 1 << 30};
static const int8_t shifts[3] = {1, 1, 1};
static const NeuralNetworkLayer layers[1] = {{
    .kind = NEURAL_NETWORK_CONNECTED, .input_height = 1, .input_width = 1, .input_channels = 1960,
    .output_height = 1, .output_width = 1, .output_channels = 3, .kernel_height = 1, .kernel_width = 1,
    .stride_height = 1, .stride_width = 1, .input_zero_point = -128, .output_zero_point = 0,
    .smallest = -128, .largest = 127, .weights = weights, .biases = biases, .multipliers = multipliers,
    .shifts = shifts, .weight_count = 3 * 1960, .channel_count = 3}};
const NeuralNetwork keyword_model = {layers, 1, 1960, 3};
const char *const keyword_model_words[3] = {"silence", "unknown", "yes"};
const uint16_t keyword_model_thresholds[3] = {256, 256, 200};
"""
# Three seconds of silence, in blocks of no particular length.
HOST_PORT = """
#include <stdio.h>
#include <string.h>
#include "board.h"
static unsigned long given, hooked;
void board_start(void) { puts("start"); }
size_t microphone_read(int16_t *samples, size_t capacity) {
    const size_t count = capacity < 123 ? capacity : 123;
    memset(samples, 0, count * sizeof *samples);
    given += count;
    return count;
}
void board_light(int on) { printf("light %d\\n", on); }
void board_print(const char *line) { fputs(line, stdout); }
void audio_taken(const int16_t *samples, size_t count) { (void)samples; hooked += count; }
int main(void) {
    listen_start();
    while (given < 48000) listen_step();
    return given != hooked;
}
"""


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def compiles(*command: str | Path) -> str:
    """Return what a compiler says against a command; "" where it compiles."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    return "" if done.returncode == 0 else done.stderr or "failed"


def core() -> list[Path]:
    return sorted(path for path in LIBRARY.glob("*.c") if not path.name.startswith("keyword_model"))


@pytest.mark.parametrize("name", CORES)
def test_the_core_compiles_for_every_processor(name: str, tmp_path: Path) -> None:
    compiler, *flags = CORES[name]
    if shutil.which(compiler) is None:
        pytest.skip(f"{compiler} is not installed")
    header = write(tmp_path, {"keyword_model.h": MODEL_HEADER, "use.c": '#include "keyword.h"\n'})
    for source in [*core(), tmp_path / "use.c"]:
        output = ("-o", tmp_path / "object.o")
        said = compiles(
            compiler,
            *flags,
            "-std=c99",
            "-O2",
            *WARNINGS,
            "-Wconversion",
            f"-I{LIBRARY}",
            f"-I{header}",
            "-c",
            source,
            *output,
        )
        assert said == "", f"{source.name} for {name}: {said}"


def environments() -> dict[str, list[str]]:
    """Return the flags of each environment of platformio.ini."""
    parser = configparser.ConfigParser()
    parser.read(FIRMWARE / "platformio.ini")
    return {
        section.removeprefix("env:"): [flag for flag in parser[section]["build_flags"].split() if flag.startswith("-D")]
        for section in parser.sections()
        if section.startswith("env:")
    }


@pytest.mark.parametrize(
    ("board", "source", "stubs"),
    [
        ("nano33ble", "nano33ble.cpp", {"Arduino.h": ARDUINO, "PDM.h": PDM}),
        ("pico", "pico.cpp", {"Arduino.h": ARDUINO, "I2S.h": I2S}),
        ("esp32", "esp32.c", ESP),
        ("esp32s3", "esp32.c", ESP),
    ],
)
def test_each_port_compiles_against_its_vendor_s_declarations(
    board: str, source: str, stubs: dict[str, str], tmp_path: Path
) -> None:
    folder = write(tmp_path, {**stubs, "keyword_model.h": MODEL_HEADER})
    include = ("-isystem", folder, f"-I{LIBRARY}", f"-I{SOURCES}", f"-I{folder}")
    compiler = ("gcc", "-std=gnu11", *WARNINGS) if source.endswith(".c") else (
        "g++", "-std=gnu++14", *(flag for flag in WARNINGS if flag != "-Wstrict-prototypes")
    )  # fmt: skip
    flags = environments()[board]
    assert compiles(*compiler, *flags, *include, "-c", SOURCES / source, "-o", tmp_path / "port.o") == ""
    symbols = subprocess.run(["nm", "-C", tmp_path / "port.o"], capture_output=True, text=True, check=True).stdout
    for function in ("board_start", "microphone_read", "board_light", "board_print"):
        assert f" T {function}" in symbols  # compiled in, and with the names of C
    listen = compiles("gcc", "-std=gnu11", *WARNINGS, *include, "-c", SOURCES / "listen.c", "-o", tmp_path / "l.o")
    assert listen == ""


def test_every_board_has_an_environment_and_no_board_none(tmp_path: Path) -> None:
    assert set(environments()) == {"nano33ble", "esp32", "esp32s3", "pico"}
    empty = write(tmp_path, {"pins.c": '#include "pins.h"\n'})
    said = compiles("gcc", f"-I{SOURCES}", "-fsyntax-only", empty / "pins.c")
    assert "no board is chosen" in said


def test_the_program_of_the_boards_hears_and_says_when(tmp_path: Path) -> None:
    folder = write(tmp_path, {"keyword_model.h": MODEL_HEADER, "keyword_model.c": MODEL, "port.c": HOST_PORT})
    program = folder / "program"
    sources = [*core(), SOURCES / "listen.c", folder / "port.c", folder / "keyword_model.c"]
    include = (f"-I{LIBRARY}", f"-I{SOURCES}", f"-I{folder}")
    assert compiles("gcc", "-std=gnu11", "-O1", *WARNINGS, *include, *sources, "-o", program) == ""
    done = subprocess.run([program], capture_output=True, text=True)
    assert done.returncode == 0
    # Eight looks, the first at slice 48: slice 62 ends at 62 * 20 + 30 ms. Then nothing for 50 slices: slice 114.
    # A score of 111 + 128 of 256 is 0.93. The light goes off after half a second.
    assert done.stdout.splitlines() == [
        "start", "listening", "light 1", "heard yes 0.93 @1270 ms", "light 0",
        "light 1", "heard yes 0.93 @2310 ms", "light 0",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("right", "wrong", "message"),
    [
        ("KEYWORD_MODEL_STEP 320", "KEYWORD_MODEL_STEP 160", "other feature settings"),
        ("KEYWORD_MODEL_CHANNELS 40", "KEYWORD_MODEL_CHANNELS 43", "other feature settings"),
        ("KEYWORD_MODEL_STEP 320", "KEYWORD_MODEL_STEP 320\n#define KEYWORD_MODEL_FRONTEND 1", "another frontend"),
        ("KEYWORD_MODEL_CLASSES 3", "KEYWORD_MODEL_CLASSES 17", "no room"),
    ],
)
def test_tables_of_other_features_are_refused_at_compile_time(
    right: str, wrong: str, message: str, tmp_path: Path
) -> None:
    assert right in MODEL_HEADER
    folder = write(tmp_path, {"keyword_model.h": MODEL_HEADER.replace(right, wrong), "use.c": '#include "keyword.h"\n'})
    said = compiles("gcc", f"-I{LIBRARY}", f"-I{folder}", "-fsyntax-only", folder / "use.c")
    assert message in said
