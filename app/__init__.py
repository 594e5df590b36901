"""What a person does: subject, plan, navigate, stimulate, session, practice.

Joins ``tracking`` and ``render``. Each room holds its plain logic, which knows no Qt, and its
``*_panel.py``, which shows that logic and decides nothing.
"""
