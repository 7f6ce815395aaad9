"""Every value that flows, in the order it flows. Imports nothing of ours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Literal, NewType, TypeAlias

ItemId = NewType("ItemId", str)
SessionId = NewType("SessionId", str)
UserId = NewType("UserId", str)

Scalar: TypeAlias = str | int | float | bool
Value: TypeAlias = Scalar | tuple[Scalar, ...]
Texts: TypeAlias = Mapping[str, str]  # language code -> text


class Language(StrEnum):
    """The two languages Zhiyin speaks."""

    EN = "en"
    ZH = "zh"


# --- catalogue ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One row of the catalogue. An unknown value is absent from `attributes`, never 0 or empty."""

    id: ItemId
    titles: Texts
    attributes: Mapping[str, Value]
    aliases: tuple[str, ...] = ()
    texts: Texts = field(default_factory=dict)  # the description, by language
    variants: tuple[Mapping[str, float], ...] = ()  # sizes of one model; conditions on them must hold on one

    def title(self, language: str = "en") -> str:
        """The title in this language, else in whichever the row has."""
        return self.titles.get(language) or self.titles.get("en") or next(iter(self.titles.values()))

    def values(self, name: str) -> tuple[Scalar, ...]:
        """The field's values as a tuple, empty where unknown."""
        value = self.attributes.get(name)
        return () if value is None else value if isinstance(value, tuple) else (value,)


# --- a turn and what was understood of it ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One message of a user."""

    session: SessionId
    user: UserId
    text: str
    time: datetime


class Op(StrEnum):
    """How a wish compares an item's value with its own."""

    LT = "<"
    LE = "<="
    GT = ">"
    GE = ">="
    EQ = "="
    BETWEEN = "between"
    ANY_OF = "any_of"
    ALL_OF = "all_of"
    NONE_OF = "none_of"
    LIKE = "like"


NUMERIC_OPS = frozenset({Op.LT, Op.LE, Op.GT, Op.GE, Op.EQ, Op.BETWEEN})


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """A constraint as the user put it. `op` alone says what holds; `negated` that it was put as an exclusion.

    Items that lack the field fail a wish, except an exclusion, which they pass.
    """

    field: str
    op: Op
    value: Value
    hard: bool = True
    negated: bool = False
    source: str = ""  # the user's own words
    turn: int = 0
    id: str = ""
    near: float | None = None  # the amount that "about" was said of: closer ranks higher


@dataclass(frozen=True, slots=True, kw_only=True)
class Put:
    """Take a wish up. `how` says what becomes of earlier wishes on the field.

    replace: they go. add: they hold too. widen: either value will do. merge: bounds that fit together stay, others go.
    """

    wish: Wish
    how: Literal["replace", "add", "widen", "merge"] = "merge"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lift:
    """Drop the wishes on a field (all of them, or those that hold one of `values`); field "*" drops everything."""

    field: str
    values: tuple[Scalar, ...] = ()
    source: str = ""


Edit: TypeAlias = Put | Lift


class Opinion(StrEnum):
    """What the words of a message say of an item."""

    LIKE = "like"
    DISLIKE = "dislike"
    SEEN = "seen"
    CHOSEN = "chosen"


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """An opinion of one item, found in the user's words."""

    item: ItemId
    opinion: Opinion
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentiment:
    """Polarity of a message: `score` in [-1, 1], `aspects` by field."""

    label: Literal["positive", "neutral", "negative", "mixed"] = "neutral"
    score: float = 0.0
    aspects: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """Something the user should know besides the reply; `slots` fill the notice's template."""

    code: str
    slots: Mapping[str, str] = field(default_factory=dict)


class Signal(StrEnum):
    """What a message asks for beyond its wishes."""

    OTHERS = "others"  # show different ones
    SURPRISE = "surprise"  # pick for me
    SKIP = "skip"  # no answer to your question
    UNDO = "undo"
    RESTART = "restart"
    GREET = "greet"
    THANKS = "thanks"
    BYE = "bye"
    SIMILAR = "similar"  # more like the ones the message is about
    FIRM = "firm"  # asks for items in so many words
    EMPTY = "empty"  # nothing to read
    FOREIGN = "foreign"  # neither Chinese nor English
    ABILITY = "ability"  # what can you do
    LOST = "lost"  # points at an item that is not there
    STORY = "story"  # tells of something instead of naming it
    CRISIS = "crisis"  # somebody is not well
    INJECTION = "injection"  # orders to the system instead of a wish


