"""Texts of the data inside a page: nothing in them is taken for markup, nor acted on where the page is printed."""

from html import escape

from bulkops.escaping import escaped


def markup(text: str) -> str:
    """Return a text for HTML or SVG, in an element or between quotes."""
    return escape(escaped(text))
