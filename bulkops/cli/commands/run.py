"""`bulkops run`: run a recipe."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from bulkops.cli.options.account import AccountChoice, snapshot_options
from bulkops.cli.options.common import CountType, SecondsType, json_option, ledger_option, limit_options
from bulkops.cli.options.environment import Reach, option, own_option
from bulkops.cli.options.on_end import announced
from bulkops.cli.options.target import target_options
from bulkops.cli.output.console import console
from bulkops.cli.process import completion
from bulkops.cli.process.targets import TargetChoice
from bulkops.errors import UsageError
from bulkops.upload.options import SETTLE_SECONDS

if TYPE_CHECKING:
    from bulkops.pipeline.offline import OfflineCheck
    from bulkops.recipe import Recipe


@click.command("run")
@click.argument("recipe", shell_complete=completion.recipes)
@own_option("--set", "chosen", multiple=True, metavar="NAME=VALUE", help="Set a variable of the recipe.")
@own_option("--from", "first", type=CountType(), default=1, metavar="STEP",
            help="Start with this step and skip the steps before it.")  # fmt: skip
@option("--settle", type=SecondsType(), default=SETTLE_SECONDS, show_default=True, help="As for `bulkops import`.")
@option("--response-timeout", type=SecondsType(zero=False), metavar="SECONDS", help="As for `bulkops import`.")
@option("--dry-run", is_flag=True, help="Do every step up to its first upload, and send nothing.")
@own_option("--plan", "only_plan", is_flag=True, help="Show requests, bytes and minimum times. Sends nothing.")
@option("--restart", reach=Reach.COMMAND, is_flag=True,
        help="Begin again although a source changed after an unfinished run.")  # fmt: skip
@snapshot_options
@ledger_option
@target_options
@limit_options
@json_option
@announced
def command(
    recipe: str,
    chosen: tuple[str, ...],
    first: int,
    settle: float,
    response_timeout: float | None,
    ledger: str | None,
    target: TargetChoice,
    account: AccountChoice,
    *,
    dry_run: bool,
    only_plan: bool,
    restart: bool,
    as_json: bool,
) -> int:
    """Run the imports of RECIPE (a file, or the name of a shipped recipe) in order; stop at the first failure.

    Run the command again to continue: finished steps are skipped, and an interrupted step is resumed.
    """
    from bulkops.catalog import find_recipe
    from bulkops.cli.views.recipe_view import RunChoices, run_steps, show_results, variables_of
    from bulkops.pipeline.recipes import check_recipe, contradictions, used_ids
    from bulkops.recipe import at_target, load_recipe

    loaded = load_recipe(find_recipe(recipe), variables_of(chosen))
    if first > len(loaded.steps):
        raise UsageError(f"--from {first}: {loaded.name} has {len(loaded.steps)} steps.")
    loaded = at_target(loaded, "sandbox" if loaded.sandbox else target.name)
    offline = _offline(account)
    if only_plan:
        from bulkops.cli.output.mapping_view import show_plan

        return show_plan(loaded, target.default_ids(), offline, first=first, as_json=as_json)
    with _target_of(loaded, target) as where:
        check_recipe(loaded, where.default_ids())
        for contradiction in contradictions(loaded, where.default_ids()):
            console().note(contradiction)
        used = used_ids(loaded, where.default_ids())
        where.refuse_unused(used, loaded.name, [sorted(used)])
        console().note(f"{loaded.name}: {loaded.about}" if loaded.about else loaded.name)
        choices = RunChoices(
            ledger=ledger,
            settle=settle,
            response_timeout=response_timeout,
            first=first,
            dry_run=dry_run,
            restart=restart,
            as_json=as_json,
            offline=offline,
        )
        results = run_steps(loaded, where, choices)
    return show_results(loaded, results, dry_run=choices.dry_run, as_json=choices.as_json)


def _offline(account: AccountChoice) -> "OfflineCheck | None":
    """Return the comparison with the chosen snapshot; None without one."""
    from bulkops.clock import SystemClock
    from bulkops.pipeline.offline import OfflineCheck

    snapshot = account.opened()
    if snapshot is None:
        return None
    snapshot.announce()
    return OfflineCheck(account=snapshot.account, now=SystemClock().now())


@contextmanager
def _target_of(recipe: "Recipe", target: TargetChoice) -> Iterator[TargetChoice]:
    """Yield the target of the steps: the recipe's own sandbox if it has one, else the chosen target.

    UsageError if the command line names another target for a recipe with a sandbox.
    """
    if recipe.sandbox is None:
        yield target
        return
    if target.explicit:
        raise UsageError(
            f"{recipe.name} runs against its own sandbox. Remove --target and --base-url.",
            hint="To run it against another target, remove `sandbox:` from a copy of the recipe.",
        )
    from bulkops.embedded import fresh_sandbox

    with fresh_sandbox({}, world=recipe.sandbox.world) as sandbox:
        yield target.at(sandbox)
