"""What speaks against an answer being whole: how it was framed, how it begins, and how it ends."""

import io

import pytest

from bulkops.readback.fetch.completeness import Doubt, doubt_of

COLUMNS = frozenset({"value"})
HEAD = "id,value,limitval,attributes\n"


def doubt(text: str, *, framed: bool = True) -> Doubt | None:
    data = text.encode()
    return doubt_of(io.BytesIO(data), len(data), COLUMNS, framed=framed, open_quote=text.count('"') % 2 == 1)


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
def test_nothing_speaks_against_an_answer_of_records(rows: str) -> None:
    assert doubt(HEAD + rows) is None


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
def test_an_error_behind_the_records_is_no_end(rows: str, appendix: str) -> None:
    found = doubt(HEAD + rows + appendix)
    assert found == Doubt(reason="the answer ends with an error instead of a record", by_repeating=False)


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
def test_a_last_record_that_looks_cut_must_come_twice(last: str) -> None:
    found = doubt(f"{HEAD}1,A,1,\n{last}")
    assert found == Doubt(reason="the last record of the answer may be cut")


@pytest.mark.parametrize(
    "last", ['2,BB{"message":"boom"}\n', '2,BB,1,x{\n "message": "boom"\n}\n', "2,BB<html>x</html>\n"]
)
def test_an_error_behind_half_a_record_is_no_end(last: str) -> None:
    found = doubt(f"{HEAD}1,A,1,\n{last}")
    assert found == Doubt(reason="the answer ends with an error instead of the rest of a record", by_repeating=False)


def test_what_does_not_end_or_begin_as_a_csv_is_told() -> None:
    assert doubt(HEAD + "1,A") == Doubt(reason="the answer ends in the middle of a record", by_repeating=False)
    assert doubt(HEAD + "1,A,1,x") == Doubt(reason="the answer does not end with a line end")
    assert doubt(HEAD + '1,A,1,"x\n') == Doubt(reason="the answer may end inside a quoted cell")
    assert doubt(HEAD + "1,A,1,\n", framed=False) == Doubt(reason="nothing shows that the answer came whole")
    for other in ("", "\n\n", "id,code\n1,A\n", '{"message": "no"}\n', "<html>\n"):
        found = doubt(other)
        assert found is not None, other
        assert not found.by_repeating, other
