"""Types and helpers that several documents share."""

from typing import Annotated, Any

from pydantic import ConfigDict, Field, with_config
from typing_extensions import TypedDict

CLOSED = ConfigDict(extra="forbid")
"""A document has no key that its type lacks."""


def about(text: str) -> Any:
    """Return the annotation that describes a key in the JSON Schema."""
    return Field(description=text)


Count = Annotated[int, Field(ge=0)]
Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$", description="SHA-256 of the content, in hexadecimal digits.")]


@with_config(CLOSED)
class ErrorFacts(TypedDict):
    """The error that ended a command, or a part of it, early."""

    message: Annotated[str, about("What happened, and where.")]
    hint: Annotated[str | None, about("What to do next.")]
    exit: Annotated[int, about("The exit code that belongs to the error.")]


@with_config(CLOSED)
class ErrorDocument(TypedDict):
    """The document of a command that an error ended before it had a result."""

    error: ErrorFacts
