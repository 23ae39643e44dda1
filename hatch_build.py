"""Add the good samples, which the demo imports, to the wheel."""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class SamplesHook(BuildHookInterface):  # type: ignore[misc,type-arg] # hatchling is there only while building
    """Put every CSV file of sample_data and the legacy files beside the recipes; broken twins stay out."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Name the files that go into a wheel; an editable install reads them in place."""
        if version == "standard":
            folder = Path(self.root, "sample_data")
            files = sorted([*folder.glob("*.csv"), *folder.glob("legacy/*.*")])
            build_data["force_include"] |= {
                str(file): f"bulkops/sample_data/{file.relative_to(folder).as_posix()}" for file in files
            }
