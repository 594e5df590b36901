"""Calibrate: the person shows a board or body to the cameras, looks at the result and decides."""
