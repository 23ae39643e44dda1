"""Run the unit tests on every Python version of this machine that bulkops supports: `make test-pythons`.

Versions are those of the classifiers in pyproject.toml. An interpreter is found on the path, in pyenv, or by uv. A
version without an interpreter is reported; the others still run. Arguments go to pytest; default: tests/unit.
"""

import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

from tools.wording import ROOT

ENVIRONMENTS = ROOT / "build" / "pythons"


def supported(pyproject: Path) -> list[str]:
    """Return the Python versions that the metadata names, such as 3.11."""
    metadata = tomllib.loads(pyproject.read_text(encoding="utf-8"))
    prefix = "Programming Language :: Python :: "
    names = (name.removeprefix(prefix) for name in metadata["project"]["classifiers"] if name.startswith(prefix))
    return [name for name in names if "." in name]


def interpreter(version: str) -> Path | None:
    """Return an interpreter of a version that starts and has this version, or None."""
    for candidate in _candidates(version):
        command = [str(candidate), "-c", "import sys, venv; print('%d.%d' % sys.version_info[:2])"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.stdout.strip() == version:
            return candidate
    return None


def _candidates(version: str) -> Iterator[Path]:
    roots = [Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"]
    for root in roots:
        yield from sorted(root.glob(f"{version}.*/bin/python{version}"), reverse=True)
    for folder in os.get_exec_path():
        if (path := Path(folder) / f"python{version}").exists():
            yield path
    if uv := shutil.which("uv"):
        command = [uv, "python", "find", "--no-python-downloads", version]
        if found := subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip():
            yield Path(found)


def prepared(version: str, python: Path) -> Path:
    """Return the interpreter of an environment with bulkops and all packages for its tests; made if needed.

    uv makes it in seconds; without uv, pip does.
    """
    made = ENVIRONMENTS / version / "bin" / "python"
    packages = ["--quiet", "--editable", f"{ROOT}[sandbox]", "--group", f"{ROOT}/pyproject.toml:dev"]
    uv = shutil.which("uv")
    if not made.exists():
        new = [uv, "venv", "--quiet", "--python", str(python)] if uv else [str(python), "-m", "venv"]
        subprocess.run([*new, str(made.parents[1])], check=True)
    if uv:
        subprocess.run([uv, "pip", "install", "--python", str(made), *packages], check=True)
    else:
        # Groups of dependencies need pip 25.1.
        pip = [str(made), "-m", "pip", "install", "--disable-pip-version-check"]
        subprocess.run([*pip, "--quiet", "--upgrade", "pip"], check=True)
        subprocess.run([*pip, *packages], check=True)
    return made


def main() -> int:
    """Run the tests on each version; return 1 if a run failed."""
    arguments = sys.argv[1:] or ["-q", "-n", "2", "--dist", "worksteal", "tests/unit"]
    results: dict[str, str] = {}
    for version in supported(ROOT / "pyproject.toml"):
        python = interpreter(version)
        if python is None:
            results[version] = "not on this machine"
            continue
        print(f"Python {version}: {python}", flush=True)
        done = subprocess.run([prepared(version, python), "-m", "pytest", *arguments], cwd=ROOT, check=False)
        results[version] = "passed" if done.returncode == 0 else "failed"
    for version, result in results.items():
        print(f"Python {version}: {result}")
    return 1 if "failed" in results.values() else 0


if __name__ == "__main__":
    sys.exit(main())
