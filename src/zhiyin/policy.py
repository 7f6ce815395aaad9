"""What to do now, from the state and what the wishes leave: ask, recommend, compare, answer, explain, relax, chat or refuse. Pure."""

from __future__ import annotations

from dataclasses import replace

from zhiyin.types import Act, Facets, Notice, Opinion, Profile, Query, Signal, State, Understanding

SLATE_SIZE = 5
MAX_COMPARED = 4
ASK_ABOVE = 30  # items left: below this, looking is quicker than answering
SURE_OF_LEAVING = 0.5  # nobody is seen off on a guess
MIN_GAIN = 1.0  # bits a question must be expected to bring


def plan(state: State, profile: Profile, *, seed: int = 0) -> Query:
    """The query that the state asks for."""
    signals = state.heard.signals if state.heard else frozenset()
    others = signals & {Signal.OTHERS} != frozenset()
    exclude = state.done | state.rejected | frozenset(state.basis)
    named = frozenset(state.heard.about) if state.heard else frozenset()
    exclude |= named
    if others:
        exclude |= frozenset(state.shown)
    return Query(
        wishes=state.wishes,
        topic=state.topic,
        basis=state.basis,
        profile=profile,
        exclude=exclude,
        limit=state.count or SLATE_SIZE,
        explore=Signal.SURPRISE in signals or (Signal.SKIP in signals and not state.wishes),
        seed=seed,
    )


def decide(state: State, query: Query, facets: Facets) -> Act:
    """The act for this state; `facets` describe what the query's hard wishes leave."""
    heard = state.heard
    if heard is None:
        return Act(kind="chat", mode="greet")
    act = _talk(heard, state) or _about_items(heard, state) or _show(heard, state, query, facets)
    return replace(act, notices=(*act.notices, *heard.notices))


def _talk(heard: Understanding, state: State) -> Act | None:
    """Acts that need no items."""
    signals, intent = heard.signals, heard.leading
    if Signal.CRISIS in signals:
        return Act(kind="chat", mode="care")
    if Signal.EMPTY in signals:
        return Act(kind="clarify", mode=heard.notices[0].code if heard.notices else "empty")
    if Signal.FOREIGN in signals:
        return Act(kind="clarify", mode="foreign")
    if Signal.INJECTION in signals:
        return Act(kind="refuse", mode="injection")
    if Signal.UNDO in signals:
        return None if state.wishes or state.basis else Act(kind="chat", mode="undone")
    if Signal.LOST in signals and not heard.about:
        return Act(kind="clarify", mode="lost", items=state.slate)
    if intent == "service":
        return Act(kind="refuse", mode="service")
    if Signal.RESTART in signals and not heard.edits and not heard.about:
        return Act(kind="clarify", mode="open")
    busy = heard.edits or heard.about or signals & {Signal.SURPRISE, Signal.OTHERS, Signal.SKIP}
    if intent == "stop" and not busy:
        return Act(kind="chat", mode="bye" if heard.intent["stop"] >= SURE_OF_LEAVING else "small")
    if intent == "chitchat" and not busy and Signal.FIRM not in signals:
        return Act(kind="chat", mode=_small_talk(signals))
    return None


def _small_talk(signals: frozenset[Signal]) -> str:
    for signal, mode in ((Signal.ABILITY, "ability"), (Signal.THANKS, "thanks"), (Signal.GREET, "greet"), (Signal.BYE, "bye")):
        if signal in signals:
            return mode
    return "small"


def _about_items(heard: Understanding, state: State) -> Act | None:
    """Acts on items that are named, pointed at or shown."""
    about, intent = heard.about, heard.leading
    wants = bool(heard.signals & {Signal.SIMILAR, Signal.OTHERS, Signal.SURPRISE})
    if intent == "compare":
        items = about if len(about) > 1 else tuple(dict.fromkeys((*about, *state.slate)))
        if len(items) > 1:
            return Act(kind="compare", items=items[:MAX_COMPARED])
        return Act(kind="clarify", mode="compare_which")
    if intent == "explain":
        items = about or state.focus or state.slate[:1]
        return Act(kind="explain", items=items[:1]) if items else Act(kind="clarify", mode="nothing_shown")
    if intent == "query" and not wants and not heard.edits:
        if about:
            return Act(kind="answer", items=about[:MAX_COMPARED], fields=heard.asked, values=heard.asked_values)
        if any(n.code == "unknown_title" for n in heard.notices):
            return Act(kind="clarify", mode="unknown_title")
        if heard.asked:
            return Act(kind="clarify", mode="which_item", items=state.slate)
    if about and not (wants or heard.edits or heard.judgements) and intent in {"recommend", "refine", "chitchat", "query"}:
        return Act(kind="answer", items=about[:MAX_COMPARED], fields=heard.asked, values=heard.asked_values)
    if any(j.opinion is Opinion.CHOSEN for j in heard.judgements):
        return Act(kind="chat", mode="chosen", items=about[:1])
    if any(n.code == "unknown_title" for n in heard.notices) and not about and not heard.edits:
        return Act(kind="clarify", mode="unknown_title")
    return None


def _show(heard: Understanding, state: State, query: Query, facets: Facets) -> Act:
    """Recommend, ask, or say what blocks."""
    known = bool(query.wishes or query.basis or query.topic or query.explore or not query.profile.empty or heard.signals & {Signal.OTHERS, Signal.SKIP})
    best = next((q for q in facets.questions if q.field not in state.asked), None)
    if not known:
        refused = any(n.code == "implausible" for n in heard.notices)
        return Act(kind="clarify", mode="implausible" if refused else "open", question=best)
    if facets.count == 0:
        return Act(kind="relax", mode="none", query=query, offers=facets.offers)
    if facets.fresh == 0:
        return Act(kind="relax", mode="exhausted", query=query, offers=facets.offers)
    return Act(kind="recommend", mode=_mode(heard, state), query=query, question=best if _worth_asking(heard, state, facets) else None, notices=_few(query, facets))


def _few(query: Query, facets: Facets) -> tuple[Notice, ...]:
    return (Notice(code="few", slots={"count": str(facets.fresh)}),) if facets.fresh < min(query.limit, SLATE_SIZE) else ()


def _mode(heard: Understanding, state: State) -> str:
    opinions = {j.opinion for j in heard.judgements}
    if Signal.UNDO in heard.signals:
        return "undone"
    if Signal.SURPRISE in heard.signals:
        return "surprise"
    if Signal.OTHERS in heard.signals and not heard.about:
        return "others"
    if state.basis and (Signal.SIMILAR in heard.signals or Opinion.LIKE in opinions):
        return "similar"
    if Opinion.DISLIKE in opinions and Opinion.LIKE not in opinions and not heard.edits:
        return "disliked"
    return "refined" if heard.leading == "refine" else "new"


def _worth_asking(heard: Understanding, state: State, facets: Facets) -> bool:
    """A question beside items pays when much is left, little is known and its answer would split the rest."""
    if facets.count < ASK_ABOVE or Signal.SKIP in heard.signals or Signal.OTHERS in heard.signals or state.basis or state.topic:
        return False
    question = next((q for q in facets.questions if q.field not in state.asked), None)
    return len(state.wishes) <= 1 and len(state.asked) < 3 and question is not None and question.gain >= MIN_GAIN
