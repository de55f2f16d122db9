"""What the panels beside the frame share: colours and letters."""

from __future__ import annotations

import cv2

from deephar_ros.draw import Colour, Pixels

BACKGROUND: Colour = (28, 30, 34)
LINE: Colour = (74, 78, 86)
FAINT: Colour = (150, 154, 160)
TEXT: Colour = (236, 236, 236)
FONT = cv2.FONT_HERSHEY_SIMPLEX


def letters(panel: Pixels) -> float:
    """Size of the letters in a panel, as OpenCV counts it; 1 is about 22 pixels."""
    return min(max(panel.shape[1] / 800, 0.36), 0.9)


def line_height(panel: Pixels) -> int:
    """Pixels from one line of text to the next."""
    return round(38 * letters(panel))


def write(panel: Pixels, text: str, x: float, y: float, colour: Colour = TEXT) -> int:
    """Writes from (x, y), bottom left; returns the width in pixels."""
    size = letters(panel)
    cv2.putText(panel, text, (round(x), round(y)), FONT, size, colour, thickness(panel), cv2.LINE_AA)
    return text_width(panel, text)


def shorten(panel: Pixels, text: str, width: float) -> str:
    """The text if it fits into so many pixels, else its beginning and two dots."""
    if text_width(panel, text) <= width:
        return text
    while text and text_width(panel, text + "..") > width:
        text = text[:-1]
    return text + ".."


def text_width(panel: Pixels, text: str) -> int:
    """Pixels that a line of text takes."""
    return int(cv2.getTextSize(text, FONT, letters(panel), thickness(panel))[0][0])


def thickness(panel: Pixels) -> int:
    """Pixels of a thin line."""
    return max(1, round(1.6 * letters(panel)))
