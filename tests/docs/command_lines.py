"""Find the command lines of pages, and parse them as the program does, without running them."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import click

from bulkops.cli.main import cli

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    path
    for pattern in ("*.md", "docs/**/*.md", "sample_data/*.md", ".github/**/*.md", "docs/**/*.yaml")
    for path in ROOT.glob(pattern)
    # The changelog names options of the past; the reference is made from the commands.
    if path.name not in {"CHANGELOG.md", "commands.md"}
)
FENCE = re.compile(r"^ *```([\w{}]*)[^\n]*\n(.*?)^ *```", flags=re.MULTILINE | re.DOTALL)
SHELL = {"", "console", "sh", "shell", "bash", "yaml", "text"}
INLINE = re.compile(r"(?<!`)`(bulkops [^`]+)`(?!`)")
START = re.compile(r"(?:^|[\s;|&(!])bulkops\s")
END = {"|", "||", "&&", "&", ";", ">", ">>", "<", "2>", ")", "2>&1"}
# Names in capitals, shell variables and ellipses are placeholders of values.
PLACEHOLDER = re.compile(r"[A-Z][A-Z%_.|]*|.*[$…<].*|N%|\.\.\.|NAME\..*")


@dataclass(frozen=True)
class CommandLine:
    """A command line of a page. A `whole` one could be run; a mention in the text may leave arguments out."""

    page: Path
    line: int
    words: tuple[str, ...]
    whole: bool

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}: bulkops {' '.join(self.words)}"


def command_lines(page: Path) -> Iterator[CommandLine]:
    """Yield the command lines of a page: of its shell blocks, then of the text between them."""
    text = page.read_text(encoding="utf-8")
    for block in FENCE.finditer(text):
        if block[1] in SHELL:
            first = text.count("\n", 0, block.start(2)) + 1
            yield from _of_block(page, first, block[2])
    prose = FENCE.sub(lambda block: re.sub(r"[^\n]", " ", block[0]), text)
    for mention in INLINE.finditer(prose):
        line = prose.count("\n", 0, mention.start()) + 1
        yield CommandLine(page, line, tuple(_words(mention[1].removeprefix("bulkops "))), whole=False)


def _of_block(page: Path, first: int, block: str) -> Iterator[CommandLine]:
    transcript = block.lstrip().startswith("$ ")
    joined = re.sub(r"\\\n\s*", "\0", block)
    number = first
    for line in joined.split("\n"):
        found = START.search(re.sub(r"(^|\s)#\s.*$", "", line))
        if found and (not transcript or line.lstrip().startswith("$ ")) and not line.startswith(("bulkops:", "Usage")):
            yield CommandLine(page, number, tuple(_words(line[found.end() :].replace("\0", " "))), whole=True)
        number += 1 + line.count("\0")


def _words(text: str) -> Iterator[str]:
    """Yield the words of one command, without comment, redirection and the commands after it."""
    text = re.sub(r"\s#\s.*$", "", re.sub(r"\$\{[^}]*\}|\$\([^)]*\)", "VALUE", text.replace("\n", " ")))
    lexer = shlex.shlex(text, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    lexer.commenters = ""
    for word in lexer:
        if word in END:
            return
        yield word


def parse(line: CommandLine) -> None:
    """Parse a command line; ClickException if the program would refuse it before it looks at any file."""
    context = click.Context(cli, info_name="bulkops")
    command: click.Command = cli
    words = list(line.words)
    while isinstance(command, click.Group):
        values, rest, _ = command.make_parser(context).parse_args(words)
        _convert(command, context, values)
        if not rest or rest[0].startswith("…") or (not line.whole and PLACEHOLDER.fullmatch(rest[0])):
            return
        found = command.get_command(context, rest[0])
        if found is None:
            raise click.UsageError(f"There is no command {rest[0]!r}.")
        context, command, words = click.Context(found, info_name=rest[0], parent=context), found, rest[1:]
    if not line.whole:
        words = _completed(command, words)
    values, rest, _ = command.make_parser(context).parse_args(words)
    if rest:
        raise click.UsageError(f"Unexpected argument {rest[0]!r}.")
    _convert(command, context, values)
    if line.whole:
        _require_arguments(command, values)


def _completed(command: click.Command, words: list[str]) -> list[str]:
    """Return the words of a mention, with a value after an option that is named alone."""
    takes = {name for p in command.params if isinstance(p, click.Option) and not p.is_flag for name in p.opts}
    complete: list[str] = []
    for word, following in pairwise([*words, "--"]):
        complete.append(word)
        if word in takes and following.startswith("--"):
            complete.append("VALUE")
    return complete


def _convert(command: click.Command, context: click.Context, values: dict[str, object]) -> None:
    """Convert each value to the type of its parameter, except placeholders, files and folders."""
    for parameter in command.params:
        given = values.get(parameter.name or "")
        if isinstance(parameter.type, click.Path | click.File):
            continue
        for value in given if isinstance(given, list | tuple) else [given]:
            if isinstance(value, str) and not PLACEHOLDER.fullmatch(value):
                parameter.type.convert(value, parameter, context)


def _require_arguments(command: click.Command, values: dict[str, object]) -> None:
    for parameter in command.params:
        # Click has a value of its own for a missing argument.
        given = values.get(parameter.name or "")
        missing = not isinstance(given, str | list | tuple) or not given
        if isinstance(parameter, click.Argument) and parameter.required and missing:
            raise click.UsageError(f"Missing argument {parameter.human_readable_name}.")
