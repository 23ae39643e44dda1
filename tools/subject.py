"""Refuse a commit with a long subject: `python -m tools.subject FILE`, the hook `commit-msg` of pre-commit."""

import sys
from pathlib import Path

MAXIMUM = 72


def problem(message: str) -> str | None:
    """Return why the subject of a commit message is refused, or None."""
    subject = message.partition("\n")[0]
    if len(subject) <= MAXIMUM or subject.startswith(("Merge ", "fixup! ", "squash! ")):
        return None
    return f"The subject has {len(subject)} characters; the maximum is {MAXIMUM}. Move details to the body."


def main() -> int:
    """Check the file that git passes; return 1 if the subject is too long."""
    found = problem(Path(sys.argv[1]).read_text(encoding="utf-8"))
    if found:
        print(found, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
