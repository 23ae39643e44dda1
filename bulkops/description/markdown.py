"""Read operations from the documentation of an SDK: one Markdown file with a section for each method."""

import html
import re
from collections.abc import Iterator

from bulkops.description.described import DescribedOperation, Parameter, folded
from bulkops.description.texts import columns_of, limits_of, named_in, sample_of

_ROUTE = re.compile(
    r"^\|? ?\[\*\*(\w+)\*\*\]\([^)]*\)\s*\|\s*\*\*(GET|POST|PUT|PATCH|DELETE)\*\*\s+(/\S+)", re.MULTILINE
)
_SECTION = re.compile(r"^##? (?:\*\*)?(\w+)(?:\*\*)?\s*$", re.MULTILINE)
_CALL = re.compile(r"^> .*$", re.MULTILINE)
_PARAMETER = re.compile(r"^\|? ?\*\*(\w+)\*\* ?\|([^|]*)\|(.*)$", re.MULTILINE)
_PLACEHOLDER = re.compile(r"\{(\w+)\}")
_BODY = frozenset({"upfile", "body"})


def is_sdk_page(text: str) -> bool:
    """Return whether a text is an SDK page: it lists methods, each with its request."""
    return _ROUTE.search(text) is not None


def operations_in(text: str) -> Iterator[DescribedOperation]:
    """Yield the operations that a page lists, with the content of their sections."""
    sections = _sections(text)
    for name, method, path in _ROUTE.findall(text):
        yield _operation(name, method, path, sections.get(name, ""))


def _sections(text: str) -> dict[str, str]:
    """Return the text of each method's section."""
    found = list(_SECTION.finditer(text))
    ends = (*(match.start() for match in found[1:]), len(text))
    return {match[1]: text[match.end() : end] for match, end in zip(found, ends, strict=False)}


def _operation(name: str, method: str, path: str, section: str) -> DescribedOperation:
    text = html.unescape(section.partition("### Example")[0]).replace('\\"', '"')
    table = section.partition("### Parameters")[2].partition("### Return")[0]
    inside = {folded(each) for each in _PLACEHOLDER.findall(path)} | _BODY
    rows = [(name, kind, html.unescape(about)) for name, kind, about in _PARAMETER.findall(table)]
    # The type of a body is a link to its model. So is the type of a list in a query, but a GET has no body.
    query = [row for row in rows if folded(row[0]) not in inside and (method == "GET" or "](" not in row[1])]
    return DescribedOperation(
        name=name,
        method=method,
        path=path,
        columns=columns_of(text),
        sample=sample_of(text),
        named=named_in(" ".join([text, *(about for _, _, about in query)])),
        parameters={folded(name): Parameter(name=name, required="[optional]" not in about) for name, _, about in query},
        limits=limits_of(text),
    )
