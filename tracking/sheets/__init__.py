"""Marker sheets: printable pages at true scale, and the body files that match them.

A :class:`~tracking.sheets.sheet.Sheet` says where on the page everything lies;
:mod:`~tracking.sheets.drawing` draws it as PDF and :mod:`~tracking.sheets.printed` folds it into
the body, so that page and file come from the same numbers. Page coordinates are mm from the top
left corner of the paper, x to the right, y down.
"""
