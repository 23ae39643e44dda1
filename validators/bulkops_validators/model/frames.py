"""The pandera model of a contract, for polars frames of text columns."""

from collections.abc import Sequence
from typing import Any, ClassVar

import pandera.polars as pa
import polars as pl

from bulkops_validators.model.contract import Contract, Exclusive, Unique
from bulkops_validators.model.expressions import CellCheck, cell_checks, filled, mixed, record_checks
from bulkops_validators.model.odd_lines import OF_RECORDS, PROGRAM, odd_record, sum_behind
from bulkops_validators.model.rules import Severity
from bulkops_validators.model.rules_registry import RULES


class FrameModel(pa.DataFrameModel):
    """A contract as a pandera model: `Coupons.validate(frame, lazy=True)`.

    It contains the rules of severity error about the content; the `check` of each failure is the code of the rule.
    Read files with every column as text (`infer_schema=False`); otherwise codes lose their leading zeros.
    """

    contract: ClassVar[Contract]

    @classmethod
    def to_schema(cls) -> pa.DataFrameSchema:
        """Return the schema of frames with the current column names."""
        return frame_schema(cls.contract)

    @classmethod
    def validate(cls, check_obj: Any, *args: Any, **kwargs: Any) -> Any:
        """Check a frame; a column may have its name of an earlier release of the API."""
        present = check_obj.lazy().collect_schema().names()
        current = cls.contract.header_names
        renames = {name: current[name] for name in present if name in current and current[name] not in present}
        found = super().validate(check_obj.rename(renames), *args, **kwargs)
        return found.rename({new: old for old, new in renames.items()})


_models: dict[str, type[FrameModel]] = {}


def frame_model(contract: Contract) -> type[FrameModel]:
    """Return the model of a contract, the same class every time."""
    if contract.name not in _models:
        about = f"{contract.title}: {contract.effect}."
        model = type(contract.model_name, (FrameModel,), {"contract": contract, "__doc__": about})
        return _models.setdefault(contract.name, model)
    return _models[contract.name]


def frame_schema(contract: Contract) -> pa.DataFrameSchema:
    """Return the schema of a contract: required columns, no unknown ones, all text, checks named by rule code."""
    columns = {
        column.name: pa.Column(
            pl.String,
            checks=[_cell(check) for check in cell_checks(column) if RULES[check.code].severity is Severity.ERROR],
            nullable=True,
            required=column.required,
            description=column.about,
        )
        for column in contract.columns
    }
    checks = [_records(contract, code) for code in ("XCL101", "XCL102", "XCL103")]
    checks.append(_no_header())
    checks += [_no_line(code) for code in OF_RECORDS]
    checks += [_mixed(exclusive) for exclusive in contract.exclusive if exclusive.whole_file]
    checks += [_unique(unique) for unique in contract.unique if unique.certain]
    return pa.DataFrameSchema(
        columns,
        checks=checks,
        strict=True,
        name=contract.model_name,
        description=f"{contract.title}: {contract.effect}",
    )


def _cell(check: CellCheck) -> pa.Check:
    def passes(data: pa.PolarsData) -> pl.LazyFrame:
        present = data.lazyframe.collect_schema().names()
        return data.lazyframe.select(~check.broken | _no_record(present))

    return pa.Check(passes, name=check.code, error=check.code, ignore_na=False)


def _records(contract: Contract, code: str) -> pa.Check:
    def passes(data: pa.PolarsData) -> pl.LazyFrame:
        present = data.lazyframe.collect_schema().names()
        broken = [check.broken for check in record_checks(contract, present) if check.code == code]
        return data.lazyframe.select(~pl.any_horizontal(broken) if broken else _all_true())

    return pa.Check(passes, name=code, error=code, ignore_na=False)


def _no_header() -> pa.Check:
    def passes(data: pa.PolarsData) -> pl.LazyFrame:
        present = data.lazyframe.collect_schema().names()
        return data.lazyframe.select(~_repeats_header(present) if present else _all_true())

    return pa.Check(passes, name="HDR110", error="HDR110", ignore_na=False)


def _repeats_header(present: Sequence[str]) -> pl.Expr:
    return pl.all_horizontal((pl.col(name) == name).fill_null(value=False) for name in present)


def _no_line(code: str) -> pa.Check:
    def passes(data: pa.PolarsData) -> pl.LazyFrame:
        present = data.lazyframe.collect_schema().names()
        if not present:
            return data.lazyframe.select(_all_true())
        broken = odd_record(code, present)
        return data.lazyframe.select(~(broken | sum_behind(present) if code == PROGRAM else broken))

    return pa.Check(passes, name=code, error=code, ignore_na=False)


def _no_record(present: Sequence[str]) -> pl.Expr:
    """Return where a row repeats the header or is an odd line: its cells are not checked."""
    return _repeats_header(present) | _odd_line(present)


def _odd_line(present: Sequence[str]) -> pl.Expr:
    return pl.any_horizontal(odd_record(code, present) for code in OF_RECORDS)


def _mixed(exclusive: Exclusive) -> pa.Check:
    def passes(data: pa.PolarsData) -> pl.LazyFrame:
        present = data.lazyframe.collect_schema().names()
        return data.lazyframe.select(~mixed(exclusive, present) if present else _all_true())

    return pa.Check(passes, name="XCL104", error="XCL104", ignore_na=False)


def _unique(unique: Unique) -> pa.Check:
    def passes(data: pa.PolarsData) -> pl.LazyFrame:
        present = data.lazyframe.collect_schema().names()
        names = [name for name in unique.columns if name in present]
        if not names:
            return data.lazyframe.select(_all_true())
        key = pl.struct(pl.col(name).fill_null("") for name in names)
        any_filled = pl.any_horizontal(filled(name) for name in names)
        return data.lazyframe.select(key.is_first_distinct() | ~any_filled | _odd_line(present))

    return pa.Check(passes, name=unique.code, error=unique.code, ignore_na=False)


def _all_true() -> pl.Expr:
    return pl.repeat(value=True, n=pl.len(), dtype=pl.Boolean)
