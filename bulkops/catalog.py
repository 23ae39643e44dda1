"""Find recipes: the shipped ones by name, any other by its path."""

from importlib.resources import files
from pathlib import Path

from bulkops.errors import UsageError
from bulkops.wording import guess


def recipes_root() -> Path:
    """Return the folder of the shipped recipes: inside the wheel, or beside the package in a checkout."""
    shipped = Path(str(files("bulkops"))) / "recipes"
    return shipped if shipped.is_dir() else Path(__file__).parents[1] / "recipes"


def shipped_recipes() -> dict[str, Path]:
    """Return the shipped recipes by name."""
    return {path.stem: path for path in sorted(recipes_root().glob("*.yaml"))}


def find_recipe(name: str) -> Path:
    """Return the recipe at the path `name`, or the shipped one of that name; UsageError if there is neither."""
    path = Path(name)
    if path.is_file():
        return path
    shipped = shipped_recipes()
    if name in shipped:
        return shipped[name]
    near = guess(name, shipped)
    told = near if near.startswith("Did") else f"Shipped: {', '.join(shipped)}; or give a file's path."
    raise UsageError(f"There is no recipe {name!r}.", hint=told)
