"""The command `deepspeech`: the original's flags and output, over the original's library.

What the original leaves to chance is checked here: a damaged model or scorer, a session that fails, sound of
another rate or format. Transcripts go to standard output, everything else to standard error.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from time import perf_counter
from typing import IO, NoReturn

import numpy as np
import numpy.typing as npt

from asr.client.libdeepspeech import Candidate, Model, version
from asr.client.scorer_file import check_alphabet
from asr.core.errors import AudioError, ScorerError, UserError
from asr.core.progress import quiet, say
from export.model_file import read_metadata

_EXAMPLES = """examples:
  deepspeech --model output_graph.pbmm --scorer kenlm.scorer --audio order.wav
  deepspeech --model output_graph.pbmm --audio order.flac --json --candidate_transcripts 5
  deepspeech --model output_graph.pbmm --scorer kenlm.scorer --stream order.wav
  arecord -q -t raw -f S16_LE -r 16000 | deepspeech --model output_graph.pbmm --stream -

FILE is of any rate and format; - reads raw 16-bit mono samples, little-endian, at the model's own rate
(16 kHz unless it was trained otherwise) from standard input.
"""
# Seconds of sound between two looks at the transcript of a stream.
_PIECE_SECONDS = 0.32

Int16 = npt.NDArray[np.int16]


class _UsageError(UserError):
    """An option that is missing, unknown or impossible."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise _UsageError(message, fix="`deepspeech --help` shows the options")


class _Version(argparse.Action):
    def __call__(self, *_: object) -> NoReturn:
        # Two spaces, as the original prints it.
        print("DeepSpeech ", version())
        raise SystemExit(0)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code: 0, or 2 after one line that says what was wrong."""
    try:
        _run(_parser().parse_args(arguments))
        sys.stdout.flush()
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        # The reader has closed the pipe; keep Python from reporting that again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 0
    except KeyboardInterrupt:
        return 130
    return 0


def words(candidate: Candidate) -> list[dict[str, str | float]]:
    """Return the words of a transcript with start and duration in seconds, as the original reckons them.

    A word lasts from its first label to the space after it, or to its own last label at the end.
    """
    found: list[dict[str, str | float]] = []
    word, start = "", 0.0
    last = len(candidate.tokens) - 1
    for index, token in enumerate(candidate.tokens):
        if token.text != " ":
            if not word:
                start = token.start_time
            word += token.text
        if token.text == " " or index == last:
            duration = max(token.start_time - start, 0.0)
            found.append({"word": word, "start_time": round(start, 4), "duration": round(duration, 4)})
            word, start = "", 0.0
    return found


def as_json(candidates: Sequence[Candidate]) -> str:
    """Return transcripts in the original's JSON."""
    transcripts = [{"confidence": candidate.confidence, "words": words(candidate)} for candidate in candidates]
    return json.dumps({"transcripts": transcripts}, indent=2)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="deepspeech",
        description="Transcribe a recording with a DeepSpeech 0.9 model.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("--model", required=True, metavar="FILE", help="model: output_graph.pbmm, or .pb")
    add("--scorer", metavar="FILE", help="language model: kenlm.scorer")
    add("--audio", metavar="FILE", help="recording to transcribe, or - for raw samples from standard input")
    add("--stream", metavar="FILE", help="transcribe FILE piece by piece and print the transcript as it changes")
    add("--beam_width", type=_positive, metavar="N", help="hypotheses to keep (default: the model's own)")
    add("--lm_alpha", type=_real, metavar="A", help="weight of the language model (default: the scorer's)")
    add("--lm_beta", type=_real, metavar="B", help="bonus for each word (default: the scorer's)")
    add("--hot_words", metavar="W:B,...", help="words to favour or avoid: light:7.5,night:-5; needs --scorer")
    add("--extended", action="store_true", help="print the transcript as the metadata spells it")
    add("--json", action="store_true", help="print transcripts as JSON, with the time of each word")
    add("--candidate_transcripts", type=_positive, default=3, metavar="N", help="transcripts in JSON (default: 3)")
    add("--quiet", action="store_true", help="do not print the lines about loading and timing")
    add("--version", action=_Version, nargs=0, help="print the library's version and exit")
    return parser


def _run(options: argparse.Namespace) -> None:
    if bool(options.audio) == bool(options.stream):
        raise _UsageError("give a recording with either --audio or --stream", fix="`deepspeech --help` has examples")
    if (options.lm_alpha is None) != (options.lm_beta is None):
        raise _UsageError("--lm_alpha and --lm_beta belong together", fix="Give both, or neither")
    if options.scorer is None and (options.lm_alpha is not None or options.hot_words):
        raise ScorerError("--lm_alpha, --lm_beta and --hot_words weigh a scorer", fix="Give one with --scorer")
    quiet(options.quiet)
    boosts = _hot_words(options.hot_words or "")
    with _load(options) as model:
        if boosts:
            say("Adding hot-words")
        for word, boost in boosts.items():
            model.add_hot_word(word, boost)
        if options.stream:
            _transcribe_stream(model, options)
        else:
            _transcribe_recording(model, options)


