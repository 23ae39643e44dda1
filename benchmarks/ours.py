"""How the benchmarks start bulkops: as it starts where it is installed."""

import compileall
import os
import subprocess
import venv
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = (ROOT / "bulkops", ROOT / "validators")


@cache
def environment(**more: str) -> dict[str, str]:
    """Return the environment in which `python -m bulkops` runs this working copy, from bytecode.

    Installers write bytecode. A working copy has none where PYTHONDONTWRITEBYTECODE is set, and libraries have none
    where an installer was told so: each start would compile hundreds of modules. So the first of several rounds writes
    the bytecode of the libraries, for both sides.
    """
    for package in PACKAGES:
        compileall.compile_dir(package, quiet=1)
    paths = os.pathsep.join([str(ROOT), str(ROOT / "validators")])
    return {**os.environ, "PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": "", **more}


def python_with(package: str, folder: Path) -> str | None:
    """Return a Python that has a package, in an environment of its own in a folder; None if it cannot be installed."""
    home = folder / package
    if not home.exists():
        venv.create(home, with_pip=True)
    python = str(home / "bin" / "python")
    installed = subprocess.run([python, "-m", "pip", "install", "-q", package], check=False)
    return None if installed.returncode else python
