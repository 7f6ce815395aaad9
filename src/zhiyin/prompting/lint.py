"""What is wrong with prompt files: unclear, of one kind, or at odds with each other. Every rule gives its flaws in a sentence."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, groupby

from rapidfuzz.fuzz import ratio

from zhiyin.prompting.parse import SLOT, Example
from zhiyin.prompting.prompts import LANGUAGES, STANDING, Prompt
from zhiyin.text import cjk_count

UNTRUSTED = frozenset({"said", "facts", "rows", "shown", "reasons", "asked", "options"})  # words of users and of catalogues
VAGUE = frozenset({"text", "data", "input", "output", "x", "y", "content", "value", "string", "info", "stuff", "thing", "arg", "context", "message", "prompt", "item"})
ALIKE = 80.0  # of 100: examples closer than this teach one thing twice
TERMS = {  # how we call it: words that would be a second name for it
    "en": {"item": "products? goods merchandise", "user": "customers? clients? shoppers? buyers?", "wish": "constraints? requirements? filters? criteria"},
    "zh": {"用户": "顾客 客户 买家 消费者", "要求": "约束 条件 筛选", "推荐": "安利 推送"},
}
_TELLS = {  # the sentence that says what to answer with
    ("text", "en"): re.compile(r"\b(?:Write|Answer|Reply|Say|Describe)\b[^.\n]*\bsentences?\b"),
    ("text", "zh"): re.compile(r"(?:写|回答|回复|说)[^。\n]*(?:句|话)"),
    ("json", "en"): re.compile(r"\b(?:Write|Answer|Reply)\b[^.\n]*\bJSON\b"),
    ("json", "zh"): re.compile(r"(?:写|回答|回复|输出)[^。\n]*JSON"),
    ("choice", "en"): re.compile(r"\b(?:Write|Answer|Reply)\b[^.\n]*\bone letter\b"),
    ("choice", "zh"): re.compile(r"(?:写|回答|回复)[^。\n]*一个字母"),
}
_NUMBERS = {"one": 1, "a": 1, "two": 2, "three": 3, "four": 4, "five": 5, "一": 1, "两": 2, "二": 2, "三": 3, "四": 4, "五": 5}
_NUMBER = r"(\d+|one|a|two|three|four|five|[一两二三四五])"
_LENGTH = re.compile(
    rf"(at most |no more than |up to |最多|不超过|至多)?\s?(?<![a-z\d]){_NUMBER}(?:\s?(?:to|or|-|–|到|至)\s?{_NUMBER})?\s?(?:[a-z]+\s)?(?:sentences?\b|句)",
    re.IGNORECASE,
)
_BRIEF, _LONG = re.compile(r"\b(?:brief|briefly|short|concise)\b|简短|简洁|短句"), re.compile(r"\b(?:detailed|in detail|long|thorough|at length)\b|详细|详尽|长篇")
_SENTENCE = re.compile(r"[.!?](?=\s|$)|[。！？]")
_TWO_TASKS = re.compile(r";|；|\band then\b|\bas well as\b|\balso\b|并且|同时|以及|然后")
_MATERIAL = re.compile("⟦(.*?)⟧", re.DOTALL)
_KEY = re.compile(r'"([a-z_]+)"')


@dataclass(frozen=True, slots=True, kw_only=True)
class Flaw:
    """One thing that is wrong with a prompt, and the rule that says so."""

    prompt: str
    rule: str
    text: str


def lint(prompts: Sequence[Prompt]) -> tuple[Flaw, ...]:
    """Every flaw of these prompts, in their order; empty if they are sound. `Prompts.all()` gives all that lie in a domain's folders."""
    alone = [Flaw(prompt=p.id, rule=rule.__name__.strip("_"), text=text) for p in prompts for rule in _RULES for text in rule(p)]
    return (*alone, *_versions(prompts), *_languages(prompts))


# --- clarity: one prompt by itself ---


