"""Find the texts of a source tree that people read: docstrings, comments, messages, test names, pages and scripts."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

CODE = ("bulkops", "validators", "tests", "benchmarks", "sample_data", "tools")
PAGES = ("docs/**/*.md", "*.md", "sample_data/*.md", ".github/**/*.md")
# Their names and comments are written for readers, too.
SCRIPTS = ("Makefile", "pyproject.toml", "recipes/*.yaml", "bulkops/**/*.toml", "bulkops/**/*.jinja")
# This page lists the phrases to avoid.
EXEMPT = ("docs/style.md",)
# A string literal with fewer words is rather a key or a name than a message.
MESSAGE_WORDS = 4
FENCE = re.compile(r"^(```|~~~).*?^\1[^\n]*$", flags=re.MULTILINE | re.DOTALL)
DEFINITIONS = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


class Kind(StrEnum):
    """The kind of a text."""

    DOCSTRING = "docstring"
    COMMENT = "comment"
    MESSAGE = "message"
    NAME = "name"
    PAGE = "page"
    SCRIPT = "script"


@dataclass(frozen=True)
class Text:
    """A text, with its file relative to the root and the line on which it starts."""

    kind: Kind
    path: Path
    line: int
    content: str

    @property
    def part(self) -> str:
        """Return the package or folder of the text, such as `bulkops/upload`, `docs/how-to` or `README.md`."""
        first, *rest = self.path.parts
        deep = first in {"bulkops", "docs"} and len(rest) > 1
        return f"{first}/{rest[0]}" if deep else first

    @property
    def words(self) -> int:
        """Return the number of words."""
        return len(self.content.split())


def texts(root: Path) -> Iterator[Text]:
    """Yield every text of a source tree, file by file in the order of their paths."""
    for folder in CODE:
        for path in sorted((root / folder).rglob("*.py")):
            yield from _of_code(path, path.relative_to(root))
    pages = {path for pattern in PAGES for path in root.glob(pattern)}
    for path in sorted(pages):
        relative = path.relative_to(root)
        if relative.as_posix() not in EXEMPT:
            # Line numbers stay right where a code block becomes as many empty lines.
            prose = FENCE.sub(lambda block: "\n" * block[0].count("\n"), path.read_text(encoding="utf-8"))
            yield Text(Kind.PAGE, relative, 1, prose)
    for path in sorted({path for pattern in SCRIPTS for path in root.glob(pattern)}):
        yield Text(Kind.SCRIPT, path.relative_to(root), 1, path.read_text(encoding="utf-8"))


def _of_code(path: Path, relative: Path) -> Iterator[Text]:
    source = path.read_text(encoding="utf-8")
    tree = ast.parse(source)
    docstrings = set()
    for node in ast.walk(tree):
        if isinstance(node, DEFINITIONS) and (docstring := _docstring(node)):
            docstrings.add(id(docstring))
            yield Text(Kind.DOCSTRING, relative, docstring.lineno, str(docstring.value))
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            yield Text(Kind.NAME, relative, node.lineno, node.name.replace("_", " "))
    # The literals of tests are mostly data.
    if relative.parts[0] != "tests":
        literals = (node for node in ast.walk(tree) if isinstance(node, ast.Constant) and id(node) not in docstrings)
        messages = (Text(Kind.MESSAGE, relative, n.lineno, n.value) for n in literals if isinstance(n.value, str))
        yield from (message for message in messages if message.words >= MESSAGE_WORDS)
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield Text(Kind.COMMENT, relative, token.start[0], token.string.lstrip("#: "))


def _docstring(node: DEFINITIONS) -> ast.Constant | None:
    first = node.body[0] if node.body else None
    value = first.value if isinstance(first, ast.Expr) else None
    return value if isinstance(value, ast.Constant) and isinstance(value.value, str) else None
