"""Zhiyin 知音: a conversational recommender over your catalogue.

from zhiyin import Assistant

with Assistant(domain="movies") as assistant:
reply = assistant.say("something mind-bending from the 90s")
print(reply["reply"], [item["title"] for item in reply["items"]])
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zhiyin.assistant import Assistant
    from zhiyin.errors import ZhiyinError

__version__ = "0.1.0"
__all__ = ["Assistant", "ZhiyinError", "__version__"]
_HOMES = {"Assistant": "zhiyin.assistant", "ZhiyinError": "zhiyin.errors"}


def __getattr__(name: str) -> object:
    """Loads a public name on first use, so that `import zhiyin` costs nothing."""
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'zhiyin' has no attribute {name!r}")
