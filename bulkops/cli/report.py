"""`bulkops report`: what became of a job, or of several, on one page."""

import json
from pathlib import Path

import click

from bulkops.cli.console import console
from bulkops.cli.options import json_option, ledger_option
from bulkops.errors import UsageError

FORMATS = ("html", "md", "json")
BY_SUFFIX = {".html": "html", ".htm": "html", ".md": "md", ".json": "json"}


@click.command("report")
@click.argument("jobs", nargs=-1, metavar="[JOB...]")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False, allow_dash=True),
    help="Where to write; - is stdout.",
)
@click.option("--format", "form", type=click.Choice(FORMATS), help="Default: by the file's suffix, else html.")
@click.option("--mask", is_flag=True, help="Hide the values of records.")
@click.option("--title", help="The heading; default: the job, or how many.")
@click.option("--no-check", is_flag=True, help="Do not read the files again for findings and sums.")
@ledger_option
@json_option
def command(
    jobs: tuple[str, ...],
    output: Path | None,
    form: str | None,
    title: str | None,
    ledger: str | None,
    *,
    mask: bool,
    no_check: bool,
    as_json: bool,
) -> None:
    """Make one self-contained report of a JOB, or of several; without a JOB, of the latest."""
    from bulkops.clock import SystemClock
    from bulkops.ledger.store import Ledger
    from bulkops.report.facts import masked
    from bulkops.report.gather import gather
    from bulkops.report.html import page
    from bulkops.report.markdown import markdown
    from bulkops.settings import default_ledger_url

    if as_json:
        form, output = "json", Path("-")
    form = form or BY_SUFFIX.get(output.suffix.lower() if output else "", "html")
    clock = SystemClock()
    book = Ledger.open(ledger or default_ledger_url(), clock=clock)
    try:
        known = [job.id for job in book.jobs()]
        if not known:
            raise UsageError("The ledger knows no job yet.", hint="A job begins with `bulkops import`.")
        facts = [gather(book, name, check_file=not no_check) for name in jobs or known[-1:]]
    finally:
        book.close()
    if mask:
        facts = [masked(f) for f in facts]
    heading = title or (f"Import of {facts[0].title.lower()}" if len(facts) == 1 else f"Report of {len(facts)} jobs")
    match form:
        case "html":
            text = page(facts, title=heading, made=clock.now())
        case "md":
            text = markdown(facts, title=heading, made=clock.now())
        case _:
            document = {"title": heading, "made": clock.now().isoformat(), "jobs": [f.to_json() for f in facts]}
            text = json.dumps(document, ensure_ascii=False, indent=2) + "\n"
    _write(text, output or Path(f"{facts[0].name}.{form}"))


def _write(text: str, output: Path) -> None:
    if str(output) == "-":
        console().result(text.rstrip("\n"))
        console().emitted = True
        return
    part = output.with_name(f"{output.name}.part")
    part.write_text(text, encoding="utf-8")
    part.replace(output)
    console().note(f"Wrote {output}.")
