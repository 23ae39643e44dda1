"""Describe a contract in words, as Markdown, JSON, JSON Schema and Table Schema. All texts are derived from it."""

from typing import Any

from bulkops_validators.model.cells import (
    DURATION_PATTERN,
    RFC3339_PATTERN,
    Choice,
    Duration,
    IdList,
    Integer,
    JsonObject,
    Number,
    Text,
    Timestamp,
)
from bulkops_validators.model.contract import Column, Contract
from bulkops_validators.model.operations import operations_of


def cell_text(column: Column) -> str:
    """Return a short description of a valid filled cell of the column."""
    match column.cell:
        case Text() as cell:
            return ", ".join(filter(None, ["text", _lengths(cell), cell.pattern]))
        case Integer(minimum=low, maximum=high):
            return f"whole number {_span(low, high)}".rstrip()
        case Number(minimum=low, above=above, maximum=high):
            return f"number {f'above {above:g}' if above is not None else ''} {_span(low, high)}".strip().replace(
                "  ", " "
            )
        case Timestamp(literals=literals):
            return " or ".join(["RFC 3339 with offset", *literals])
        case Choice(values=values):
            return " or ".join(values)
        case Duration():
            return "duration: whole number and s, m, h, D, W, M or Y; _D or _U rounds"
        case JsonObject(entity=entity):
            return f"JSON object with custom attributes of {entity}"
        case IdList(separator=separator):
            return f"ids separated by {separator!r}"


def _lengths(cell: Text) -> str:
    parts = []
    if cell.min_length > 1:
        parts.append(f"at least {cell.min_length}")
    if cell.max_length is not None:
        parts.append(f"at most {cell.max_length}")
    if cell.recommended_max_length is not None:
        parts.append(f"{cell.recommended_max_length} or fewer recommended")
    return f"{', '.join(parts)} characters" if parts else ""


def _span(low: float | None, high: float | None) -> str:
    ends = ([f"from {_plain(low)}"] if low is not None else []) + ([f"to {_plain(high)}"] if high is not None else [])
    return " ".join(ends)


def _plain(bound: float) -> str:
    return f"{int(bound):,}" if bound == int(bound) else f"{bound:,}"


def limit_lines(contract: Contract) -> list[str]:
    """Return the limits of a request as sentences."""
    limits, lines = contract.limits, []
    if limits.recommended_bytes is not None:
        lines.append(f"At most {limits.recommended_bytes // 10**6:,} MB per request are recommended ({limits.source}).")
    if limits.max_records is not None:
        lines.append(f"At most {limits.max_records:,} records per request ({limits.source}).")
    if contract.timeout_seconds is not None:
        lines.append(
            f"The server stops a request after {contract.timeout_seconds:g} s; "
            f"a chunk has at most {limits.chunk_records or 0:,} records."
        )
    return lines


def rule_lines(contract: Contract) -> list[str]:
    """Return the rules about several cells or records as sentences."""
    lines = [f"{' + '.join(u.columns)}: each value once ({u.source})." for u in contract.unique]
    lines += [f"{o.start} before {o.end} ({o.source})." for o in contract.ordered]
    for e in contract.exclusive:
        amount = "exactly one, the same in the whole file" if e.whole_file else "at most one"
        lines.append(f"{' and '.join(e.columns)}: {amount} ({e.source}).")
    return lines


def key_lines(contract: Contract) -> list[str]:
    """Return, for each command, the operations that the key must grant."""
    wanted = operations_of(contract)
    lines = [f"A key for `bulkops import {contract.name}` grants {', '.join(map(str, wanted['import']))}."]
    if wanted["reconcile"]:
        listed = ", ".join(map(str, wanted["reconcile"]))
        lines.append(f"A key for `bulkops reconcile {contract.name}` grants {listed}.")
    return lines