@dataclass(frozen=True, slots=True, kw_only=True)
class Understanding:
    """What one message means, given the state it was said in."""

    language: Language
    intent: Mapping[str, float]  # a distribution: sums to 1
    sentiment: Sentiment = field(default_factory=Sentiment)
    edits: tuple[Edit, ...] = ()
    about: tuple[ItemId, ...] = ()  # items named or pointed at, in the order mentioned
    judgements: tuple[Judgement, ...] = ()
    asked: tuple[str, ...] = ()  # fields a question is about
    asked_values: tuple[str, ...] = ()  # values a yes-no question is about ("does it have NFC")
    count: int | None = None  # how many items were asked for
    topic: str = ""  # descriptive words no field covers
    refused: str = ""  # such words under a negation
    signals: frozenset[Signal] = frozenset()
    notices: tuple[Notice, ...] = ()

    @property
    def leading(self) -> str:
        """The most probable intent."""
        return max(self.intent, key=lambda name: self.intent[name])


# --- what a language model was asked in a turn ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What a call took. Tokens of the prompt that came out of a cache are counted in `prompt` and in `cached`."""

    prompt: int = 0
    cached: int = 0
    answer: int = 0
    model: str = ""
    first: float = 0.0  # seconds to the first piece
    seconds: float = 0.0  # seconds in all


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A question put to a model, as the log keeps it: `slots` and the prompt's version give the prompt back, word by word."""

    purpose: str
    prompt: str  # "movies/speak.en@1"
    slots: Mapping[str, str] = field(default_factory=dict)
    outcome: str = "ok"  # or why nothing came of it: a notice's code
    usage: Usage = field(default_factory=Usage)


# --- events: what is stored --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """The user said something."""

    turn: Turn
    understanding: Understanding
    type: Literal["heard"] = "heard"


@dataclass(frozen=True, slots=True, kw_only=True)
class Edited:
    """The user changed wishes by hand: those of `removed` (ids) are gone, each of `changed` takes the place of the wish with its id, `added` joins."""

    removed: tuple[str, ...] = ()
    changed: tuple[Wish, ...] = ()
    added: tuple[Wish, ...] = ()
    time: datetime
    type: Literal["edited"] = "edited"


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """An item as it was shown, as the log keeps it: with every score and reason."""

    item: ItemId
    score: float
    sources: Mapping[str, float] = field(default_factory=dict)
    reasons: tuple[Reason, ...] = ()
    attributes: Mapping[str, Value] = field(default_factory=dict)
    probability: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """We answered; `items` is the slate shown, empty unless the act shows items."""

    act: str
    text: str
    items: tuple[ItemId, ...] = ()
    question: str = ""  # the field asked about
    recommendation: str = ""
    calls: tuple[Call, ...] = ()  # what models were asked on the way
    cards: tuple[Card, ...] = ()  # the items, with scores and reasons
    asked: Question | None = None  # the question in words, with its options
    offers: tuple[Offer, ...] = ()
    notices: tuple[tuple[str, str], ...] = ()  # (code, text)
    withheld: tuple[str, ...] = ()  # sentences of a model that the catalogue did not bear out
    latency_ms: Mapping[str, float] = field(default_factory=dict)
    whole: bool = True  # not cut short by a user who hung up
    time: datetime
    type: Literal["said"] = "said"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fed:
    """Feedback on one item: a click, a like, a purchase ... (`EVENT_WEIGHTS` lists the kinds); `none` takes a like, dislike or skip of the item back."""

    user: UserId
    kind: str
    item: ItemId
    value: float | None = None
    id: str = ""  # the sender's: the same id is kept once
    recommendation: str = ""  # the slate it is about
    reason: str = ""  # for a dislike
    comment: str = ""
    properties: Mapping[str, Scalar] = field(default_factory=dict)  # position, quantity, currency, query ...
    time: datetime
    type: Literal["fed"] = "fed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Undone:
    """The latest message or feedback was taken back."""

    time: datetime
    type: Literal["undone"] = "undone"


Event: TypeAlias = Heard | Edited | Said | Fed | Undone

# How much an event says about taste; negative values repel. A rating r counts (r - 3) / 2 on the 1-5 scale.
EVENT_WEIGHTS: Mapping[str, float] = {
    "impression": 0.0, "search": 0.0, "view": 0.15, "click": 0.3, "share": 0.7, "favourite": 1.0, "unfavourite": -0.5,
    "cart": 0.8, "uncart": -0.4, "none": 0.0, "purchase": 1.0, "refund": -1.0, "rating": 1.0, "play": 0.4, "finish": 0.7,
    "dwell": 0.3, "like": 1.0, "dislike": -1.0, "skip": -0.3, "comment": 0.0, "seen": 0.0, "chosen": 1.0,
}  # fmt: skip
# After these the user is done with an item: it does not come back in a new list.
DONE_EVENTS = frozenset({"dislike", "skip", "seen", "purchase", "refund", "finish", "chosen"})


