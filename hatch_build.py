"""Puts the built pages into the wheel: they are made from `web/` by npm, and are not in the repository."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class PageHook(BuildHookInterface[Any]):
    """Builds the pages where they are missing; an editable install leaves that to `make page`."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called by hatchling before a wheel is packed."""
        if version == "editable":
            return
        root = Path(self.root)
        static = root / "src" / "zhiyin" / "web" / "static"
        if not (static / "index.html").is_file():
            npm = shutil.which("npm")
            if npm is None or not (root / "web").is_dir():
                raise RuntimeError("the pages are not built: run `make page` first (it needs npm, Node.js 20 or newer)")
            subprocess.run([npm, "ci", "--no-audit", "--no-fund"], cwd=root / "web", check=True)
            subprocess.run([npm, "run", "build"], cwd=root / "web", check=True)
        build_data["artifacts"].append("src/zhiyin/web/static/")
