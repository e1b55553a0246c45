"""model.cc and model.h: a .tflite as a byte array, for TensorFlow Lite Micro's micro_speech.

The names g_model and g_model_len are that example's, so the files replace its own. The words are in the files too, with
their fingerprint as a constant to compare with.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence

_ROW = 12  # bytes per line
_SOURCE = """\
// Generated: a model of {listed}. Do not edit.
#include "model.h"

// TensorFlow Lite reads numbers of up to 8 bytes in place; 16 suits every core.
alignas(16) const unsigned char g_model[] = {{
{rows}
}};
const int g_model_len = {length};

const char* const g_model_words[kModelWords] = {{
{labels},
}};
"""
_HEADER = """\
// Generated: a model of {listed}. Do not edit.
#ifndef KEYWORD_MODEL_H_
#define KEYWORD_MODEL_H_

#define KEYWORD_MODEL_WORDS {mark:#010x}u  // CRC-32 of the words in their order
// Firmware written for certain words defines KEYWORD_EXPECTED_WORDS as their CRC-32.
#if defined(KEYWORD_EXPECTED_WORDS) && KEYWORD_EXPECTED_WORDS != KEYWORD_MODEL_WORDS
#error "this model has the words {listed}; the firmware expects other words: export it again"
#endif

extern const unsigned char g_model[];
extern const int g_model_len;

// The model's outputs in their order: silence, unknown, and the words.
constexpr int kModelWords = {count};
extern const char* const g_model_words[kModelWords];

#endif  // KEYWORD_MODEL_H_
"""


def words_fingerprint(words: Sequence[str]) -> int:
    """Return the CRC-32 of the words in UTF-8, each followed by a line feed."""
    return zlib.crc32("".join(f"{word}\n" for word in words).encode())


def micro_speech_source(model: bytes, words: Sequence[str]) -> tuple[str, str]:
    """Return the text of model.cc and of model.h.

    Parameters
    ----------
    model : a .tflite.
    words : its outputs in order, silence and unknown first.
    """
    listed = _plain(", ".join(words))
    lines = (model[start : start + _ROW] for start in range(0, len(model), _ROW))
    rows = "\n".join("  " + "".join(f"0x{byte:02x}, " for byte in line).rstrip() for line in lines)
    labels = ",\n".join(f"    {json.dumps(word, ensure_ascii=True)}" for word in words)
    source = _SOURCE.format(listed=listed, rows=rows, length=len(model), labels=labels)
    return source, _HEADER.format(listed=listed, mark=words_fingerprint(words), count=len(words))


def _plain(text: str) -> str:
    return "".join(c if c.isascii() and c not in '"\\' and c.isprintable() else "?" for c in text)
