"""Whatever a file, a server or a person wrote, a page shows it as text, in HTML and in Markdown."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from html.parser import HTMLParser
from importlib.resources import files
from types import SimpleNamespace

import pytest
from jinja2 import UndefinedError
from markdown_it import MarkdownIt

from bulkops.escaping import one_line
from bulkops.ledger.events import Event
from bulkops.reporting import markdown_text
from bulkops.reporting.facts import JobFacts, masked
from bulkops.reporting.page import page_of
from bulkops.reporting.render import _environment, html, markdown
from bulkops.reporting.steps import summarise_events
from tests.unit.reporting.made import chunk, job_facts, reason, result

MADE = datetime(2026, 11, 22, 12, tzinfo=UTC)
HOSTILE = (
    "<script>alert(1)</script>", "</style><img src=x onerror=alert(1)>", "a\"b'c&amp;d", "{{ 7 * 7 }}{% raw %}",
    "| a | b |", "`one` ``two`` ``` three", "`", "[text](https://evil.example)", "![x](http://evil.example/x.png)",
    "https://evil.example/?q=1", "www.evil.example", "mail@evil.example", "@everyone see #1", "<https://evil.example>",
    "a\u202ecsv.exe", "\u2066x\u2069", "a\x1b[31mred\x07", "line\nbreak\r\n# head", "***bold*** __x__ ~~gone~~",
    "1. list", "- list", "> quote", "a\\|b\\`c\\", "&lt;b&gt; &#60;i&#62;", "$x$ ==y==", "::error::x", "x" * 2000,
    " \ttab ", "ünï \u0645\u0644\u0641",
)  # fmt: skip
CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def hostile_facts(text: str) -> JobFacts:
    """Return facts with a text in every place that comes from outside."""
    example = {"class": "different", "line": 3, "key": text, "column": "value", "sent": text, "found": text}
    balance = {"subledger": text, "before": "1", "after": "3", "sent": "1", "agrees": False}
    export = {
        "path": text, "bytes": 1, "modified": "2026-11-22T10:00:00+00:00", "sha256": "ab",
        "saved_from": {"address": text, "ids": {"program": 1}, "filters": {"name": text}},
    }  # fmt: skip
    found = result(
        "mismatch", different=1, missing=1, reason=f"Said: {text}", notes=[text], examples=[example],
        columns={"value": 1, "limit": 2}, balances=[balance], unchecked={"campaign": text},
        proof={**result()["proof"], "host": text, "key": text, "export": export},
    )  # fmt: skip
    event = Event(chunk=1, at=MADE, kind="in doubt", data={"message": text})
    return job_facts(
        {"accepted": 298, "rejected": 1, "in_doubt": 1}, state="in_doubt", reconciliation=found,
        chunks=(chunk(1), chunk(2, state="in doubt", undecided=True, message=text), chunk(3, state="rejected")),
        reasons=(reason(text),), rejected_file=text, sums={text: "1.5", "b": "2"}, notes=(text,),
        settings={"target_name": text, "note": text}, ledger=text, doubts=tuple(summarise_events([event])),
        document={
            "file": {"path": text, "sha256": "ab", "bytes": 1, "records": 300},
            "options": {"name": text}, "source": {"path": text, "records": 400, "sent_before": 100},
        },
    )  # fmt: skip


class Seen(HTMLParser):
    """The tags and the text of a document."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.texts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


@pytest.mark.parametrize("text", HOSTILE)
def test_html_shows_hostile_data_as_text(text: str) -> None:
    harmless = Seen(html(page_of([hostile_facts("harmless")], title="harmless", made=MADE)))
    written = html(page_of([hostile_facts(text)], title=text, made=MADE))
    seen = Seen(written)
    # Spans separate the words of commands, so their number depends on the words.
    assert [t for t in seen.tags if t != "span"] == [t for t in harmless.tags if t != "span"]
    assert {name for name, _ in seen.attributes} == {name for name, _ in harmless.attributes}
    assert not CONTROLS.search(written)
    shown = " ".join("".join(seen.texts).split())
    assert " ".join(one_line(text).replace("\\n", " ").replace("\\r", "").split())[:250] in shown


@pytest.mark.parametrize("text", HOSTILE)
def test_markdown_shows_hostile_data_as_text(text: str) -> None:
    harmless = tokens(markdown(page_of([hostile_facts("harmless")], title="harmless", made=MADE)))
    written = markdown(page_of([hostile_facts(text)], title=text, made=MADE))
    found = tokens(written)
    assert {t for t in found if t not in ("text", "code_inline", "text_special")} <= set(harmless)
    assert [t for t in found if t.startswith(("tr_", "td_", "heading", "list"))] == [
        t for t in harmless if t.startswith(("tr_", "td_", "heading", "list"))
    ]
    assert not CONTROLS.search(written)


