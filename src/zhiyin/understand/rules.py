"""Reads a message without a language model: rules for what rules know best, the classifier's belief for the rest.

Follow `RuleReader.__call__`: the message is opened (`message.py`), items are resolved, wishes are read (`wishes.py`), and
the evidence of all of it corrects the intent's distribution.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from zhiyin.catalog.change import Change
from zhiyin.catalog.columns import Catalog
from zhiyin.catalog.domain import Domain
from zhiyin.text import content_words, is_cjk
from zhiyin.types import ItemId, Judgement, Notice, Opinion, Sentiment, Signal, State, Turn, Understanding
from zhiyin.understand import cues
from zhiyin.understand.classifier import INTENTS, IntentClassifier, softmax
from zhiyin.understand.intent import Seen, evidence
from zhiyin.understand.language import is_foreign, read_language
from zhiyin.understand.linker import Linker
from zhiyin.understand.message import Message, Opener, shown_by_words
from zhiyin.understand.numbers import read_numbers
from zhiyin.understand.phrases import AsksField, Compares, Describes, Mention, Names, Noun, People, Titles, domain_phrases, own_valued
from zhiyin.understand.polarity import negated
from zhiyin.understand.references import Reference, picks_of_several, points_at_one
from zhiyin.understand.sentiment import read_sentiment
from zhiyin.understand.wishes import WishReader

EmbedQuery = Callable[[str], NDArray[np.float32]]
MAX_COUNT = 20
_NOT_COUNT = re.compile(
    r"\s*(?:hours?|minutes?|mins?|years?|inch|inches|gb|dollars?|yuan|bucks|of (?:them|these|those)|stars?|points?|%|[-–]\s*\d|k\b|million|thousand|hundred|(?:to|or) \d)"
)
_YES_NO = re.compile(r"(?:吗|么|嘛|不)\s*[?？。]*$|^\s*(?:is|does|do|has|have|can|are|was|did)\b|[?？]\s*$")
DEFAULT_SAMPLES = Path(__file__).parent.parent / "domains" / "phones"  # for catalogues without a pack: a shop's way of talking
EMBEDDED = 200  # characters that tell the intent; the time to embed grows with them
BELIEF = 0.75  # weight of the classifier's logits beside the rules' evidence
TOLD, MOSTLY = 5, 0.6  # words of a story that name nothing, and their share
SETTLED = 0.9  # probability from which an intent is not taken for a story after all
STORY = 400  # characters of a story that are kept
_CLAUSE = re.compile(r"[,，;；。.!！?？]|\bbut\b|但是?|不过")
_COUNT = re.compile(
    r"(?:^|\b(?:give me|show me|recommend|suggest|find|find me|list|just|only|top|want|need|pick|get me|another|best|me|need|us|and|more)\s+(?:the\s+)?(?:me\s+)?(?:just\s+|only\s+|about\s+)?(?:the\s+)?(?:top\s+|best\s+)?)(?P<n>two|three|four|five|six|seven|eight|nine|ten|twelve|fifteen|twenty|\d{1,3})(?P<more>\s+(?:more|other|others|different))?(?=\s+[a-z])"
)
_JUST_ONE = re.compile(
    r"\b(?:just|only|exactly)\s+(?:one|1|a single)\b|\bone (?:is enough|will do|is fine)\b|\b(?:a single|one single)\b|(?:只要|就要|只|就)(?:推荐|来|给我|给|要|看)?(?:一|1|我一)[部款个本台]|一[部款个本台](?:就行|就够|就好|即可|足够|就可以)"
)
_ZH_COUNT = r"(?<!第)(?<!前)(?<!后)(?<!这)(?<!那)(?P<zh>[两三四五六七八九十]|十[一二三四五]|\d{{1,3}})(?:{counters})(?!半|小时|月|星期|钟|人|都|里|中)"


class RuleReader:
    """The `Understand` port by rules and a sentence classifier, for one catalogue."""

    def __init__(
        self, catalog: Catalog, classifier: IntentClassifier | None, embed: EmbedQuery, *, cache: Path | None = None, warn: Callable[[str], None] = lambda _: None
    ) -> None:
        self.catalog, self.domain = catalog, catalog.domain
        self.classifier, self.embed = classifier, embed
        self.book = book = domain_phrases(catalog)
        self.linker = Linker(catalog, book.meanings, cache, warn)
        units = {u for f in self.domain.fields.values() for u in f.units}
        self.open = Opener(book, self.linker, units)
        self.wishes = WishReader(catalog)
        self._questions = _question_patterns(self.domain)
        self._zh_count = re.compile(_ZH_COUNT.format(counters="|".join(c for lex in self.domain.lexicons.values() for c in lex.counters) or "个"))

    def changed(self, catalog: Catalog, change: Change) -> RuleReader:
        """The reader of a catalogue after a change; this one stays as it is."""
        made = copy(self)
        made.catalog = catalog
        made.book = book = domain_phrases(catalog) if change.revalued.intersection(own_valued(catalog.domain)) else self.book
        made.linker = self.linker.changed(catalog, change, book.meanings)
        made.open = Opener(book, made.linker, self.open.units)
        made.wishes = WishReader(catalog)
        return made

    def __call__(self, turn: Turn, state: State, /) -> Understanding:
        """What the turn means in this state; never raises for any text."""
        if not re.search(r"\w", turn.text):
            return _empty(state, turn.text)
        message = self.open(turn.text, state, turn.time.year)
        language = read_language(message.text, _name_spans(message), state.language)
        signals = self._signals(message, state)
        if cues.CRISIS.search(message.text):
            return Understanding(language=language, intent=_certain("chitchat"), signals=frozenset({Signal.CRISIS}))
        for signal in (Signal.INJECTION, Signal.FOREIGN):
            if signal in signals:
                return Understanding(language=language, intent=_certain("chitchat"), signals=frozenset({signal}), notices=(Notice(code=str(signal)),))
        about, basis_named = self._about(message, state)
        asked = self._asked(message, about, state)
        edits, notices = ([], []) if Signal.RESTART in signals and not message.mentions else self.wishes(message, state, about)
        asked_values: tuple[str, ...] = ()
        if about and not asked and _YES_NO.search(message.text) and not (signals & {Signal.SIMILAR, Signal.FIRM}):
            asked = list(dict.fromkeys(n.field for _, n in message.of(Names) if isinstance(n, Names) and self.domain.fields[n.field].kind == "list"))
        if asked and about and not (signals & {Signal.SIMILAR, Signal.FIRM}):
            edits = []  # a question about an item wishes for nothing
            asked_values = tuple(dict.fromkeys(n.value for _, n in message.of(Names) if isinstance(n, Names) and n.field in asked))
        if (cues.SERVICE.search(message.text) and not about) or (len(about) > 1 and cues.COMPARE.search(message.text)):
            edits = []  # an order number is no amount; "which is lighter, A or B" wishes for nothing
        refused = self._refused(message)
        judgements = [*refused, *(j for j in self._opinions(message, about, signals, state) if j.item not in {r.item for r in refused})]
        if basis_named:
            signals |= {Signal.SIMILAR}
        sentiment = self._sentiment(message)
        topic, unwanted = self._left_over(message, signals)
        intent = self._intent(Seen(message, state, about, asked, edits, judgements, frozenset(signals)))
        count, too_many = self._count(message)
        leading = max(intent, key=lambda name: intent[name])
        if topic and not (edits or about or judgements) and leading in {"query", "feedback"} and not cues.SMALL_TALK.search(message.text):
            notices = [*notices, Notice(code="not_checked", slots={"words": " ".join(content_words(topic))})]  # said rather than dropped
        heard = Understanding(
            language=language,
            intent=intent,
            sentiment=sentiment,
            edits=tuple(edits),
            about=tuple(about),
            judgements=tuple(judgements),
            asked=tuple(asked),
            asked_values=asked_values,
            count=count,
            topic=topic,
            refused=unwanted,
            signals=frozenset(signals),
            notices=(*message.notices, *notices, *too_many, *(Notice(code="unknown_title", slots={"title": u.title}) for u in message.unknown)),
        )
        return self._story(heard, message, state) if _tells(heard, message) else heard

    # --- signals ---

    def _signals(self, message: Message, state: State) -> frozenset[Signal]:
        text = message.text
        signals = {signal for signal, pattern in cues.SIGNALS if pattern.search(text)}
        if cues.GREET.fullmatch(text):
            signals.add(Signal.GREET)
        if cues.UNDO.fullmatch(text):
            signals.add(Signal.UNDO)
        if cues.SKIP.fullmatch(text) and (state.question or not state.slate):
            signals.add(Signal.SKIP)
        if Signal.OTHERS in signals and any(m.of(Compares) for m in message.mentions) and not re.search(r"others?|another|换一?[批组]", text):
            signals.discard(Signal.OTHERS)
        if cues.ALL_SEEN.search(text) and state.slate:
            signals.add(Signal.OTHERS)
        known = sum(len(text[m.start : m.end].split()) for m in message.mentions)
        if is_foreign(text, known):
            signals.add(Signal.FOREIGN)
        if any(n.code in {"out_of_range", "nothing_shown", "gone"} for n in message.notices):
            signals.add(Signal.LOST)
        return frozenset(signals)

    # --- items ---

    def _about(self, message: Message, state: State) -> tuple[list[ItemId], bool]:
        """The items named or pointed at, in order; and whether they are named as a model for others ("like Inception")."""
        placed: list[tuple[int, tuple[ItemId, ...]]] = [(r.start, r.items) for r in self._pointed(message, state)]
        for mention, meaning in message.of(Titles):
            if isinstance(meaning, Titles):
                shown = [i for i in meaning.items if i in state.slate or i in state.focus]
                placed.append((mention.start, tuple(shown or meaning.items)[:1]))
        ordered = list(dict.fromkeys(i for _, items in sorted(placed, key=lambda p: p[0]) for i in items))
        if not ordered and self._asked_of_none(message, state):
            ordered = list(state.focus[:1] or (state.slate[:1] if len(state.slate) == 1 else ()))
        if len(ordered) == 1 and len(state.focus) == 1 and state.focus[0] != ordered[0] and cues.COMPARE.search(message.text):
            ordered = [state.focus[0], *ordered]  # "how does the first compare", with another under discussion
        ordered = [i for i in ordered if i in self.catalog.row]
        like = bool(ordered) and cues.SIMILAR.search(message.text) is not None
        return ordered, like

    def _pointed(self, message: Message, state: State) -> Sequence[Reference]:
        found = [*message.references]
        if state.slate:
            found += [r for r in shown_by_words(message, state, self.linker) if not any(r.start < f.end and f.start < r.end for f in found)]
            found += self._superlative_ones(message, state)
        singular = [r for r in found if len(r.items) == 1 or len(r.items) < len(state.slate)]
        return singular or found

    def _superlative_ones(self, message: Message, state: State) -> list[Reference]:
        """The extreme among the items shown ("the cheapest one")."""
        found = []
        for mention, meaning in message.of(Compares):
            picks = isinstance(meaning, Compares) and (points_at_one(message.text, mention.end) if meaning.most else picks_of_several(message.text, mention.start, mention.end))
            if isinstance(meaning, Compares) and picks:
                column = self.catalog.numbers(meaning.direction.field)
                among = state.focus if len(state.focus) > 1 else state.slate
                rows = [r for r in self.catalog.rows(among) if not np.isnan(column[r])]
                if rows:
                    best = min(rows, key=lambda r: column[r] if meaning.direction.toward == "lower" else -column[r])
                    found.append(Reference(mention.start, mention.end, (self.catalog.items[best].id,)))
        return found

    def _asked_of_none(self, message: Message, state: State) -> bool:
        """A question of fact without an object is about the item under discussion ("how long is it", 导演是谁)."""
        return bool(state.focus or len(state.slate) == 1) and any(p.search(message.text) for p, _ in self._questions)

    def _asked(self, message: Message, about: Sequence[ItemId], state: State) -> list[str]:
        text = message.text
        if cues.LIFT.search(text):
            return []  # 价格无所谓 asks nothing
        found = [(m.start(), field) for pattern, field in self._questions if (m := pattern.search(text))]
        fields = list(dict.fromkeys(field for _, field in sorted(found, key=lambda pair: pair[0])))
        return [f for f in fields if f != "description"] or fields

    # --- opinions and mood ---

    def _judgements(self, message: Message, about: Sequence[ItemId], signals: frozenset[Signal], state: State) -> list[Judgement]:
        text = message.text
        if cues.ALL_SEEN.search(text) and not about and state.slate:
            return [Judgement(item=i, opinion=Opinion.SEEN, source=message.original) for i in state.slate]
        if not about:
            return []
        if cues.COMPARE.search(text):
            return []  # "which is better" judges nothing yet
        masked = _blank(text, [(m.start, m.end) for m in message.mentions if m.of(Titles)])
        for opinion, pattern in cues.OPINIONS:
            found = pattern.search(masked)
            if not found or (opinion in {Opinion.LIKE, Opinion.SEEN} and _denied(masked, found.start())):
                continue
            if opinion is Opinion.LIKE and _asks_rather(masked, found):
                continue
            meant = Opinion.SEEN if opinion is Opinion.LIKE and cues.ALL_SEEN.search(masked) else opinion
            return [Judgement(item=i, opinion=meant, source=message.said(found.start(), found.end())) for i in about]
        return []

    @staticmethod
    def _refused(message: Message) -> list[Judgement]:
        """Titles under a negation ("but not Forrest Gump") are refused for good."""
        titles = [(m, t.items[0]) for m, t in message.of(Titles) if isinstance(t, Titles) and negated(message.scopes, m.start, m.end)]
        return [Judgement(item=item, opinion=Opinion.DISLIKE, source=message.said(m.start, m.end)) for m, item in titles]

    def _opinions(self, message: Message, about: Sequence[ItemId], signals: frozenset[Signal], state: State) -> list[Judgement]:
        """Opinions clause by clause, so that "I liked A but not B" splits; of the whole message where no clause has both an item and an opinion."""
        titles = [(m.start, t.items) for m, t in message.of(Titles) if isinstance(t, Titles)] + [(r.start, r.items) for r in message.references]
        edges = [0, *(m.end() for m in _CLAUSE.finditer(message.text)), len(message.text)]
        found: list[Judgement] = []
        for start, end in pairwise(edges):
            here = [i for at, items in titles if start <= at < end for i in items if i in about]
            part = replace(
                message,
                original=message.original[start:end],
                text=message.text[start:end],
                mentions=[replace(m, start=m.start - start, end=m.end - start) for m in message.mentions if start <= m.start and m.end <= end],
            )
            found += self._judgements(part, here, signals, state) if here else []
        return found if len({j.opinion for j in found}) > 1 else self._judgements(message, about, signals, state)

    def _sentiment(self, message: Message) -> Sentiment:
        spans = [(m.start, m.end) for m in message.mentions if any(isinstance(x, Titles | People | Names | Describes) for x in m.meanings) and not m.of(Compares)]
        spans += [(m.start(), m.end() + 2) for m in cues.NOT_TOO.finditer(message.text)]
        aspects = [(m.start, m.end, a.field) for m, a in message.of(AsksField) if isinstance(a, AsksField)]
        return read_sentiment(message.text, spans, aspects)

    # --- what is left over ---

    def _left_over(self, message: Message, signals: frozenset[Signal]) -> tuple[str, str]:
        """The descriptive words that no field, number, name or cue explains: the topic, and apart from it what is refused ("hates violence" is no search for violence)."""
        if signals & {Signal.GREET, Signal.UNDO, Signal.SKIP, Signal.RESTART}:
            return "", ""
        spans = [(m.start, m.end) for m in message.mentions] + [(q.start, q.end) for q in message.quantities] + [(r.start, r.end) for r in message.references]
        spans += [(u.start, u.end) for u in message.unknown]
        spans += [
            m.span()
            for pattern in (
                cues.FIRM,
                cues.SIMILAR,
                cues.OTHERS,
                cues.SURPRISE,
                cues.NEGATION,
                cues.LIFT,
                cues.REPLACE,
                cues.THANKS,
                cues.BYE,
                cues.COMPARE,
                cues.EXPLAIN,
                *(p for _, p in cues.OPINIONS),
            )
            for m in pattern.finditer(message.text)
        ]
        rest, scopes = _blank(message.text, spans), [(s.start, s.end) for s in message.scopes]
        topic, refused = (" ".join(words.split()) for words in (_blank(rest, scopes), " ".join(rest[start:end] for start, end in scopes)))
        return topic if content_words(topic) else "", refused if content_words(refused) else ""

    def _count(self, message: Message) -> tuple[int | None, list[Notice]]:
        text = message.text
        if _JUST_ONE.search(text):
            return 1, []
        m = self._zh_count.search(text) or next((m for m in _COUNT.finditer(text) if not _NOT_COUNT.match(text, m.end())), None)
        if m is None or _inside(m.start("zh" if "zh" in m.groupdict() else "n"), message):
            return None, []
        said = m.groupdict().get("zh") or m.groupdict().get("n") or ""
        count = 2 if said == "两" else int(read_numbers(said)[0].value)
        if count < 1:
            return None, []
        if count > MAX_COUNT:
            return (None, []) if count > 100 else (MAX_COUNT, [Notice(code="too_many", slots={"limit": str(MAX_COUNT)})])
        return count, []

    def _story(self, heard: Understanding, message: Message, state: State) -> Understanding:
        """A message that tells of something: the whole of it is what to look for, and unless it asks for items too, its words are no wishes."""
        signals, asks = heard.signals | {Signal.STORY}, Signal.FIRM in heard.signals or bool(message.of(Noun))
        edits, asked = (heard.edits, heard.asked) if asks else ((), ())
        return replace(
            heard,
            intent=self._intent(Seen(message, state, (), asked, edits, (), signals)),
            edits=edits,
            asked=asked,
            topic=message.original[:STORY].strip(),
            signals=signals,
            notices=tuple(n for n in heard.notices if n.code in {"truncated", "unknown_title"} or (asks and n.code != "not_checked")),
        )

    # --- intent ---

    def _intent(self, seen: Seen) -> Mapping[str, float]:
        """The classifier's logits plus what the rules saw, through one softmax."""
        logits = dict.fromkeys(INTENTS, 0.0)
        if self.classifier is not None:
            logits.update({name: BELIEF * x for name, x in self.classifier.logits(self.embed(seen.message.original[:EMBEDDED])).items()})
        for intent, points in evidence(seen).items():
            logits[intent] += points
        return softmax(logits)


