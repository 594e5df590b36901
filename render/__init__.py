"""What is seen: surfaces, coil, scene and bullseye, drawn offscreen and handed over as images.

Knows neither cameras nor the window: no Qt, no OpenCV, nothing of ``app`` or ``tracking``.
"""
