"""The examples of the documentation run as they stand."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```python\n(.*?)^```$", flags=re.MULTILINE | re.DOTALL)


def test_the_examples_of_the_library_page_run_in_order(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "sample_data", tmp_path / "sample_data")
    text = (ROOT / "docs" / "library.md").read_text(encoding="utf-8")
    (tmp_path / "page.py").write_text("\n\n".join(BLOCK.findall(text)), encoding="utf-8")
    environment = os.environ | {"BULKOPS_STATE": str(tmp_path / "state")}
    command = [sys.executable, "-W", "error", "page.py"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "the same file" in done.stdout.lower() or "before" in done.stdout
