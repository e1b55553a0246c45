"""Counts of a server, in Prometheus' text format 0.0.4 (prometheus.io, "Exposition formats")."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
BOUNDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)  # s, of the histogram


class Metrics:
    """What a server has done since it started. One thread changes it.

    Attributes
    ----------
    clients : streams that are open.
    seconds : sound heard, s.
    """

    def __init__(self) -> None:
        self.clients = 0
        self.seconds = 0.0
        self._results: Counter[str] = Counter(accepted=0, refused=0)
        self._closed: Counter[int] = Counter()
        self._buckets = [0] * (len(BOUNDS) + 1)
        self._answering = 0.0

    def count_utterance(self, accepted: bool) -> None:
        """Count an answer."""
        self._results["accepted" if accepted else "refused"] += 1

    def count_answer(self, seconds: float) -> None:
        """Count the time from the arrival of the sound that ended an utterance to its answer, s."""
        self._buckets[bisect_left(BOUNDS, seconds)] += 1
        self._answering += seconds

    def count_close(self, code: int) -> None:
        """Count a stream that the server closed."""
        self._closed[code] += 1

    def text(self) -> str:
        """Return all of them."""
        return "\n".join(self._lines()) + "\n"

    def _lines(self) -> Iterator[str]:
        yield from _head("asr_utterances_total", "counter", "Utterances, by whether they were accepted.")
        for result, count in sorted(self._results.items()):
            yield f'asr_utterances_total{{result="{result}"}} {count}'
        yield from _head("asr_heard_seconds_total", "counter", "Sound heard.")
        yield f"asr_heard_seconds_total {self.seconds:.3f}"
        yield from _head("asr_clients", "gauge", "Open streams.")
        yield f"asr_clients {self.clients}"
        yield from _head("asr_closed_total", "counter", "Streams closed by the server, by WebSocket close code.")
        for code, count in sorted(self._closed.items()):
            yield f'asr_closed_total{{code="{code}"}} {count}'
        yield from _head("asr_answer_seconds", "histogram", "From the sound that ended an utterance to its answer.")
        total = 0
        for bound, count in zip((*map(str, BOUNDS), "+Inf"), self._buckets, strict=True):
            total += count
            yield f'asr_answer_seconds_bucket{{le="{bound}"}} {total}'
        yield f"asr_answer_seconds_sum {self._answering:.6f}"
        yield f"asr_answer_seconds_count {total}"


def _head(name: str, kind: str, about: str) -> tuple[str, str]:
    return f"# HELP {name} {about}", f"# TYPE {name} {kind}"
