"""Navigation on another tracker in one call.

In: where the tracker's server is, and which of its transforms are which bodies. Out: a
:class:`~tracking.pose_source.PosePipeline`, which takes the place of the one that runs on cameras.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tracking.foreign_poses import KNOWN_NAMES, TRACKER, NamesError, TransformNames
from tracking.frames import FrameSourceError
from tracking.igtl.address import Address, parse_address
from tracking.igtl.client import IgtlClient
from tracking.igtl.outgoing import COIL_BODY, HEAD
from tracking.pose_source import PosePipeline
from tracking.tracker import TrackedFrames
from tracking.turns import Turns

_EXAMPLES = {HEAD: "HeadToTracker", COIL_BODY: "CoilToTracker"}


def igtl_pipeline(
    address: Address | str,
    on_tracked: Callable[[TrackedFrames], None],
    *,
    on_error: Callable[[FrameSourceError], None],
    names: Mapping[str, str] = KNOWN_NAMES,
    tracker: str = TRACKER,
    turns: Turns | None = None,
) -> PosePipeline:
    """Make the pipeline; nothing is connected before it is started.

    What is wrong with the connection is the pipeline's `fault`, and passes by itself.

    Parameters
    ----------
    address
        Of the OpenIGTLink server, or words such as ``192.168.0.7:18944``.
    on_tracked, on_error, turns
        As for :class:`~tracking.pipeline.TrackingPipeline`.
    names
        Name of the transform -> name of our body.
    tracker
        Name of the tracker's frame, our ``world``.

    Raises
    ------
    AddressError
        If the words are no address.
    NamesError
        If a transform does not lead to the tracker, or head or coil have none.
    """
    for needed, example in _EXAMPLES.items():
        if needed not in names.values():
            raise NamesError(
                f"No transform is given for '{needed}', so the coil cannot be navigated. "
                f"Say which one it is, such as {example}={needed}."
            )
    where = parse_address(address) if isinstance(address, str) else address
    client = IgtlClient(where, TransformNames(dict(names), tracker))
    return PosePipeline(client, on_tracked, on_error=on_error, turns=turns)
