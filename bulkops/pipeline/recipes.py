"""Run a recipe: its imports one after another, up to the first that does not end as expected."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from bulkops.clock import Clock
from bulkops.errors import BulkopsError, UsageError
from bulkops.ledger.store import Ledger
from bulkops.pipeline.importing import ImportRequest, Place, import_file
from bulkops.pipeline.observer import Observer
from bulkops.pipeline.running import Outcome
from bulkops.recipe import Recipe, Step
from bulkops.settings import Target
from bulkops.upload.options import RunOptions
from bulkops_validators import CONTRACTS
from bulkops_validators.model.contract import Contract

GOOD_VERDICTS = ("proved", "unprovable")


@dataclass(frozen=True, kw_only=True)
class StepResult:
    """How one step ended, and whether that is what the recipe expects."""

    step: Step
    outcome: Outcome
    seconds: float

    @property
    def as_expected(self) -> bool:
        """Whether the step did what it was there for.

        `unprovable` counts as good only where nothing reads the rows back and the amounts agree; a verdict with
        rows missing or different is a mismatch, never unprovable.
        """
        if self.step.expect == "refused":
            return self.outcome.state == "refused" and self.outcome.document["job"] is None
        if self.outcome.exit_code != 0 or self.outcome.state != "done":
            return False
        return not self.step.reconcile or self.outcome.verdict in GOOD_VERDICTS

    def to_json(self) -> dict[str, Any]:
        """Return the step's part of `run --json`."""
        counts = self.outcome.validation.files[0].counts if self.outcome.validation else {}
        return {
            "contract": self.step.contract,
            "file": str(self.step.file),
            "expect": self.step.expect,
            "as_expected": self.as_expected,
            "exit": self.outcome.exit_code,
            "findings": dict(counts),
            "import": dict(self.outcome.document),
        }


def run_recipe(
    recipe: Recipe,
    target: Target,
    ledger: Ledger,
    *,
    clock: Clock,
    settings: RunOptions,
    observe: Callable[[Step], Observer],
) -> Iterator[StepResult]:
    """Yield the result of each step as it ends; the first that is not as expected is the last."""
    for step in recipe.steps:
        began = time.monotonic()
        request = _request(step, settings)
        place = Place.at(replace(target, ids=step.ids), ledger)
        try:
            outcome = import_file(request, place, clock=clock, observer=observe(step))
        except BulkopsError as error:
            raise type(error)(
                f"{recipe.name}: {step.contract} {step.file.name}: {error.message}", hint=error.hint
            ) from None
        result = StepResult(step=step, outcome=outcome, seconds=time.monotonic() - began)
        yield result
        if not result.as_expected:
            return


def check_recipe(recipe: Recipe) -> None:
    """Refuse a recipe before anything is sent: a missing id or file, an option the contract does not have."""
    for number, step in enumerate(recipe.steps, start=1):
        contract = CONTRACTS[step.contract]
        place = f"{recipe.name}: step {number} ({step.contract})"
        try:
            contract.route(step.ids)
        except LookupError as error:
            raise UsageError(f"{place} needs ids {', '.join(error.args)}.") from None
        if not step.file.is_file():
            raise UsageError(f"{place}: there is no file {step.file}.")
        query_texts(contract, step.options, place=place)


def _request(step: Step, settings: RunOptions) -> ImportRequest:
    contract = CONTRACTS[step.contract]
    return ImportRequest(
        contract=contract,
        file=step.file,
        options=query_texts(contract, step.options, place=step.contract),
        max_rows=step.max_rows,
        run=settings,
        reconcile=step.reconcile,
    )


def query_texts(contract: Contract, chosen: Mapping[str, object], *, place: str) -> dict[str, str]:
    """Return the contract's query options as text, defaults filled in; UsageError for one it does not have."""
    declared = {option.name: option for option in contract.options}
    if unknown := sorted(set(chosen) - set(declared)):
        raise UsageError(f"{place}: there is no option {unknown[0]!r}; known: {', '.join(declared) or 'none'}.")
    values: dict[str, str] = {}
    for name, option in declared.items():
        value = chosen.get(name, option.default)
        if value is None:
            continue
        text = str(value).lower() if isinstance(value, bool) else str(value)
        if option.choices is not None and text not in option.choices:
            raise UsageError(f"{place}: {name} is {text!r}; it takes {', '.join(option.choices)}.")
        values[name] = text
    return values
