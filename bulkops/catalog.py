"""Find recipes: shipped ones by name, others by path."""

import re
from importlib.resources import files
from pathlib import Path

from bulkops.errors import UsageError
from bulkops.wording import guess

SAMPLE = re.compile(r"\.\./sample_data/legacy/[\w.-]+")
"""A legacy file in a shipped recipe, from the folder of the recipes."""


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


def copy_recipe(name: str, folder: Path) -> list[Path]:
    """Copy a shipped recipe and its sample files to a folder, and return the paths, the recipe first.

    The copy names the copied files. UsageError if the recipe is unknown, or if a file exists.
    """
    path = shipped_recipes().get(name)
    if path is None:
        raise UsageError(f"Unknown recipe {name!r}.", hint=guess(name, shipped_recipes()))
    text = path.read_text(encoding="utf-8")
    samples = {found[0]: path.parent / found[0] for found in SAMPLE.finditer(text)}
    copies = {folder / path.name: b""}
    for written, sample in samples.items():
        text = text.replace(written, sample.name)
        copies[folder / sample.name] = sample.read_bytes()
    if "../sample_data" in text:
        raise UsageError(f"{name} uses files of the package and cannot be copied.", hint=f"Run it: bulkops run {name}")
    copies[folder / path.name] = text.encode()
    for target in copies:
        if target.exists():
            raise UsageError(f"{target} exists.", hint="Copy the recipe into another folder.")
    for target, content in copies.items():
        with target.open("xb") as file:
            file.write(content)
    return list(copies)
