"""The marker bodies of the default sheets, as drawn, and the board.

``python -m resources.bodies`` makes them.
"""
