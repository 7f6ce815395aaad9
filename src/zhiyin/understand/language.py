"""The language of a turn: Chinese or English by script, the titles and quotations it mentions set aside."""

from __future__ import annotations

import re
from collections.abc import Iterable

from zhiyin.text import COMMON, cjk_count
from zhiyin.types import Language

_LATIN = re.compile(r"[^\W\d_\u3400-\u9fff]+")
_OTHER_SCRIPT = re.compile(r"[\u3040-\u30ff\uac00-\ud7af\u0400-\u04ff\u0600-\u06ff\u0e00-\u0e7f\u0900-\u097f\u0370-\u03ff\u0590-\u05ff]")
_OTHER_WORDS = frozenset(
    "je tu il un une le les des du et est pas pour avec dans qui que quel voudrais cherche ich du der das und ist nicht ein eine einen mit auf suche möchte mochte el los las una para por con quiero busco película pelicula teléfono telefono "
    "vorrei cerco di che un'altra uno gli eu quero um uma filme para não nao com cinta saya ingin mau yang untuk tôi muốn".split()
)
_ENGLISH = COMMON | frozenset(
    "the of and to in is it you that was for on are with as be at this have from or had by but some what we can out other were all your when up use how said an each she which do their if will way about many then them would like so these her him has more could go come did my no most who over than call its now find long made may part".split()
)


def read_language(text: str, spans: Iterable[tuple[int, int]], before: Language) -> Language:
    """The language this plain text is in; the one before where nothing tells. `spans` (titles, names) do not count unless they are all there is."""
    bare = text
    for start, end in sorted(spans, reverse=True):
        bare = bare[:start] + " " + bare[end:]
    for candidate in (bare, text):
        chinese, words = cjk_count(candidate), len(_LATIN.findall(candidate))
        if chinese or words:
            return Language.ZH if chinese >= max(1, words) or (chinese >= 2 and chinese * 2 >= words) else Language.EN
    return before


def is_foreign(text: str, known: int) -> bool:
    """Whether a message is in neither language: another script leads, or many Latin words and hardly an English one among them.

    `known` counts the words that a lexicon, a title or a name explains.
    """
    others = len(_OTHER_SCRIPT.findall(text))
    words = _LATIN.findall(text)
    if others:
        return others > cjk_count(text) + sum(len(w) for w in words if w.isascii())
    if cjk_count(text) or len(words) < 4:
        return False
    english = sum(w in _ENGLISH for w in words)
    if len(_OTHER_WORDS & set(words)) >= 2 and english <= len(words) / 2:
        return True
    return len(words) > 4 and english + known < 0.2 * len(words)
