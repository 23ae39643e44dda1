"""Find recipes: shipped ones by name, others by path."""

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
    """Return the path of a recipe: `name` if it is a file, else the shipped recipe; UsageError if neither exists."""
    path = Path(name)
    if path.is_file():
        return path
    shipped = shipped_recipes()
    if name in shipped:
        return shipped[name]
    near = guess(name, shipped)
    hint = near if near.startswith("Did") else f"Shipped recipes: {', '.join(shipped)}. Or give the path of a file."
    raise UsageError(f"Unknown recipe {name!r}.", hint=hint)
