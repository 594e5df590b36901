"""From camera image to coil pose: cameras, feeds, marker bodies, detection, pose, pose history.

Knows neither the window nor the picture: no Qt, no VTK, nothing of ``app`` or ``render``.
"""

import os as _os

# Libraries read these once, when they are loaded, so they stand before any import of them.
# Windows: with hardware transforms a camera takes up to half a minute to open.
_os.environ.setdefault("OPENCV_VIDEOIO_MSMF_ENABLE_HW_TRANSFORMS", "0")
# Linux: a camera that was pulled out is waited for so many seconds, ten if nothing is said.
_os.environ.setdefault("OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT", "2")
# The matrices here are small: OpenBLAS' further threads would only spin and wait for each other.
_os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