def markdown(contract: Contract) -> str:
    """Return a section of Markdown about the contract."""
    head = [f"## {contract.name}", "", f"{contract.title}: {contract.effect}. Mode: `{contract.mode}`.", ""]
    table = ["| column | required | a filled cell | blank means | source |", "|---|---|---|---|---|"]
    for c in contract.columns:
        sources = "; ".join(sorted(set(c.sources.values())))
        cells = (f"`{c.name}`", "yes" if c.required else "", cell_text(c), c.default or "", sources)
        table.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    lines = [*limit_lines(contract), *rule_lines(contract)]
    for route in contract.routes:
        back = f"read back by `{route.readback.operation}`" if route.readback else "cannot be read back"
        lines.append(f"`POST {route.path}` ({route.operation}) responds with {route.success}; {back}.")
    lines += [f"`--{o.name}` sets `{o.parameter or o.column}`: {o.about} ({o.source})" for o in contract.options]
    lines += [*key_lines(contract), f"Evidence: {contract.evidence}", *contract.notes]
    return "\n".join([*head, *table, "", *(f"- {line}" for line in lines), ""])


def as_json(contract: Contract) -> dict[str, Any]:
    """Return the contract as one JSON document."""
    return {
        "name": contract.name,
        "title": contract.title,
        "mode": contract.mode.value,
        "effect": contract.effect,
        "columns": [_column_json(column) for column in contract.columns],
        "limits": {
            "bytes": contract.limits.max_bytes,
            "recommended_bytes": contract.limits.recommended_bytes,
            "records": contract.limits.max_records,
            "source": contract.limits.source,
        },
        "rules": rule_lines(contract),
        "routes": [
            {
                "operation": r.operation,
                "path": r.path,
                "ids": list(r.ids),
                "success": r.success,
                "readback": r.readback.operation if r.readback else None,
            }
            for r in contract.routes
        ],
        "options": [
            {"name": o.name, "parameter": o.parameter, "column": o.column, "about": o.about, "default": o.default}
            for o in contract.options
        ],
        "operations": {
            command: [{"operation": o.name, "method": o.method, "path": o.path} for o in operations]
            for command, operations in operations_of(contract).items()
        },
        "evidence": contract.evidence,
        "notes": list(contract.notes),
    }


def _column_json(column: Column) -> dict[str, Any]:
    return {
        "name": column.name,
        "type": column.cell.kind,
        "required": column.required,
        "earlier_names": list(column.earlier_names),
        "default": column.default,
        "cell": cell_text(column),
        "about": column.about,
        "example": column.example,
        "sources": dict(column.sources),
    }


def json_schema(contract: Contract) -> dict[str, Any]:
    """Return a JSON Schema (2020-12) of one record with text cells; blank optional cells are left out."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": contract.title,
        "type": "object",
        "properties": {c.name: {"type": "string", "description": c.about, **_constraints(c)} for c in contract.columns},
        "required": list(contract.required_names),
        "additionalProperties": False,
    }


def _constraints(column: Column) -> dict[str, Any]:
    match column.cell:
        case Text() as cell:
            found = {"minLength": cell.min_length or None, "maxLength": cell.max_length, "pattern": cell.pattern}
            return {key: value for key, value in found.items() if value is not None}
        case Choice(values=values):
            return {"enum": list(values)}
        case Timestamp(literals=literals):
            return {"pattern": "|".join([RFC3339_PATTERN, *(f"^{word}$" for word in literals)])}
        case Duration():
            return {"pattern": DURATION_PATTERN}
        case Integer():
            return {"pattern": r"^-?\d+$"}
        case Number():
            return {"pattern": r"^-?\d+(\.\d+)?$"}
        case JsonObject() | IdList():
            return {}


TABLE_TYPES = {"integer": "integer", "number": "number", "json object": "object"}


def table_schema(contract: Contract) -> dict[str, Any]:
    """Return a Table Schema (Frictionless) of the file."""
    fields = []
    for c in contract.columns:
        constraints: dict[str, Any] = {"required": True} if c.required else {}
        match c.cell:
            case Text() as cell:
                constraints |= {k: v for k, v in _constraints(c).items() if cell is not None}
            case Choice(values=values):
                constraints["enum"] = list(values)
            case Integer(minimum=low, maximum=high) | Number(minimum=low, maximum=high):
                constraints |= {k: v for k, v in (("minimum", low), ("maximum", high)) if v is not None}
            case Timestamp() | Duration():
                constraints |= _constraints(c)
            case _:
                pass
        fields.append(
            {
                "name": c.name,
                "type": TABLE_TYPES.get(c.cell.kind, "string"),
                "description": c.about,
                "constraints": constraints,
            }
        )
    keys = [u.columns for u in contract.unique if u.certain]
    return {"fields": fields, "missingValues": [""], **({"primaryKey": list(keys[0])} if keys else {})}
