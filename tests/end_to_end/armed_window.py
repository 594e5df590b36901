"""A window that is armed and gives a long train: to be killed.

``python -m tests.end_to_end.armed_window SESSION WIRE_LOG`` prints ``pid N`` of its stimulator
process and then the id of every pulse as soon as it is shown as recorded.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

os.environ["QT_QPA_PLATFORM"] = "offscreen"

from app.widgets.application import open_application
from app.window import Window
from tests.app.still_feed import ON_TARGET_S, read_pictures, still_rig

PATIENCE_S = 60


def main(session: Path, wire_log: Path) -> None:
    application = open_application()
    rig, _ = still_rig(read_pictures((ON_TARGET_S,)), session, ("--wire-log", str(wire_log)))
    window = Window(rig)
    rig.start()
    window.show()

    def until(condition) -> None:
        end = time.monotonic() + PATIENCE_S
        while not condition():
            assert time.monotonic() < end
            application.processEvents()
            time.sleep(0.002)

    print(f"pid {rig.stimulator.pid}", flush=True)
    rig.stimulator.connect()
    rig.stimulator.set_intensity(50)
    # The window must be seen to answer before it may arm.
    until(lambda: (state := rig.stimulator.last_state) and state.why_not_arm is None)
    rig.stimulator.arm()
    until(lambda: rig.stimulator_reading(time.monotonic_ns()).permitted)
    shown = 0
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        application.processEvents()
        time.sleep(0.002)
        # At the start, and again where the machine was too busy for the train to go on.
        if rig.stimulator_reading(time.monotonic_ns()).permitted:
            rig.stimulator.start_train(20.0, 2000)
        for row in rig.pulse_log.rows[shown:]:
            shown += 1
            if row.recorded:
                print(row.pulse_id, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
