"""Render the pages of an inbox with the templates of this package; HTML is escaped."""

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from bulkops.escaping import escaped

if TYPE_CHECKING:
    from jinja2 import Environment


def render(template: str, **values: Any) -> str:
    """Return a template filled with values."""
    return _environment(html=".html." in template).get_template(template).render(**values)


@lru_cache
def _environment(*, html: bool) -> "Environment":
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader("bulkops.inbox"),
        autoescape=html,  # noqa: S701 - Markdown is escaped by `_cell`
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_plain if html else _cell,
    )


def _plain(value: Any) -> Any:
    """Return a value without control characters; Jinja escapes the result for HTML."""
    return escaped(value) if type(value) is str else value


def _cell(value: Any) -> Any:
    """Return a text for a cell of a Markdown table."""
    from bulkops.reporting import markdown_text

    return markdown_text.plain(value) if type(value) is str else value
