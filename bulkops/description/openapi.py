"""Read operations from an OpenAPI description: a complete document, or the path item of one path."""

from collections.abc import Iterator, Mapping
from typing import Any

from bulkops.description.described import CellLimits, DescribedOperation, Parameter, folded
from bulkops.description.texts import columns_of, header_of, limits_of, named_in, sample_of

METHODS = ("get", "post", "put", "patch", "delete")
_LEVELS = 60


class Unresolved(ValueError):
    """A reference that cannot be resolved in the document."""


def is_document(document: Any) -> bool:
    """Return whether a parsed document is a complete OpenAPI description."""
    return isinstance(document, dict) and isinstance(document.get("paths"), dict)


def is_path_item(document: Any) -> bool:
    """Return whether a parsed document is the path item of one path."""
    return isinstance(document, dict) and any(isinstance(document.get(method), dict) for method in METHODS)


def operations_in(document: Mapping[str, Any], path: str | None = None) -> Iterator[DescribedOperation]:
    """Yield the operations of a complete description, or with `path` those of a path item.

    Unresolved if a reference cannot be followed.
    """
    items = document["paths"] if path is None else {path: document}
    for each, item in items.items():
        found = _resolved(item, document)
        if not isinstance(found, dict):
            continue
        shared = found.get("parameters") or []
        for method in METHODS:
            if isinstance(found.get(method), dict):
                yield _operation(str(each), method, found[method], shared, document)


def _operation(
    path: str, method: str, operation: Mapping[str, Any], shared: list[Any], document: Mapping[str, Any]
) -> DescribedOperation:
    text = str(operation.get("description") or "")
    declared = [_resolved(p, document) for p in (*shared, *(operation.get("parameters") or []))]
    query = [p for p in declared if isinstance(p, dict) and p.get("in") == "query"]
    texts = " ".join([text, *(str(p.get("description") or "") for p in query)])
    success = _success(operation, document)
    return DescribedOperation(
        name=str(operation.get("operationId") or ""),
        method=method.upper(),
        path=path,
        columns=columns_of(text),
        sample=sample_of(text) or _csv_sample(success),
        named=named_in(texts),
        parameters={folded(str(p.get("name"))): _parameter(p, document) for p in query},
        limits=limits_of(text),
        fields=_fields(success, document),
        deprecated=operation.get("deprecated") is True,
    )


def _parameter(declared: Mapping[str, Any], document: Mapping[str, Any]) -> Parameter:
    schema = _resolved(declared.get("schema") or {}, document)
    items = _resolved(schema.get("items") or {}, document)
    choices = schema.get("enum") or items.get("enum") or ()
    return Parameter(
        name=str(declared.get("name")), required=declared.get("required") is True, choices=tuple(map(str, choices))
    )


def _success(operation: Mapping[str, Any], document: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the content of the successful response by media type; empty if there is none."""
    responses = operation.get("responses") or {}
    for status in ("200", "201", 200, 201):
        if status in responses:
            content = _resolved(responses[status], document).get("content")
            return content if isinstance(content, dict) else {}
    return {}


def _csv_sample(content: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the header of the sample of a CSV response."""
    for media, body in content.items():
        if "csv" not in media or not isinstance(body, dict):
            continue
        examples = [e.get("value") for e in (body.get("examples") or {}).values() if isinstance(e, dict)]
        for example in (body.get("example"), *examples):
            if isinstance(example, str) and example.strip():
                return header_of(example.strip().splitlines()[0])
    return ()


def _fields(content: Mapping[str, Any], document: Mapping[str, Any]) -> dict[str, CellLimits]:
    """Return the lengths that the schema of a JSON response sets for its fields."""
    found: dict[str, CellLimits] = {}
    for media, body in content.items():
        if "json" in media and isinstance(body, dict):
            for name, schema in _properties(body.get("schema"), document, _LEVELS):
                least, most = schema.get("minLength"), schema.get("maxLength")
                if isinstance(least, int) or isinstance(most, int):
                    found.setdefault(name, CellLimits(min_length=least, max_length=most))
    return found


def _properties(schema: Any, document: Mapping[str, Any], levels: int) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the properties of a schema and of those inside it."""
    schema = _resolved(schema, document)
    if not isinstance(schema, dict) or not levels:
        return
    for name, inner in (schema.get("properties") or {}).items():
        resolved = _resolved(inner, document)
        if isinstance(resolved, dict):
            yield str(name), resolved
            yield from _properties(resolved, document, levels - 1)
    for part in (schema.get("items"), *(schema.get("allOf") or []), *(schema.get("oneOf") or [])):
        yield from _properties(part, document, levels - 1)


def _resolved(value: Any, document: Mapping[str, Any]) -> Any:
    """Return a value with its reference resolved; Unresolved if the reference is invalid or leaves the document."""
    for _ in range(_LEVELS):
        if not isinstance(value, dict) or not isinstance(value.get("$ref"), str):
            return value
        value = _target(value["$ref"], document)
    raise Unresolved("a reference refers to itself")


def _target(reference: str, document: Mapping[str, Any]) -> Any:
    if not reference.startswith("#/"):
        raise Unresolved(
            f"the reference {reference!r} leads to another document; give a description without such references"
        )
    value: Any = document
    for part in reference.removeprefix("#/").split("/"):
        name = part.replace("~1", "/").replace("~0", "~")
        if not isinstance(value, dict) or name not in value:
            raise Unresolved(f"the reference {reference!r} does not exist in the document")
        value = value[name]
    return value
