"""model.cc and model.h: a .tflite as a byte array, for TensorFlow Lite Micro's micro_speech.

g_model and g_model_len are that example's names, so that the files take the place of its own; its settings of the
features are these too. The words lie beside them, and a fingerprint of them is a constant to compare with.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence

_ROW = 12  # bytes a line


def words_fingerprint(words: Sequence[str]) -> int:
    """Return the CRC-32 of the words in UTF-8, a line feed after each: what tells one list from another."""
    return zlib.crc32("".join(f"{word}\n" for word in words).encode())


def micro_speech_source(model: bytes, words: Sequence[str]) -> tuple[str, str]:
    """Return the text of model.cc and of model.h.

    Parameters
    ----------
    model : a .tflite.
    words : its outputs in order, silence and unknown first.
    """
    mark = words_fingerprint(words)
    listed = _plain(", ".join(words))
    rows = [
        "  " + ", ".join(f"0x{byte:02x}" for byte in model[start : start + _ROW]) + ","
        for start in range(0, len(model), _ROW)
    ]
    labels = ",\n".join(f"    {json.dumps(word, ensure_ascii=True)}" for word in words)
    source = "\n".join(
        [
            f"// Generated: hears {listed}. Do not edit.",
            '#include "model.h"',
            "",
            "// TensorFlow Lite reads numbers of up to 8 bytes where they lie; 16 suits every core.",
            "alignas(16) const unsigned char g_model[] = {",
            *rows,
            "};",
            f"const int g_model_len = {len(model)};",
            "",
            "const char* const g_model_words[kModelWords] = {",
            labels + ",",
            "};",
            "",
        ]
    )
    header = "\n".join(
        [
            f"// Generated: hears {listed}. Do not edit.",
            "#ifndef KEYWORD_MODEL_H_",
            "#define KEYWORD_MODEL_H_",
            "",
            f"#define KEYWORD_MODEL_WORDS 0x{mark:08x}u  // CRC-32 of the words in their order",
            "// Firmware that is written for certain words defines KEYWORD_EXPECTED_WORDS as their CRC-32.",
            "#if defined(KEYWORD_EXPECTED_WORDS) && KEYWORD_EXPECTED_WORDS != KEYWORD_MODEL_WORDS",
            f'#error "this model hears {listed}, and the firmware expects other words: export it again"',
            "#endif",
            "",
            "extern const unsigned char g_model[];",
            "extern const int g_model_len;",
            "",
            "// The model's outputs in their order: silence, unknown, and the words.",
            f"constexpr int kModelWords = {len(words)};",
            "extern const char* const g_model_words[kModelWords];",
            "",
            "#endif  // KEYWORD_MODEL_H_",
            "",
        ]
    )
    return source, header


def _plain(text: str) -> str:
    return "".join(c if c.isascii() and c not in '"\\' and c.isprintable() else "?" for c in text)
