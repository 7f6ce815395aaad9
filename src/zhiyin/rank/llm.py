"""A model's order of the best candidates: bounded, mixed with the learned one, and without a say over what is a candidate.

The candidates stand lettered in the prompt, and the probabilities of the one token that answers order all of them at once, as in
FIRST (Reddy, Doo, Xu, Sultan, Swain, Sil & Ji 2024, "FIRST: Faster Improved Listwise Reranking with Single Token Decoding").
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import replace
from string import ascii_uppercase

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from zhiyin.catalog.columns import Catalog
from zhiyin.llm import LLMRequest, Trace
from zhiyin.ports import LLM
from zhiyin.prompting.answers import Answer, consult, read_answer
from zhiyin.prompting.prompts import Prompts
from zhiyin.prompting.untrusted import fence, suspicious
from zhiyin.text import is_cjk
from zhiyin.types import Call, Candidate, Language, Op, Query, Slate, Turn, Wish

Describe = Callable[[Candidate, str], str]
Floats = NDArray[np.float64]

MOST = 20  # letters whose probabilities a back end may be asked for
FEWEST = 3  # candidates worth an order
SAID, ROW = 400, 160  # characters of the message and of a candidate that the model sees
_TOKENS = 8  # of an answer in full: for its braces, and for each letter with its quotes
_LIMIT = 100.0  # log probabilities beyond this say no more
_HIGHEST = 1e6  # score; beyond this lies no sum of ours


class Order(BaseModel):
    """Candidates' letters, best first."""

    order: list[str]


class ModelRanker:
    """The `Rerank` port: P = (1 - weight) P_learned + weight P_model over the first `most` candidates, none of which rises more than `rise` places.

    `describe` gives a candidate's row in the prompt. Letters are dealt anew by the query's seed, since weak models prefer some places.
    """

    def __init__(self, llm: LLM, prompts: Prompts, catalog: Catalog, describe: Describe, *, most: int = MOST, rise: int = 4, weight: float = 0.5, seconds: float = 6.0) -> None:
        self.llm, self.prompts, self.catalog, self.describe = llm, prompts, catalog, describe
        self.most, self.rise, self.weight, self.seconds = min(most, MOST), rise, weight, seconds
        for language in Language:  # a prompt without these slots is told of at the start, not in a turn
            prompts.render("rank", language, dict.fromkeys(("said", "wishes", "rows"), ""))
        self._tells = True  # until the back end answers without probabilities

    def over(self, catalog: Catalog, describe: Describe) -> ModelRanker:
        """The same for a catalogue after a change."""
        made = copy(self)
        made.catalog, made.describe = catalog, describe
        return made

    async def __call__(self, turn: Turn, query: Query, slate: Slate, trace: Trace, /) -> Slate:
        """The same candidates with `probability`, in the mixed order; the same object where the model has no say."""
        asked = slate[: self.most]
        if len(asked) < FEWEST or any(w.op is Op.LIKE for w in query.wishes):
            trace.calls.append(Call(purpose="rank", prompt="", outcome="skipped"))
            return slate
        language = Language.ZH if is_cjk(turn.text) else Language.EN
        seat = np.random.default_rng(query.seed).permutation(len(asked))  # seat[place of the letter] = place of the candidate
        letters = ascii_uppercase[: len(asked)]
        rows = [f"{letter}. {self._row(asked[place], language)}" for letter, place in zip(letters, seat, strict=True)]
        slots = {"said": fence(turn.text, SAID), "wishes": fence("; ".join(self._worded(w, language) for w in query.wishes), SAID), "rows": "\n".join(rows)}
        believed = await self._asked(turn, slots, language, tuple(letters), trace)
        if believed is None:
            return slate
        model = np.empty(len(asked))
        model[seat] = believed
        return (*self._mixed(asked, model), *slate[self.most :])

    def _row(self, candidate: Candidate, language: str) -> str:
        """What the model sees of a candidate: its title only where the rest gives orders to a machine, nothing where the title does."""
        title, described = candidate.item.title(language), self.describe(candidate, language)
        return "" if suspicious(title) else fence(title if suspicious(described) else described, ROW)

    def _worded(self, wish: Wish, language: str) -> str:
        """A wish in the user's words, else as a condition."""
        field = self.catalog.domain.fields.get(wish.field)
        values = wish.value if isinstance(wish.value, tuple) else (wish.value,)
        return wish.source or f"{field.label.get(language, field.name) if field else wish.field} {wish.op} {', '.join(map(str, values))}"

    async def _asked(self, turn: Turn, slots: Mapping[str, str], language: Language, letters: tuple[str, ...], trace: Trace) -> Floats | None:
        """What the model believes of each letter; None where it could not be asked or did not answer."""
        rendered = self.prompts.render("rank", language, slots)
        request = LLMRequest(
            messages=rendered.messages, purpose="rank", max_tokens=1, seconds=self.seconds, choices=letters, session=turn.session, turn=trace.turn, prompt=rendered.id
        )
        in_full = replace(request, choices=(), max_tokens=_TOKENS + _TOKENS * len(letters), schema=_order_of(letters))
        if self._tells:
            believed = await consult(self.llm, request, slots, trace, lambda answer: self._told(answer, letters))
            if self._tells:
                return believed
        return await consult(self.llm, in_full, slots, trace, lambda answer: from_order(read_answer(answer.text, Order).order, letters))

    def _told(self, answer: Answer, letters: Sequence[str]) -> Floats | None:
        believed = from_choices(answer.choices, letters)
        self._tells = believed is not None
        return believed

    def _mixed(self, asked: Slate, model: Floats) -> list[Candidate]:
        probability = (1.0 - self.weight) * learned([c.score for c in asked]) + self.weight * model
        order = lifted(probability, self.rise)
        return [replace(asked[p], probability=float(probability[p]), sources={**asked[p].sources, "model": round(float(model[p]), 4)}) for p in order]


