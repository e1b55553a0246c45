"""Keyword features: our C against the C++ of TensorFlow's microfrontend, value for value and in time.

The C++ is that of devices, with its FFT of 16 bits, compiled here from a pinned source package. The tests of
asr/keyword/frontend.py take it as their reference.
"""

from __future__ import annotations

import argparse
import ctypes
import shutil
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt

from asr.core.errors import SetupError
from asr.core.third_party import folder
from asr.keyword.frontend import Frontend
from tools import third_party

# Its wheel is fixed to a step of 10 ms; the sdist holds the sources, int16 FFT included.
MICRO_FEATURES = third_party.Archive(
    "pymicro-features==2.0.2",
    "pymicro_features-2.0.2.tar.gz",
    "0d0bed7843ec78b6ced82d1a2dcddeb4fe5df61b3af80a281d0868c8e279c727",
    ("--no-binary=pymicro-features", "--no-build-isolation"),
)
SOURCES = "tensorflow/lite/experimental/microfrontend/lib"
# Of that folder; the others are programs, tests and things for a file system.
MODULES = (
    *("kiss_fft_int16", "fft", "fft_util", "filterbank", "filterbank_util", "frontend", "frontend_util"),
    *("log_lut", "log_scale", "log_scale_util", "noise_reduction", "noise_reduction_util"),
    *("pcan_gain_control", "pcan_gain_control_util", "window", "window_util"),
)
# micro_speech's settings, and calls that ctypes can make.
BRIDGE = """
#include <cstdlib>
#include <cstring>
extern "C" {
#include "tensorflow/lite/experimental/microfrontend/lib/frontend.h"
#include "tensorflow/lite/experimental/microfrontend/lib/frontend_util.h"

struct FrontendState *bridge_new() {
  FrontendConfig config;
  std::memset(&config, 0, sizeof config);
  config.window.size_ms = 30;
  config.window.step_size_ms = 20;
  config.filterbank.num_channels = 40;
  config.filterbank.lower_band_limit = 125.0f;
  config.filterbank.upper_band_limit = 7500.0f;
  config.noise_reduction.smoothing_bits = 10;
  config.noise_reduction.even_smoothing = 0.025f;
  config.noise_reduction.odd_smoothing = 0.06f;
  config.noise_reduction.min_signal_remaining = 0.05f;
  config.pcan_gain_control.enable_pcan = 1;
  config.pcan_gain_control.strength = 0.95f;
  config.pcan_gain_control.offset = 80.0f;
  config.pcan_gain_control.gain_bits = 21;
  config.log_scale.enable_log = 1;
  config.log_scale.scale_shift = 6;
  FrontendState *state = static_cast<FrontendState *>(std::malloc(sizeof *state));
  return FrontendPopulateState(&config, state, 16000) ? state : nullptr;
}

size_t bridge_process(FrontendState *state, const int16_t *samples, size_t count, uint16_t *slices) {
  size_t made = 0;
  while (count != 0) {
    size_t taken;
    const FrontendOutput output = FrontendProcessSamples(state, samples, count, &taken);
    samples += taken;
    count -= taken;
    if (output.size != 0) std::memcpy(slices + 40 * made++, output.values, 40 * sizeof *slices);
  }
  return made;
}

void bridge_free(FrontendState *state) {
  FrontendFreeStateContents(state);
  std::free(state);
}
}
"""
RECIPE = "1"


class Microfrontend:
    """The reference, one fresh state a call.

    Parameters
    ----------
    library : the compiled C++ with its bridge.
    """

    def __init__(self, library: Path) -> None:
        loaded = ctypes.CDLL(str(library))
        pointer, count = ctypes.c_void_p, ctypes.c_size_t
        loaded.bridge_new.restype = pointer
        loaded.bridge_process.argtypes, loaded.bridge_process.restype = [pointer, pointer, count, pointer], count
        loaded.bridge_free.argtypes, loaded.bridge_free.restype = [pointer], None
        self._library = loaded

    @classmethod
    def build(cls) -> Microfrontend:
        """Fetch and compile it below the folder of parts, once; SetupError where that fails."""
        deps = folder()
        library, stamp = deps / "microfrontend.so", deps / "stamps" / "microfrontend"
        recipe = f"{MICRO_FEATURES.sha256} {RECIPE}\n"
        try:
            with third_party.locked(deps / "microfrontend.lock"):
                if not (library.is_file() and third_party.stamped(stamp, recipe)):
                    compile_reference(deps, library)
                    third_party.write_stamp(stamp, recipe)
        except (third_party.PartError, OSError) as error:
            raise SetupError(f"the reference C++ cannot be built here: {error}") from error
        return cls(library)

    def values(self, samples: npt.NDArray[np.int16]) -> npt.NDArray[np.uint16]:
        """Return what the microfrontend makes of samples (int16 [n], 16 kHz): uint16 [slices, 40]."""
        samples = np.ascontiguousarray(samples)
        slices = np.empty((samples.size // 320 + 1, 40), np.uint16)
        state = self._library.bridge_new()
        try:
            made = self._library.bridge_process(state, samples.ctypes.data, samples.size, slices.ctypes.data)
        finally:
            self._library.bridge_free(state)
        return slices[:made]


def compile_reference(deps: Path, library: Path) -> None:
    """Unpack the sources and compile those that make the frontend."""
    if shutil.which("g++") is None:
        raise third_party.PartError("g++ not found")
    log = third_party.new_log(deps, "microfrontend")
    work = deps / "build-microfrontend"
    third_party.unpack(third_party.fetch(MICRO_FEATURES, deps, log), work)
    root = work / "pymicro_features-2.0.2"
    bridge = work / "bridge.cc"
    bridge.write_text(BRIDGE)
    files = [bridge, *(root / SOURCES / f"{name}.cc" for name in MODULES)]
    files += [root / "kissfft" / "kiss_fft.cc", root / "kissfft" / "tools" / "kiss_fftr.cc"]
    include = [f"-I{root}", f"-I{root / 'kissfft'}"]
    third_party.run(log, "g++", "-O2", "-w", "-shared", "-fPIC", "-DFIXED_POINT=16", *include, *files, "-o", library)
    shutil.rmtree(work)


def main() -> None:
    """Print how many values differ, and how long each took."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--clips", type=int, default=500, help="seconds of noise at levels from 1 to 30000")
    clips = parser.parse_args().clips
    reference = Microfrontend.build()
    rng = np.random.default_rng(0)
    differing = compared = 0
    ours = theirs = 0.0
    for level in np.geomspace(1, 30000, clips):
        samples = np.clip(rng.normal(0, level, 16000), -32768, 32767).astype(np.int16)
        start = time.perf_counter()
        expected = reference.values(samples)
        between = time.perf_counter()
        found = Frontend().values(samples)
        ours, theirs = ours + time.perf_counter() - between, theirs + between - start
        differing, compared = differing + int(np.count_nonzero(found != expected)), compared + expected.size
    print(f"values that differ            {differing} of {compared}")
    print(f"clips of one second in one s  {clips / ours:.0f}, the C++ {clips / theirs:.0f}: {theirs / ours:.2f} times")


if __name__ == "__main__":
    main()
