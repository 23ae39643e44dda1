"""The page of guarantees names tests that exist."""

import ast
import re

from tools.wording import ROOT

TEST = re.compile(r"`(test_\w+)` in `(tests/[\w/]+\.py)`")


def test_guarantees_name_existing_tests() -> None:
    page = (ROOT / "docs" / "reference" / "guarantees.md").read_text(encoding="utf-8")
    rows = [line for line in page.splitlines() if re.match(r"\| \d+ \|", line)]
    assert [int(line.split("|")[1]) for line in rows] == list(range(1, 16))
    missing = []
    for row in rows:
        named = TEST.findall(row)
        assert named, row
        for name, path in named:
            tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
            if not any(isinstance(node, ast.FunctionDef) and node.name == name for node in ast.walk(tree)):
                missing.append(f"{path}::{name}")
    assert not missing
