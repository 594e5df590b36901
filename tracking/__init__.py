"""From camera image to coil pose: cameras, feeds, marker bodies, detection, pose, pose history.

Knows neither the window nor the picture: no Qt, no VTK, nothing of ``app`` or ``render``.
"""