def _slots(prompt: Prompt) -> Iterator[str]:
    sections = prompt.sections
    used, declared = set(SLOT.findall(sections.body)), set(sections.slots)
    yield from (f"the slot {{{name}}} is used but not declared" for name in sorted(used - declared))
    yield from (f"the slot {{{name}}} is declared but not used" for name in sorted(declared - used))
    yield from (f"{{{name}}} says nothing of what stands there" for name in sorted(declared & VAGUE))
    outside = set(SLOT.findall(sections.system)) | {name for e in sections.examples for name in SLOT.findall(e.user + e.assistant)}
    yield from (f"{{{name}}} changes from turn to turn and may stand in the section user only" for name in sorted(outside - STANDING))


def _fences(prompt: Prompt) -> Iterator[str]:
    user = prompt.sections.user
    fenced = {name for material in _MATERIAL.findall(user) for name in SLOT.findall(material)}
    bare = set(SLOT.findall(_MATERIAL.sub("", user)))
    yield from (f"{{{name}}} brings words of others and stands outside ⟦ ⟧" for name in sorted(bare & UNTRUSTED))
    if user.count("⟦") != user.count("⟧"):
        yield "the marks ⟦ ⟧ of the section user do not match"
    if fenced and "⟦" not in prompt.sections.system:
        yield "the section system does not say what the marks ⟦ ⟧ mean"


def _task(prompt: Prompt) -> Iterator[str]:
    task = prompt.sections.task.strip()
    if not task or "\n" in task:
        yield "the task should be one line"
    elif len(_SENTENCE.findall(task)) > 1 or _TWO_TASKS.search(task):
        yield f"more than one task: {task!r}"


def _output(prompt: Prompt) -> Iterator[str]:
    sections = prompt.sections
    if not _TELLS[sections.output, prompt.language].search(sections.system):
        yield f"the section system has no sentence that tells to answer with {sections.output}"
    if sections.output == "json":
        told = set(_KEY.findall(sections.system))
        yield from (f"an example has the key {key!r}, which the section system does not name" for key in sorted(_keys(sections.examples) - told))
        yield from (f"no example shows the key {key!r}" for key in sorted(told - _keys(sections.examples)) if sections.examples)


def _length(prompt: Prompt) -> Iterator[str]:
    sections = prompt.sections
    orders = f"{sections.system}\n{sections.user}"
    spans = [_span(m) for m in _LENGTH.finditer(orders)]
    low, high = max((s[0] for s in spans), default=0), min((s[1] for s in spans), default=1000)
    if low > high:
        yield "the orders on how many sentences contradict each other"
    elif _BRIEF.search(orders) and _LONG.search(orders):
        yield "short and long are both asked for"
    elif sections.output == "text":
        counts = [len(_SENTENCE.findall(e.assistant)) for e in sections.examples]
        yield from (f"example {n} has {count} sentences, the order is {low} to {high}" for n, count in enumerate(counts, 1) if not low <= count <= high)


def _span(m: re.Match[str]) -> tuple[int, int]:
    first, second = _counted(m[2]), _counted(m[3] or m[2])
    return (0, second) if m[1] else (first, second)


def _counted(word: str) -> int:
    return _NUMBERS.get(word.lower()) or int(word)


def _language(prompt: Prompt) -> Iterator[str]:
    words = SLOT.sub("", f"{prompt.sections.system}\n{prompt.sections.user}")
    chinese, latin = cjk_count(words), len(re.findall(r"(?<![\"'A-Za-z_])[A-Za-z]{2,}(?![\"'A-Za-z_])", words))
    if (prompt.language == "en" and chinese) or (prompt.language == "zh" and chinese <= 2 * latin):
        yield f"the words are not those of the folder {prompt.language}"


def _terms(prompt: Prompt) -> Iterator[str]:
    words = f"{prompt.sections.task}\n{prompt.sections.system}\n{prompt.sections.user}"
    for term, others in TERMS[prompt.language].items():
        edge = r"\b" if prompt.language == "en" else ""
        if found := re.search(rf"{edge}(?:{'|'.join(others.split())}){edge}", words, re.IGNORECASE):
            yield f"{found[0]!r} is called {term!r} here"


