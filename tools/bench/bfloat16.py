"""A training step that multiplies in bfloat16 against one in float32, in alternation.

    python -m tools.bench bfloat16 [--network deepspeech-conv --width 320]

Both take the same batch in one process, round by round, with the threads and the shares of a training. Ratios are taken
within each round; the figure is their median. It needs a processor with instructions for bfloat16.
"""

from __future__ import annotations

import os

from tools.bench.alternation import Side, compare, parse, settings_of
from tools.bench.our_step import compiled, take
from tools.bench.reference_step import make_batch


def main() -> None:
    """Print the times of a step and their ratio."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    options = parse(__doc__, "deepspeech-conv")
    from asr.ctc import devices
    from asr.ctc.batches import Batch

    if not devices.multiplies_bfloat16():
        print("skipped: this processor has no instructions for bfloat16 products")
        return
    shares = devices.prepare(options.batch)
    settings = settings_of(options)
    batch = Batch(*make_batch(options.batch, options.frames))

    def side(enabled: bool) -> Side:
        objective = compiled(settings, shares)

        def run(steps: int) -> list[tuple[float, float]]:
            with devices.in_bfloat16(enabled):
                return take(objective, batch, steps)

        return run

    compare({"float32": side(False), "bfloat16": side(True)}, options)


if __name__ == "__main__":
    main()
