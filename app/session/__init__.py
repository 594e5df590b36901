"""The session file: everything that happened, written once and never changed.

``store`` writes, ``recorder`` writes without making the window wait, ``reading`` reads,
``summary``, ``export_csv`` and ``report_html`` tell people what was recorded. Knows no Qt.
"""