# --- diversity: the examples of one prompt ---


def _examples(prompt: Prompt) -> Iterator[str]:
    examples = prompt.sections.examples
    if len(examples) == 1:
        yield "one example is copied; two show what changes"
    for (n, one), (k, other) in combinations(enumerate(examples, 1), 2):
        if ratio(_material(one), _material(other)) >= ALIKE:
            yield f"the examples {n} and {k} are worded alike"
        if one.assistant == other.assistant:
            yield f"the examples {n} and {k} have the same answer"
        if _opening(one) == _opening(other):
            yield f"the examples {n} and {k} begin with the same words"
    for n, example in enumerate(examples, 1):
        if prompt.sections.output == "json" and not isinstance(_json(example), dict):
            yield f"the answer of example {n} is no JSON object"
        if prompt.sections.output == "choice" and not re.fullmatch("[A-Z]", example.assistant):
            yield f"the answer of example {n} is not one letter"


def _material(example: Example) -> str:
    """What differs from example to example: what stands in the fences, without the frame."""
    return " ".join(_MATERIAL.findall(example.user)) or example.user


def _opening(example: Example) -> str:
    said = [part for part in _MATERIAL.findall(example.user) if part.strip()] or [example.user]
    return said[0][:2] if cjk_count(said[0][:2]) else " ".join(said[0].lower().split()[:2])


def _json(example: Example) -> object:
    try:
        return json.loads(example.assistant)
    except ValueError:
        return None


def _keys(examples: Sequence[Example]) -> set[str]:
    """The keys of all objects in the answers."""

    def walk(value: object) -> Iterator[str]:
        if isinstance(value, dict):
            yield from value
        for part in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            yield from walk(part)

    return {key for example in examples for key in walk(_json(example))}


# --- consistency: prompts beside each other ---


def _versions(prompts: Sequence[Prompt]) -> Iterator[Flaw]:
    """Versions that do not differ, and one number for two texts: a stored turn could not be printed as it was."""
    for _, group in groupby(sorted(prompts, key=_place), key=lambda p: (p.domain, p.name, p.language)):
        for one, other in combinations(group, 2):
            if one.sections == other.sections:
                yield Flaw(prompt=other.id, rule="versions", text=f"says the same as {one.path.name} of layer {one.layer}")
            elif one.version == other.version:
                yield Flaw(prompt=other.id, rule="versions", text=f"layer {one.layer} has another text under this number; give {other.path.name} a higher one")


def _languages(prompts: Sequence[Prompt]) -> Iterator[Flaw]:
    """What the active prompts of one name do not have in common."""
    active = {(p.domain, p.name, p.language): p for p in sorted(prompts, key=_place)}
    for domain, name in sorted({key[:2] for key in active}):
        pair = [active[domain, name, language] for language in LANGUAGES if (domain, name, language) in active]
        if len(pair) < len(LANGUAGES):
            yield Flaw(prompt=pair[0].id, rule="languages", text=f"is not there in the other of {', '.join(LANGUAGES)}")
            continue
        yield from (Flaw(prompt=pair[1].id, rule="languages", text=f"{what} differ from {pair[0].id}") for what, of in _COMMON.items() if of(pair[0]) != of(pair[1]))


def _place(prompt: Prompt) -> tuple[str, str, str, int, int]:
    return prompt.domain, prompt.name, prompt.language, prompt.layer, prompt.version


_COMMON: dict[str, Callable[[Prompt], object]] = {
    "slots": lambda p: set(p.sections.slots),
    "outputs": lambda p: p.sections.output,
    "max_tokens": lambda p: p.sections.max_tokens,
    "JSON keys": lambda p: _keys(p.sections.examples) if p.sections.output == "json" else set(),
    "numbers of examples": lambda p: len(p.sections.examples),
}
_RULES: tuple[Callable[[Prompt], Iterator[str]], ...] = (_slots, _fences, _task, _output, _length, _language, _terms, _examples)
