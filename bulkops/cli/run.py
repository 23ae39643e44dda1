"""`bulkops run`: run a recipe."""

from collections.abc import Iterator
from contextlib import contextmanager

import click

from bulkops.cli.console import console
from bulkops.cli.options import SecondsType, json_option, ledger_option, option
from bulkops.cli.target_options import target_options
from bulkops.cli.targets import TargetChoice
from bulkops.errors import DataError, UsageError

COLUMNS = ("contract", "file", "records", "chunks", "accepted", "skipped", "rejected", "outcome", "proof", "seconds")


@click.command("run")
@click.argument("recipe")
@click.option("--set", "chosen", multiple=True, metavar="NAME=VALUE", help="Give a variable of the recipe a value.")
@option("--settle", type=SecondsType(), default=60.0, show_default=True, help="As for `bulkops import`.")
@ledger_option
@target_options
@json_option
def command(
    recipe: str, chosen: tuple[str, ...], settle: float, ledger: str | None, target: TargetChoice, *, as_json: bool
) -> int:
    """Run the imports of RECIPE (a file, or the name of a shipped one) in order; stop at the first that fails."""
    from bulkops.catalog import find_recipe
    from bulkops.cli.recipe_steps import run_steps
    from bulkops.embedded import fresh_sandbox
    from bulkops.pipeline.recipes import check_recipe
    from bulkops.recipe import Recipe, load_recipe

    @contextmanager
    def place(loaded: Recipe) -> Iterator[TargetChoice]:
        if loaded.sandbox is None:
            yield target
        else:
            _refuse_another_target(loaded.name)
            with fresh_sandbox({}, world=loaded.sandbox.world) as sandbox:
                yield TargetChoice(known=sandbox)

    loaded = load_recipe(find_recipe(recipe), _variables(chosen))
    check_recipe(loaded)
    console().note(f"{loaded.name}: {loaded.about}")
    with place(loaded) as where:
        results = run_steps(loaded, where, ledger_url=ledger, settle=settle)
    good = len(results) == len(loaded.steps) and all(result.as_expected for result in results)
    if as_json:
        steps = [result.to_json() for result in results]
        console().emit_json({"recipe": loaded.name, "state": "done" if good else "stopped", "steps": steps})
    else:
        console().table(COLUMNS, [_row(result) for result in results])
    if good:
        console().note("Every step ended as the recipe expects.")
        return 0
    last = results[-1]
    console().complain(f"bulkops: {loaded.name} stopped at {last.step.contract} {last.step.file.name}.")
    if last.outcome.error is not None:
        console().complain(str(last.outcome.error))
    return last.outcome.exit_code or DataError.exit_code


def _refuse_another_target(recipe: str) -> None:
    """Refuse a target given as an option for a recipe with a sandbox; what the environment names is left alone."""
    context = click.get_current_context()
    for name, option_name in (("base_url", "--base-url"), ("target_name", "--target")):
        if context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE:
            raise UsageError(
                f"{recipe} runs against a sandbox of its own; {option_name} cannot change that.",
                hint="Take `sandbox` out of a copy of the recipe to run it against a deployment.",
            )


def _row(result: "object") -> tuple[object, ...]:
    from bulkops.pipeline.recipes import StepResult

    if not isinstance(result, StepResult):
        raise TypeError(result)
    document = result.outcome.document
    records = document["records"]
    refused = document["job"] is None
    findings = sum(result.outcome.validation.files[0].counts.values()) if result.outcome.validation else 0
    outcome = f"refused, {findings} findings" if refused else document["state"]
    return (
        result.step.contract,
        result.step.file.name,
        f"{records['input']:,}",
        len(document["chunks"]),
        *(f"{records[name]:,}" for name in ("accepted", "skipped", "rejected")),
        outcome if result.as_expected else f"{outcome} (not as expected)",
        result.outcome.verdict or "-",
        f"{result.seconds:.1f}",
    )


def _variables(chosen: tuple[str, ...]) -> dict[str, str]:
    values = {}
    for pair in chosen:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise UsageError(f"--set {pair!r} is not of the form NAME=VALUE.")
        values[name] = value
    return values
