"""The outermost border: the one place where any error is caught, so that a conversation outlives a fault of ours."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import TypeVar

from zhiyin.errors import ZhiyinError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Trouble:
    """What to tell the user of an error."""

    text: str


async def guarded(work: Awaitable[T]) -> T | Trouble:
    """The result, or what to say instead; details of a fault of ours go to standard error."""
    try:
        return await work
    except ZhiyinError as error:
        print(error, file=sys.stderr, flush=True)
        return Trouble(str(error) + (f" {error.hint}" if error.hint else ""))
    except Exception:  # noqa: BLE001
        traceback.print_exc()
        return Trouble("Something went wrong on our side; your wishes are kept. 出了点问题，你的要求都还在。")
