"""The practice feed: two rendered cameras that watch a head and a coil, with the truth beside them.

In: a seed and a target. Out: a feed folder as :mod:`tracking.feed_description` describes it.
``python -m tracking.practice_feed OUT.feed`` makes one.
"""
