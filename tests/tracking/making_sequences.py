"""Recorded sequences of PLUS, written as text for tests that need one."""

from __future__ import annotations

import numpy as np

from tests.tracking import rendering

HEADER = """ObjectType = Image
NDims = 3
BinaryData = True
BinaryDataByteOrderMSB = False
CompressedData = True
CompressedDataSize = 1234
ElementSpacing = 1 1 1
DefaultFrameTransformName = ProbeToTrackerTransform
UltrasoundImageOrientation = MFA
"""
FOOTER = "Kinds = domain domain list\nElementType = MET_UCHAR\nElementDataFile = LOCAL\n"
START_S = 1840749.750288
INTERVAL_S = 0.02


def head_at(frame):
    return rendering.pose([10 + frame, -20, 900], [5, 10, -170])


def coil_at(frame):
    return rendering.pose([60, 30 - frame, 800], [15, -20, 30])


def matrix_text(transform):
    return " ".join(f"{value:.9g}" for value in np.asarray(transform).ravel())


def frame_text(frame, *, time_s=None, statuses=None, head=None):
    """Lines of one frame with head and, inverted, the coil."""
    statuses = statuses or {}
    time_s = START_S + frame * INTERVAL_S if time_s is None else time_s
    lines = {
        "FrameNumber": f"{5539 + 2 * frame} ",
        "HeadToTrackerTransformStatus": statuses.get("head", "OK"),
        "HeadToTrackerTransform": matrix_text(head_at(frame).as_matrix() if head is None else head),
        "TrackerToCoilTransform": matrix_text(coil_at(frame).inv().as_matrix()),
        "TrackerToCoilTransformStatus": statuses.get("coil_body", "OK"),
        "Timestamp": f"{time_s:.6f}",
        "UnfilteredTimestamp": f"{time_s + 0.003:.6f}",
        "ImageStatus": "OK",
    }
    return "".join(f"Seq_Frame{frame:04}_{name} = {value}\n" for name, value in lines.items())


def write_sequence(path, frames, image=bytes(range(256)) * 100):
    """Write the texts of `frames` with bytes of an image behind them."""
    path.write_bytes((HEADER + "".join(frames) + FOOTER).encode() + image)
    return path
