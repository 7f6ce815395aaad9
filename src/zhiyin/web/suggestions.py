"""What to say next: sentences that the understanding reads, from the pack and from what was just shown."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from zhiyin.catalog.domain import Domain

MOST = 4


@cache
def words(language: str) -> Mapping[str, str]:
    """The service's own sentences in a language, by name."""
    table: Mapping[str, Mapping[str, str]] = tomllib.loads((Path(__file__).parent / "words.toml").read_text(encoding="utf-8"))
    return table[language if language in table else "en"]


def openers(domain: Domain, language: str) -> tuple[str, ...]:
    """First things to say, from the pack."""
    return tuple(domain.openers.get(language, ())[:MOST])


def follow_ups(domain: Domain, language: str, act: str, shown: int, about: int) -> tuple[str, ...]:
    """What to say after a reply of this act that showed so many items and was about so many: at most four, none that makes no sense here."""
    said = words(language)
    if act in {"answer", "explain", "compare"} and about:
        return (said["similar"], said["others"])
    if shown:
        two = (said["compare"],) if shown > 1 else ()
        return (*_comparatives(domain, language), said["others"], said["why"], *two)[:MOST]
    return (said["restart"],) if act == "relax" else openers(domain, language)


def _comparatives(domain: Domain, language: str) -> Sequence[str]:
    """The pack's first comparative ("cheaper"), as people say it."""
    lexicon = domain.lexicons.get(language)
    found = [surfaces[0] for _, surfaces in lexicon.comparatives.values() if surfaces] if lexicon else []
    return found[:1]
