"""The commands `asr` and `deepspeech`."""

import os

# A frame's matrices are too small to share: several threads of OpenBLAS only wait for one another, and eight streams do
# not keep up with real time on two cores. OpenBLAS reads the number when NumPy is loaded, after this module.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