@pytest.mark.parametrize("text", HOSTILE)
def test_markdown_cell_contains_exactly_the_data(text: str) -> None:
    for escape in (markdown_text.plain, markdown_text.code):
        document = f"| a | b |\n| --- | --- |\n| {escape(text)} | end |\n"
        rendered = Seen(RENDERER.render(document))
        assert rendered.tags.count("td") == 2
        assert not {"a", "img", "script", "strong", "em", "s"} & set(rendered.tags)
        shown = "".join(rendered.texts).split("\n", 1)[1]
        assert " ".join(one_line(text).replace("\\n", " ").replace("\\r", " ").split()) in (
            " ".join(shown.replace("\\n", " ").replace("\\r", " ").split())
        )


@pytest.mark.parametrize("text", ["@everyone see", "see https://evil.example now", "x www.evil.example", "fixes #12"])
def test_mentions_and_links_are_shown_as_code(text: str) -> None:
    """Trackers turn these into links in the finished page, so no escape helps."""
    live = next(word for word in text.split() if re.search(r"[@#:]|www", word))
    assert f"`{live}`" in markdown_text.plain(text)


RENDERER = MarkdownIt("gfm-like")


def tokens(text: str) -> list[str]:
    """Return the types of the tokens of a Markdown text, with those of its lines."""

    def all_of() -> Iterator[str]:
        for token in RENDERER.parse(text):
            yield token.type
            for child in token.children or ():
                yield "code_inline" if child.content in ("<code>", "</code>") else child.type

    return list(all_of())


def test_verdict_comes_first_and_details_last() -> None:
    for written in (html, markdown):
        text = written(page_of([hostile_facts("x")], title="T", made=MADE))
        places = [
            text.index(part)
            for part in ("Do not sign yet: ", "Books", "Proof", "Open decisions", "Rejected by the server", "Details")
        ]
        assert places == sorted(places)


def test_page_without_open_points_has_no_empty_part_no_zeros_and_no_plot() -> None:
    facts = job_facts(reconciliation=result(), chunks=(chunk(1), chunk(2), chunk(3)), findings=())
    text = html(page_of([facts], title="T", made=MADE))
    assert "<svg" not in text
    assert ">0<" not in text
    for absent in ("Open decisions", "Rejected", "Differences", "Message", "Doubts", "In doubt", "Pending", "Skipped"):
        assert absent not in text
    assert "worker-7" in text
    assert "BULKOPS_MANAGEMENT_KEY" in text


def test_a_result_of_an_older_version_lists_the_unrecorded_facts() -> None:
    old = result()
    del old["proof"]
    text = markdown(page_of([job_facts(reconciliation=old, reconciled=MADE)], title="T", made=MADE))
    assert "- Compared at: 2026-11-22 12:00:00 UTC" in text
    assert "Version, host and key: not recorded" in text


def test_unknown_name_in_a_template_is_an_error() -> None:
    for form in ("html", "md"):
        template = _environment(form).from_string("{{ page.nothing }}")
        with pytest.raises(UndefinedError):
            template.render(page=SimpleNamespace())


def test_doubt_about_an_export_quotes_no_value_where_values_are_masked() -> None:
    doubt = "2 of them are there up to zeros: value '00SECRET' is '0SECRET' there."
    found = result("mismatch", missing=2, reason=f"Of 300 records: 2 missing. {doubt}", doubt=doubt, notes=[doubt])
    facts = masked(job_facts(reconciliation=found))
    for text in (html(page_of([facts], title="T", made=MADE)), str(facts.to_json())):
        assert "SECRET" not in text
        assert "2 missing" in text


def luminance(color: str) -> float:
    channels = [int(color[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_every_text_colour_has_the_contrast_of_wcag_aa() -> None:
    style = files("bulkops.reporting").joinpath("templates/style.css").read_text(encoding="utf-8")
    short = dict(re.findall(r"--(\w+): (#[0-9a-f]+)", style))
    colors = {n: v if len(v) == 7 else "#" + "".join(c * 2 for c in v[1:]) for n, v in short.items()}
    on_paper = [(colors[name], colors[paper]) for name in ("ink", "soft", "good", "bad", "warn", "blue")
                for paper in ("paper", "tint")]  # fmt: skip
    in_bars = [("#ffffff", colors[name]) for name in ("good", "bad", "warn", "blue", "grey")]
    for one, other in (*on_paper, *in_bars):
        dark, light = sorted((luminance(one), luminance(other)))
        assert (light + 0.05) / (dark + 0.05) >= 4.5, (one, other)
    used = set(re.findall(r"(?:color|fill): ?(#\w+|var\(--\w+\))", style))
    assert used <= {"#fff", *(f"var(--{name})" for name in colors)}
