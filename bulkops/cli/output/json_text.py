"""A document as JSON that people can read as well."""

import json
from typing import Any

MANY = 2000
"""Objects from which on a quicker encoder is worth the time it takes to load."""


def json_text(document: Any, *, objects: int = 0, ascii_only: bool = False) -> str:
    """Return a document as JSON; `objects` tells about how many it holds. What is no JSON value becomes its text."""
    if objects >= MANY and not ascii_only:
        from pydantic_core import to_json

        try:
            return to_json(document, indent=2, fallback=str).decode()
        except ValueError:  # half of a character in a text, which Python's own encoder can write
            pass
    return json.dumps(document, ensure_ascii=ascii_only, indent=2, default=str)
