"""Rendered truth: pictures of marker bodies at known poses, quick enough for thousands of them.

Shares no code with what it tests but the plain descriptions of cameras and bodies.
"""
