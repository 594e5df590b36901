"""What a person does: subject, plan, navigate, stimulate, session, practice.

Joins ``tracking`` and ``render``. Each room holds its plain logic, which knows no Qt, and its
``*_panel.py``, which shows that logic and decides nothing.
"""

# Sets what OpenCV and OpenBLAS read when they are loaded, which some modules here do first.
import tracking as _tracking  # noqa: F401