def from_choices(choices: Mapping[str, float], letters: Sequence[str]) -> Floats | None:
    """P(letter) by log probabilities of the first token; letters not told of get the least told less one; None where none is told."""
    told = {x: max(-_LIMIT, min(_LIMIT, choices[x])) for x in letters if x in choices and math.isfinite(choices[x])}
    if not told:
        return None
    least = min(told.values()) - 1.0
    return _softmax(np.array([told.get(x, least) for x in letters]))


def from_order(order: Sequence[str], letters: Sequence[str]) -> Floats:
    """P(letter) by place in an order, 1 / log2(1 + place) scaled to a sum of 1; letters left out come last, as they stand.

    An order as a distribution after Plackett 1975, "The Analysis of Permutations", with DCG's discounts for worths.
    """
    whole = list(dict.fromkeys((*(x for x in order if x in letters), *letters)))
    worth = np.array([1.0 / math.log2(2.0 + whole.index(x)) for x in letters])
    return worth / float(worth.sum())


def learned(scores: Sequence[float]) -> Floats:
    """P(place) by score, a softmax at the temperature of the scores' spread; never rising, for an order may have reasons that scores do not tell."""
    falling = np.minimum.accumulate(np.clip(np.nan_to_num(np.array(scores, dtype=np.float64)), -_HIGHEST, _HIGHEST))
    spread = float(falling.std())
    return _softmax((falling - falling.max()) / spread if spread > 0.0 else np.zeros(len(falling)))


def lifted(probability: Floats, rise: int) -> list[int]:
    """The old places in their new order: at each place the most probable of those that may stand there, no more than `rise` above their own; ties as they stood."""
    left, order = list(range(len(probability))), []
    for place in range(len(probability)):
        best = max((p for p in left if p <= place + rise), key=lambda p: (probability[p], -p))
        left.remove(best)
        order.append(best)
    return order


def _softmax(x: Floats) -> Floats:
    weights = np.exp(np.maximum(x - x.max(), -2.0 * _LIMIT))
    return np.asarray(weights / weights.sum(), dtype=np.float64)


def _order_of(letters: Sequence[str]) -> Mapping[str, object]:
    """The JSON schema of an order of these letters."""
    order = {"type": "array", "items": {"type": "string", "enum": list(letters)}, "minItems": 1, "maxItems": len(letters)}
    return {"type": "object", "properties": {"order": order}, "required": ["order"], "additionalProperties": False}
