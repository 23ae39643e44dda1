"""The steps of a recipe with what is said on the way."""

import sys
from collections.abc import Mapping

from tqdm import tqdm

from bulkops.chunking.plan import FilePlan
from bulkops.cli.console import Console, console
from bulkops.cli.targets import TargetChoice
from bulkops.clock import SystemClock
from bulkops.ledger.store import Ledger
from bulkops.pipeline.observer import Silent
from bulkops.pipeline.recipes import StepResult, run_recipe
from bulkops.recipe import Recipe, Step
from bulkops.settings import default_ledger_url
from bulkops.upload.options import RunOptions
from bulkops_validators.model.contract import Contract


def run_steps(recipe: Recipe, choice: TargetChoice, *, ledger_url: str | None, settle: float) -> list[StepResult]:
    """Run the steps and return their results; a bar counts them on a terminal."""
    clock = SystemClock()
    out = console()
    ledger = Ledger.open(ledger_url or default_ledger_url(), clock=clock)
    hidden = out.quiet or not sys.stderr.isatty()
    try:
        with choice.open() as target, tqdm(total=len(recipe.steps), unit=" step", disable=hidden, leave=False) as bar:
            results = []
            run = RunOptions(settle=settle)
            for result in run_recipe(
                recipe, target, ledger, clock=clock, settings=run, observe=lambda step: Voice(step, out)
            ):
                results.append(result)
                bar.update()
            return results
    finally:
        ledger.close()


class Voice(Silent):
    """Says on stderr what a step is about to do, and what it waits for."""

    def __init__(self, step: Step, out: Console) -> None:
        self._step = step
        self._out = out

    def planned(self, plan: FilePlan, contract: Contract, ids: Mapping[str, int]) -> None:
        """Name the step, its size and its place."""
        place = " ".join(f"{name} {value}" for name, value in ids.items())
        self._out.note(f"{contract.name}: {plan.records:,} records in {len(plan.chunks):,} requests to {place}")

    def note(self, text: str) -> None:
        """Pass it on."""
        self._out.note(f"{self._step.contract}: {text}")
