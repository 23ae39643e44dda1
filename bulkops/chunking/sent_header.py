"""The header as it is sent: the bytes of the file's own, with the column names that the target expects."""

from collections.abc import Mapping

from bulkops.reading.records.quoting import cells

_COMMA = ord(",")


def sent_header(header: bytes, names: Mapping[str, str]) -> bytes:
    """Return a header line with some columns under other names, every other byte as it was.

    `names` are the names to send by the names that the header has.
    """
    if not names:
        return header
    line = header.rstrip(b"\r\n")
    fields = [_renamed(line[start:end], names) for start, end in cells(line, 0, _COMMA)]
    return b",".join(fields) + header[len(line) :]


def _renamed(field: bytes, names: Mapping[str, str]) -> bytes:
    quoted = len(field) > 1 and field.startswith(b'"') and field.endswith(b'"')
    written = (field[1:-1] if quoted else field).decode("utf-8", "replace")
    if written not in names:
        return field
    name = names[written].encode()
    return b'"' + name + b'"' if quoted else name
