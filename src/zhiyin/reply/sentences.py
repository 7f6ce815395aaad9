"""A stream of text cut into sentences as they become whole."""

from __future__ import annotations

import re
from collections.abc import Iterable

from zhiyin.text import is_cjk, plain

_END = re.compile(r"[.!?](?=[\s\"'”’)])[\"'”’)]*|[。！？；][”」』）]*|\n+")
_ABBREVIATION = re.compile(r"(?:\b(?:mr|mrs|ms|dr|st|vs|jr|sr|no|vol|pt|etc|e\.g|i\.e|approx)|\b[A-Za-z]|\d)\.$", re.IGNORECASE)
_CLAUSE = re.compile(r"[,，;；](?=\D)")
_LEANS = re.compile(
    r"\W*(?:since|because|if|while|when|although|though|as|whether|unless|once|因为|如果|虽然|由于|既然|要是|尽管|当)", re.IGNORECASE
)  # such a clause cannot stand alone


class Sentences:
    """Takes pieces, gives whole sentences; an end inside one of `names` ("Airplane!", "Dr. Strangelove") is none."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        self._names = tuple(name for n in names if _END.search((name := plain(n)) + " "))
        self.held = ""  # of the sentence that is not whole yet

    def feed(self, piece: str) -> list[str]:
        """The sentences that this piece completes."""
        self.held += piece
        found: list[str] = []
        at = 0
        while m := _END.search(self.held, at):
            at = m.end()
            head = self.held[: m.end()]
            if (m[0][0] == "." and _ABBREVIATION.search(self.held[: m.start() + 1])) or self._named(m.start()):
                continue
            found.append(head.strip())
            self.held, at = self.held[m.end() :], 0
        return [s for s in found if s]

    def rest(self) -> str:
        """What is left at the end of the stream."""
        left, self.held = self.held.strip(), ""
        return left

    def _named(self, at: int) -> bool:
        text = plain(self.held)
        return any(start <= at < start + len(name) for name in self._names for start in _starts(text, name))


def _starts(text: str, name: str) -> Iterable[int]:
    start = text.find(name)
    while start >= 0:
        yield start
        start = text.find(name, start + 1)


def heads(sentence: str) -> Iterable[str]:
    """The beginnings of a sentence that end with a clause, longest first; none where the first clause leans on what follows."""
    if _LEANS.match(sentence):
        return
    end = "。" if is_cjk(sentence) else "."
    for m in reversed(list(_CLAUSE.finditer(sentence))):
        yield sentence[: m.start()].rstrip() + end