def _tells(heard: Understanding, message: Message) -> bool:
    """Whether a message about no item tells of something: many words, most of which name nothing that we know, neither small talk nor a matter for the service."""
    if heard.about or heard.judgements or heard.signals - {Signal.FIRM, Signal.LOST}:
        return False
    if heard.leading in {"service", "chitchat", "stop"} and heard.intent[heard.leading] >= SETTLED:
        return False
    if any(p.search(message.text) for p in (cues.SERVICE, cues.SMALL_TALK, cues.COMPARE, cues.EXPLAIN)):
        return False
    left = len(set(content_words(heard.topic)))
    return left >= TOLD and left >= MOSTLY * len(set(content_words(message.text)))


def load_classifier(domain: Domain, embedder: str, key: str | None = None) -> IntentClassifier | None:
    """A pack's fitted intent weights for this embedder, if they ship."""
    folder = Path(domain.folder) if domain.folder else DEFAULT_SAMPLES
    return IntentClassifier.load(folder / f"intent.{embedder.split('-', maxsplit=1)[0]}.npz", key)


def _question_patterns(domain: Domain) -> list[tuple[re.Pattern[str], str]]:
    return [(re.compile(p), field) for lex in domain.lexicons.values() for field, patterns in lex.questions.items() for p in patterns]


