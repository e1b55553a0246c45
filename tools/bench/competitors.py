"""A training step that tells each utterance from competitors against one that does not, in alternation.

    python -m tools.bench competitors [--competitors 6 --network deepspeech-conv --width 320]

Both take the same batch in one process, round by round, with the threads and the shares of a training. The ratio
is taken within each round; the figure is the median of the rounds.
"""

from __future__ import annotations

import os
from dataclasses import replace

import numpy as np

from tools.bench.alternation import Side, compare, parse, settings_of
from tools.bench.our_step import compiled, take
from tools.bench.reference_step import make_batch


def main() -> None:
    """Print the times of a step and their ratio."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    options = parse(__doc__, "deepspeech-conv", {"competitors": 6})
    from asr.ctc import devices
    from asr.ctc.batches import Batch

    shares = devices.prepare(options.batch)
    plain = settings_of(options)
    batch = Batch(*make_batch(options.batch, options.frames))
    # As long as the sentence itself: what is said differently in them does not matter to the time.
    others = np.repeat(batch.labels[:, np.newaxis], options.competitors, axis=1)

    def side(count: int) -> Side:
        objective = compiled(replace(plain, competitors=count), shares)
        heard = replace(batch, competitors=others) if count else batch
        return lambda steps: take(objective, heard, steps)

    compare({"alone": side(0), f"{options.competitors} competitors": side(options.competitors)}, options)


if __name__ == "__main__":
    main()
