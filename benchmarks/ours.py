"""How the benchmarks start bulkops: as it starts where it is installed."""

import compileall
import os
import subprocess
import sysconfig
import venv
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = (ROOT / "bulkops", ROOT / "validators", Path(sysconfig.get_path("purelib")))


@cache
def environment(**more: str) -> dict[str, str]:
    """Return the environment in which `python -m bulkops` runs this working copy, from bytecode.

    pip writes bytecode. A working copy has none where PYTHONDONTWRITEBYTECODE is set, and libraries have none where uv
    installed them; each start would then compile hundreds of modules.
    """
    for package in PACKAGES:
        # Some libraries have files for other versions of Python.
        compileall.compile_dir(package, quiet=2)
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "validators")]), **more}


def python_with(package: str, folder: Path) -> str | None:
    """Return a Python that has a package, in an environment of its own in a folder; None if it cannot be installed."""
    home = folder / package
    if not home.exists():
        venv.create(home, with_pip=True)
    python = str(home / "bin" / "python")
    installed = subprocess.run([python, "-m", "pip", "install", "-q", package], check=False)
    return None if installed.returncode else python
