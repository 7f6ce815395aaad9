"""The command line: parse, call, print."""

from __future__ import annotations

import sys


def main() -> None:
    """The `zhiyin` program."""
    from zhiyin.cli.commands import run

    sys.exit(run(sys.argv[1:]))