def _load(options: argparse.Namespace) -> Model:
    """Load model and scorer, with the original's lines about it."""
    say(f"Loading model from file {options.model}")
    start = perf_counter()
    # The library aborts on some graphs that are no models; this refuses them first.
    metadata = read_metadata(options.model)
    model = Model(options.model)
    say(f"Loaded model in {perf_counter() - start:.3}s.")
    if options.beam_width is not None:
        model.beam_width = options.beam_width
    if options.scorer is not None:
        say(f"Loading scorer from files {options.scorer}")
        start = perf_counter()
        model.enable_scorer(options.scorer)
        check_alphabet(options.scorer, metadata.alphabet)
        say(f"Loaded scorer in {perf_counter() - start:.3}s.")
        if options.lm_alpha is not None:
            model.set_scorer_alpha_beta(options.lm_alpha, options.lm_beta)
    return model


def _transcribe_recording(model: Model, options: argparse.Namespace) -> None:
    samples = _read_pipe(sys.stdin.buffer) if options.audio == "-" else _read(options.audio, model.sample_rate)
    say("Running inference.")
    start = perf_counter()
    if options.json:
        print(as_json(model.stt_with_metadata(samples, options.candidate_transcripts)))
    elif options.extended:
        print(model.stt_with_metadata(samples, 1)[0].text)
    else:
        print(model.stt(samples))
    say(_time_line(start, len(samples) / model.sample_rate))


def _transcribe_stream(model: Model, options: argparse.Namespace) -> None:
    """Print the transcript whenever it has changed, and the final one."""
    piece = math.ceil(_PIECE_SECONDS * model.sample_rate)
    if options.stream == "-":
        pieces = _pieces_of_pipe(sys.stdin.buffer, piece)
    else:
        recording = _read(options.stream, model.sample_rate)
        pieces = (recording[first : first + piece] for first in range(0, len(recording), piece))
    say("Running inference.")
    start, count, last = perf_counter(), 0, ""
    stream = model.create_stream()
    for samples in pieces:
        stream.feed(samples)
        count += len(samples)
        text = stream.decode()
        if text != last:
            print(text, flush=True)
            last = text
    if options.json:
        print(as_json(stream.finish_with_metadata(options.candidate_transcripts)))
    else:
        print(stream.finish())
    say(_time_line(start, count / model.sample_rate))


def _read(path: str, rate: int) -> Int16:
    """Return a recording as the model wants it: mono int16 at its rate, whatever the file is."""
    # Imported late: its libraries take longer to load than a short pipe takes to transcribe.
    from asr.core import audio

    return audio.to_int16(audio.load(Path(path), rate))


def _read_pipe(pipe: IO[bytes]) -> Int16:
    data = pipe.read()
    if not data or len(data) % 2:
        raise AudioError(
            f"standard input had {len(data)} bytes, which are no 16-bit samples", fix="Send raw mono samples"
        )
    return np.frombuffer(data, dtype="<i2").astype(np.int16)


def _pieces_of_pipe(pipe: IO[bytes], piece: int) -> Iterator[Int16]:
    """Yield samples as they arrive, at most `piece` at a time; half a sample waits for its other half."""
    rest = b""
    while data := os.read(pipe.fileno(), 2 * piece):
        data = rest + data
        whole = len(data) // 2 * 2
        rest = data[whole:]
        if whole:
            yield np.frombuffer(data[:whole], dtype="<i2").astype(np.int16)


def _hot_words(text: str) -> dict[str, float]:
    """Read "word:boost,word:boost"."""
    boosts: dict[str, float] = {}
    for entry in filter(None, text.split(",")):
        word, colon, boost = entry.rpartition(":")
        try:
            boosts[word.strip()] = _real(boost)
        except (ValueError, argparse.ArgumentTypeError):
            colon = ""
        if not colon or not word.strip():
            raise _UsageError(f"--hot_words {entry} is no word and number", fix="Write it like light:7.5,night:-5")
    return boosts


def _positive(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 1 << 31:
        raise argparse.ArgumentTypeError(f"{text} is no whole number from 1")
    return int(text)


def _real(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"{text} is no finite number")
    return value


def _time_line(start: float, seconds: float) -> str:
    return f"Inference took {perf_counter() - start:.3f}s for {seconds:.3f}s audio file."


if __name__ == "__main__":
    raise SystemExit(main())