def _name_spans(message: Message) -> list[tuple[int, int]]:
    spans = [(m.start, m.end) for m in message.mentions if m.names_something or _latin_name(message, m)]
    return spans + [m.span() for m in re.finditer(r"《[^》]*》|\"[^\"]*\"", message.text)]


def _latin_name(message: Message, mention: Mention) -> bool:
    """A brand or genre in Latin letters within a Chinese sentence does not make it English."""
    return bool(mention.of(Names)) and is_cjk(message.text) and not is_cjk(message.text[mention.start : mention.end])


def _empty(state: State, text: str) -> Understanding:
    return Understanding(language=state.language, intent=_certain("chitchat"), signals=frozenset({Signal.EMPTY}), notices=(Notice(code="symbols" if text.strip() else "empty"),))


def _certain(intent: str) -> Mapping[str, float]:
    rest = 0.02 / (len(INTENTS) - 1)
    return {name: 0.98 if name == intent else rest for name in INTENTS}


def _blank(text: str, spans: Sequence[tuple[int, int]]) -> str:
    for start, end in spans:
        text = text[:start] + " " * (end - start) + text[end:]
    return text


def _denied(text: str, at: int) -> bool:
    return re.search(r"(?:\bnot|n't|\bnever|不|没|没有|还没)\s*(?:really |that |很|太|怎么|特别)?$", text[:at]) is not None


def _asks_rather(text: str, found: re.Match[str]) -> bool:
    """Whether it is a wish or a likeness, not an opinion ("I would like", "movies like")."""
    before = text[: found.start()]
    if re.search(
        r"(?:would i|i'd|i would|should i|might|will i|do you|movies?|films?|phones?|something|anything|one|ones|stuff|more|feels?|looks?|would|you)\s*$", before
    ) and found[0] in {"like", "love", "enjoy"}:
        return True
    if found[0] in {"like", "good", "great"} and re.search(r"\b(?:is|are|any|a|an|some|which|how|feel|sounds|looks)\s*(?:one |it |that |this |the )?\s*$", before) and "?" in text:
        return True
    return found[0] in {"好看", "不错", "经典"} and re.search(r"(?:吗|么|嘛|[?？])", text[found.end() : found.end() + 3]) is not None


def _inside(position: int, message: Message) -> bool:
    spans = [(m.start, m.end) for m in message.mentions if m.names_something] + [(r.start, r.end) for r in message.references]
    spans += [(q.start, q.end) for q in message.quantities if q.unit]
    return any(start <= position < end for start, end in spans)
