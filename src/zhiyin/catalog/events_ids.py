"""Ids that are numbers in one file and text in another: which are the same ("007", "7" and "7.0"), where that is beyond doubt."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from zhiyin.catalog.events_names import plain_number
from zhiyin.interactions import Codes

_POINT = re.compile(r"\.0*$")


def same_numbers(texts: Sequence[str], seen: Sequence[Codes], known: int = 0) -> tuple[Codes, NDArray[np.bool_]]:
    """The code that each text stands for, and whether it looks like another but was left apart for doubt; both of shape (texts,).

    The first `known` texts are a catalogue's and stand for themselves. `seen` holds the codes in each file. Two forms of one number are the same
    unless a single file writes both, with and without leading zeros, or the catalogue itself does: then they are different ids on purpose.
    """
    target = np.arange(len(texts), dtype=np.int32)
    doubtful = np.zeros(len(texts), dtype=np.bool_)
    groups = _groups(texts)
    if groups:
        present = np.zeros((len(seen), len(texts)), dtype=np.bool_)
        for place, codes in enumerate(seen):
            present[place, codes[codes >= 0]] = True
    for group in groups:
        fixed = [code for code in group if code < known]
        others = [code for code in group if code >= known]
        head = fixed[0] if fixed else group[0]
        apart = _both_forms(group, texts, present)
        for code in others:
            if len(fixed) > 1 or (apart and _POINT.sub("", texts[code]) != _POINT.sub("", texts[head])):
                doubtful[code] = True
            else:
                target[code] = head
    return target, doubtful


def _groups(texts: Sequence[str]) -> list[list[int]]:
    """Codes of one number in several forms."""
    odd = [text for text in texts if text[:1] in {"0", "+"} or "." in text]
    numbers = {number for text in odd if (number := plain_number(text)) is not None and number != text}
    if not numbers:
        return []
    found: dict[str, list[int]] = {}
    for code, text in enumerate(texts):
        number = plain_number(text)
        if number in numbers:
            found.setdefault(number, []).append(code)
    return [group for group in found.values() if len(group) > 1]


def _both_forms(group: Sequence[int], texts: Sequence[str], present: NDArray[np.bool_]) -> bool:
    """Whether one file writes the number in two ways that only text can tell apart."""
    return any(len({_POINT.sub("", texts[code]) for code in group if file[code]}) > 1 for file in present)
