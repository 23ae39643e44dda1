"""What can be watched while files are validated."""

from typing import Protocol

from bulkops.validation.findings import Finding


class Observer(Protocol):
    """What can be watched while files are validated."""

    def finding(self, path: str, finding: Finding) -> None:
        """Hear of an example as soon as it is known; those that need the whole file come last."""

    def advanced(self, path: str, size: int) -> None:
        """Hear how many bytes of a file have been judged so far."""
