"""The look of the window: dark, colour-blind safe, the same on every platform.

The desktop's own theme is not consulted: an operator finds the same picture on every machine.
"""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QFont, QPalette
from PySide6.QtWidgets import QApplication, QLabel, QWidget

from render import palette

SURFACE = palette.BACKGROUND
SUNKEN = "#121316"
RAISED = "#2b2f36"
PRESSED = "#3a4350"
EDGE = "#454b55"
FAINT = "#6d737c"
STOP = "#c62828"
STOP_EDGE = "#ff6f60"

_SHEET = f"""
QGroupBox {{
    border: 1px solid {EDGE}; border-radius: 6px; margin-top: 16px; padding: 6px;
}}
QGroupBox::title {{
    subcontrol-origin: margin; left: 8px; color: {palette.MUTED}; font-weight: 600;
}}
QPushButton {{
    background: {RAISED}; border: 1px solid {EDGE}; border-radius: 5px;
    padding: 5px 10px; min-height: 22px;
}}
QPushButton:hover {{ border-color: {palette.SKY_BLUE}; }}
QPushButton:focus {{ border: 2px solid {palette.SKY_BLUE}; }}
QPushButton:pressed, QPushButton:checked {{ background: {PRESSED}; }}
QPushButton:disabled {{ color: {FAINT}; border-color: {RAISED}; }}
QPushButton#stop {{
    background: {STOP}; color: white; border: 2px solid {STOP_EDGE};
    border-radius: 8px;
}}
QPushButton#stop:pressed {{ background: {STOP_EDGE}; }}
QPushButton#armed:checked {{
    background: {palette.ORANGE}; color: black; font-weight: 700;
}}
QCheckBox::indicator {{
    width: 16px; height: 16px; border: 1px solid {palette.MUTED}; border-radius: 3px;
    background: {SUNKEN};
}}
QCheckBox::indicator:checked {{ background: {palette.ORANGE}; border-color: {palette.ORANGE}; }}
QCheckBox::indicator:disabled {{ border-color: {FAINT}; }}
QCheckBox:disabled {{ color: {FAINT}; }}
QCheckBox:focus {{ color: {palette.SKY_BLUE}; }}
QTableView {{
    background: {SUNKEN}; gridline-color: {RAISED};
    border: 1px solid {EDGE}; alternate-background-color: {SURFACE};
}}
QHeaderView::section {{
    background: {RAISED}; color: {palette.MUTED}; border: none; padding: 4px 2px;
}}
QToolTip {{ background: {RAISED}; color: {palette.TEXT}; border: 1px solid {EDGE}; }}
"""


def apply_theme(application: QApplication) -> None:
    """Give `application` its style, palette and font sizes."""
    application.setStyle("Fusion")
    application.setFont(text_font(13))
    colours = QPalette()
    for role, colour in (
        (QPalette.ColorRole.Window, SURFACE),
        (QPalette.ColorRole.WindowText, palette.TEXT),
        (QPalette.ColorRole.Base, SUNKEN),
        (QPalette.ColorRole.AlternateBase, SURFACE),
        (QPalette.ColorRole.Text, palette.TEXT),
        (QPalette.ColorRole.Button, RAISED),
        (QPalette.ColorRole.ButtonText, palette.TEXT),
        (QPalette.ColorRole.ToolTipBase, RAISED),
        (QPalette.ColorRole.ToolTipText, palette.TEXT),
        (QPalette.ColorRole.Highlight, palette.BLUE),
        (QPalette.ColorRole.HighlightedText, "#ffffff"),
        (QPalette.ColorRole.PlaceholderText, palette.MUTED),
    ):
        colours.setColor(role, QColor(colour))
    disabled = QPalette.ColorGroup.Disabled
    for role in (QPalette.ColorRole.Text, QPalette.ColorRole.ButtonText):
        colours.setColor(disabled, role, QColor(FAINT))
    application.setPalette(colours)
    application.setStyleSheet(_SHEET)


def text_font(pixels: int) -> QFont:
    """Give the font of words."""
    font = QFont()
    font.setPixelSize(pixels)
    return font


def number_font(pixels: int) -> QFont:
    """Give a bold font whose digits are equally wide, so that numbers do not dance."""
    font = text_font(pixels)
    font.setWeight(QFont.Weight.Bold)
    font.setFeature(QFont.Tag("tnum"), 1)
    return font


def caption(text: str, parent: QWidget | None = None) -> QLabel:
    """Make a small quiet label that names what stands beside it."""
    label = QLabel(text, parent)
    set_colour(label, palette.MUTED)
    label.setAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
    return label


def set_colour(label: QLabel, colour: str) -> None:
    """Colour the text of `label`, without a style sheet of its own."""
    colours = label.palette()
    if colours.color(QPalette.ColorRole.WindowText).name() == colour:
        return
    colours.setColor(QPalette.ColorRole.WindowText, QColor(colour))
    label.setPalette(colours)
