"""The client's features, bit by bit: computed by the TensorFlow ops that its graph holds."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from asr.runtime.features import (
    COEFFICIENTS,
    LOWEST_HZ,
    MEL_CHANNELS,
    Samples,
    pad_samples,
    step_samples,
    window_samples,
)


def exact_mfcc(samples: Samples, sample_rate: int = 16000) -> npt.NDArray[np.float32]:
    """Return the features of a whole recording; parameters, result and errors as asr.runtime.features.mfcc.

    All windows are computed in one call, which gives the same bits as the client's calls of one window each.
    """
    padded = pad_samples(samples, sample_rate).astype(np.float32)
    spectrogram = tf.raw_ops.AudioSpectrogram(
        input=padded[:, np.newaxis],
        window_size=window_samples(sample_rate),
        stride=step_samples(sample_rate),
        magnitude_squared=True,
    )
    found = tf.raw_ops.Mfcc(
        spectrogram=spectrogram,
        sample_rate=sample_rate,
        upper_frequency_limit=sample_rate / 2,
        lower_frequency_limit=LOWEST_HZ,
        filterbank_channel_count=MEL_CHANNELS,
        dct_coefficient_count=COEFFICIENTS,
    )
    return np.asarray(found[0])
