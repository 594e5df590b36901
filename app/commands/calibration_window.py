"""``coilpilot calibrate`` without more words: the wizard, in a window of its own."""

from __future__ import annotations

from pathlib import Path

from app.commands.output import Failure
from app.widgets.display import has_display
from tracking.setups import SetupError


def run_wizard(setup: Path | None) -> int:
    """Open the wizard on a setup, or on the room's default one, until it is closed; status."""
    if not has_display():
        raise Failure(
            "No display was found, and the wizard needs one. Calibrate without it: 'coilpilot "
            "calibrate cameras', 'bodies', 'pointer' or 'coil'."
        )
    from app.calibrate.desk import RoomDesk
    from app.calibrate.entrance import setup_folder
    from app.calibrate.wizard_panel import Wizard
    from app.widgets.application import open_application

    try:
        desk = RoomDesk(setup_folder(setup))
    except SetupError as error:
        raise Failure(str(error)) from error
    application = open_application()
    wizard = Wizard(desk)
    wizard.show()
    return application.exec()
