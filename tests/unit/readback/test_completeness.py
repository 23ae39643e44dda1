"""A response may be incomplete: its framing, its beginning and its end show it."""

import io

import pytest

from bulkops.readback.fetch.completeness import Incompleteness, find_incompleteness

COLUMNS = frozenset({"value"})
HEAD = "id,value,limitval,attributes\n"


def incompleteness(text: str, *, framed: bool = True) -> Incompleteness | None:
    data = text.encode()
    return find_incompleteness(io.BytesIO(data), len(data), COLUMNS, framed=framed, open_quote=text.count('"') % 2 == 1)


@pytest.mark.parametrize(
    "rows",
    [
        "",
        "1,A,1,\n",
        "1,A,1,\n\n\n",
        '1,A,1,"{""message"": ""boom""}"\n',
        '1,A,1,{"message": "boom", "n": 1}\n2,B,1,\n',
        '1,A,1,{"n": 17, "m": 1}\n',
        '1,A,1,"two\nlines"\n',
        '1,A,1,"[\n{""a"": 3}]"\n2,B,1,x\n',
        "\n" * 300_000 + "1,A,1,\n",
    ],
)
def test_response_of_complete_records_is_complete(rows: str) -> None:
    assert incompleteness(HEAD + rows) is None


@pytest.mark.parametrize(
    "appendix",
    [
        '{"message":"boom"}\n',
        '\n\n  {"message":"boom","StatusCode":500}',
        '{\n  "errors": [{"title": "x"}]\n}\n',
        '[{"title": "x"}]\n',
        "<html>x</html>\n",
        "<!DOCTYPE html>\n<html>x",
    ],
)
@pytest.mark.parametrize("rows", ["1,A,1,\n", '1,A,1,"[\n{""a"": 3}]"\n', '1,A,1,"{\n""a"": 3}"\n'])
def test_response_with_an_error_after_the_records_is_incomplete(rows: str, appendix: str) -> None:
    found = incompleteness(HEAD + rows + appendix)
    assert found == Incompleteness(reason="the response ends with an error instead of a record", by_repeating=False)


@pytest.mark.parametrize(
    "last",
    [
        '2,BB,1,{"message":"boom"}\n',
        '2,BB,1,{"errors":[{"title":"x"}]}\n',
        "2,BB,1,<html>x</html>\n",
        "2,BB\n",
        "Internal Server Error\n",
    ],
)
def test_response_with_a_last_record_that_looks_truncated_needs_an_equal_second_one(last: str) -> None:
    found = incompleteness(f"{HEAD}1,A,1,\n{last}")
    assert found == Incompleteness(reason="the last record of the response may be truncated")


@pytest.mark.parametrize(
    "last", ['2,BB{"message":"boom"}\n', '2,BB,1,x{\n "message": "boom"\n}\n', "2,BB<html>x</html>\n"]
)
def test_response_with_an_error_after_half_a_record_is_incomplete(last: str) -> None:
    found = incompleteness(f"{HEAD}1,A,1,\n{last}")
    assert found == Incompleteness(
        reason="the response ends with an error instead of the rest of a record", by_repeating=False
    )


def test_response_that_does_not_begin_or_end_like_a_csv_is_incomplete() -> None:
    assert incompleteness(HEAD + "1,A") == Incompleteness(
        reason="the response ends in the middle of a record", by_repeating=False
    )
    assert incompleteness(HEAD + "1,A,1,x") == Incompleteness(reason="the response does not end with a line end")
    assert incompleteness(HEAD + '1,A,1,"x\n') == Incompleteness(reason="the response may end inside a quoted cell")
    assert incompleteness(HEAD + "1,A,1,\n", framed=False) == Incompleteness(
        reason="nothing shows that the response is complete"
    )
    for other in ("", "\n\n", "id,code\n1,A\n", '{"message": "no"}\n', "<html>\n"):
        found = incompleteness(other)
        assert found is not None, other
        assert not found.by_repeating, other