# --- dialogue state ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """Where a conversation stands: a fold over its events (`state.advance`)."""

    turn: int = 0
    language: Language = Language.EN
    wishes: tuple[Wish, ...] = ()
    wish_count: int = 0  # ids given so far
    heard: Understanding | None = None  # the latest message
    slate: tuple[ItemId, ...] = ()  # the latest list shown
    shown: tuple[ItemId, ...] = ()  # every item shown so far, oldest first
    done: frozenset[ItemId] = frozenset()  # seen, bought or put aside: not shown again unasked
    rejected: frozenset[ItemId] = frozenset()
    liked: tuple[ItemId, ...] = ()
    focus: tuple[ItemId, ...] = ()  # the items under discussion
    basis: tuple[ItemId, ...] = ()  # "more like these"
    topic: str = ""
    count: int | None = None
    question: str = ""  # the field we asked about last, waiting for an answer
    asked: frozenset[str] = frozenset()
    feedback: tuple[Fed, ...] = ()  # of this session
    previous: State | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """Taste as signed weights on items, newest evidence strongest: u = f(browse, buy, click, favourite, rate, words)."""

    weights: Mapping[ItemId, float] = field(default_factory=dict)
    history: tuple[Fed, ...] = ()  # what drew interest, oldest first, without what was disliked later

    @property
    def empty(self) -> bool:
        """Whether nothing is known of this taste."""
        return not any(self.weights.values())


# --- deciding and finding ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """What to look for. Hard wishes filter; soft wishes, topic, basis and profile rank."""

    wishes: tuple[Wish, ...] = ()
    topic: str = ""
    basis: tuple[ItemId, ...] = ()
    profile: Profile = field(default_factory=Profile)
    exclude: frozenset[ItemId] = frozenset()
    limit: int = 5
    explore: bool = False  # "surprise me"
    seed: int = 0
    rewritten: str = ""  # the topic in other words, by a model
    guesses: tuple[ItemId, ...] = ()  # items a model thinks the topic tells of


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One answer to a question, with how many items it would leave."""

    label: str
    value: Value
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A question worth asking: its field, its options and the bits it is expected to bring."""

    field: str
    options: tuple[Option, ...]
    gain: float = 0.0
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A relaxation on offer, not applied: widen a wish `to` this, or lift it (None) and those in `also`, and `count` items fit."""

    wish: Wish
    to: Value | None
    count: int
    also: tuple[Wish, ...] = ()
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facets:
    """What the hard wishes leave: how many items, how many not shown yet, the questions that would split them, the offers if none is left."""

    count: int
    fresh: int
    questions: tuple[Question, ...] = ()
    offers: tuple[Offer, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why an item is shown, with the evidence that makes it true."""

    kind: Literal["wish", "similar", "behaviour", "popular", "quality"]
    field: str
    value: Value
    text: str = ""
    source: str = ""  # the user's words or the item that it leans on


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """What to do now. `kind` is one of the contract's eight acts; `mode` picks the words within it."""

    kind: Literal["clarify", "recommend", "compare", "answer", "explain", "relax", "chat", "refuse"]
    mode: str = ""
    query: Query | None = None
    question: Question | None = None
    items: tuple[ItemId, ...] = ()
    fields: tuple[str, ...] = ()
    values: tuple[str, ...] = ()
    reasons: tuple[Reason, ...] = ()
    offers: tuple[Offer, ...] = ()
    notices: tuple[Notice, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """An item somebody proposed, with each source's score and its share of the whole."""

    item: Item
    score: float
    sources: Mapping[str, float] = field(default_factory=dict)
    reasons: tuple[Reason, ...] = ()
    attributes: Mapping[str, Value] = field(default_factory=dict)  # with the variant that matched
    probability: float | None = None  # P(r|x) among the candidates a model ranked
    facts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # what is worth a line on its card, by language
    evidence: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # what each reason rests on, in words, by language
    blurb: str = ""  # a sentence that a model wrote where the row has no description; shown as such


Slate: TypeAlias = tuple[Candidate, ...]


# --- the reply, part by part -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Understood:
    """First part: what was understood, and the state it led to."""

    understanding: Understanding
    state: State
    act: Act


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """The cards. A second one with the same `recommendation` replaces the first."""

    slate: Slate
    recommendation: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """A piece of the reply's prose."""

    text: str
    by: Literal["template", "model"] = "template"


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """Last part: the whole text, what it offers or asks, and the time each stage took."""

    text: str
    question: Question | None = None
    offers: tuple[Offer, ...] = ()
    chips: tuple[tuple[str, str, str], ...] = ()  # (wish id, label, the user's words)
    notices: tuple[tuple[str, str], ...] = ()  # (code, text)
    latency_ms: Mapping[str, float] = field(default_factory=dict)
    model: str = ""  # which language model is connected
    calls: tuple[Call, ...] = ()
    said: int = 0  # sentences of a model in the text
    withheld: tuple[str, ...] = ()  # and those that the catalogue did not bear out, with what was wrong


Part: TypeAlias = Understood | Shown | Words | Done
