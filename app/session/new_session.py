"""Where a new session file goes and what it is called."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from platformdirs import user_data_path

from app.session.errors import SessionError
from app.session.schema import Body
from app.session.store import SessionWriter

SUFFIX = ".session"


def default_folder() -> Path:
    """Folder of session files where none is named."""
    return user_data_path("coilpilot") / "sessions"


def new_session(folder: Path | None, opening: Body) -> SessionWriter:
    """Create a session file named after the present time.

    Parameters
    ----------
    folder
        Where; made if it is missing. The default folder if None.
    opening
        What to note of the session in its first row.

    Raises
    ------
    SessionError
        If the folder cannot be made or written to. Nothing is left behind.
    """
    folder = default_folder() if folder is None else folder
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SessionError(
            f"The session folder {folder} cannot be made ({error.strerror}).",
            "Choose a folder that you may write to with --sessions.",
        ) from error
    # Local time: an operator looks for the session of this afternoon.
    stamp = datetime.now().astimezone().strftime("%Y-%m-%d_%H-%M-%S")
    return SessionWriter.create(folder / f"{stamp}{SUFFIX}", opening)
