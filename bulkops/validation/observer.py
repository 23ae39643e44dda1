"""Report the progress of a validation."""

from typing import Protocol

from bulkops.validation.findings import Finding


class Observer(Protocol):
    """Receives findings and progress while files are validated."""

    def finding(self, path: str, finding: Finding) -> None:
        """Receive an example as soon as it is known; examples that need the whole file come last."""

    def advanced(self, path: str, size: int) -> None:
        """Receive the number of bytes of a file checked so far."""
