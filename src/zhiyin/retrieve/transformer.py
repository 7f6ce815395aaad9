"""What comes next, by a small transformer that reads a history in order; the extra `torch` is needed to learn, not to score.

Causal self-attention with tied item vectors after SASRec (Kang & McAuley 2018, "Self-attentive sequential
recommendation", sections 3.1 to 3.4), with three changes: a softmax over all items at every place of a history instead of
one drawn negative (Klenitskiy & Vasilev 2023, "Turning dross into gold loss"); learned biases for how many events and how
much time lie between two events instead of vectors of places, so that windows can be cut anywhere (as in HSTU, Zhai et al.
2024); and what a user already had is not among the answers. Scoring is a hundred small numpy calls: what serves never
imports torch.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zhiyin.errors import CatalogError, SettingError
from zhiyin.interactions import Histories, Interactions, Interest

Array = NDArray[np.float32]
Integers = NDArray[np.int64]
Bools = NDArray[np.bool_]
Weights = Mapping[str, Array]  # by name: `item`, `norm`, and of each block `0.query`, `0.query_bias`, ...
Progress = Callable[[int, int, float], None]  # epoch (from 1), epochs, mean loss
Torch = Any  # torch and its tensors: an optional extra, so its types are not met here

_FAR = -1e9  # added to what must not be seen or answered; finite, so that a row of padding stays a number
_SPANS = 26  # times between events by their binary logarithm: a second to a year
_CELLS = 1 << 22  # attention weights held at once while scoring
_WARM = 0.04  # of all steps, until the rate of learning is reached
_DENSE = ("query", "key", "value", "out", "up", "down")


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How large the transformer is and how long it learns; the defaults are those for people who come back."""

    dim: int = 64
    blocks: int = 2
    heads: int = 2
    wide: int = 2  # hidden units of a block, in `dim`
    length: int = 100  # events it reads of a history
    repeats: bool = False  # whether an item can follow itself; if not, what was had is left out of the softmax
    probation: bool = True  # whether new accounts count less; not for sessions, which are all new
    dropout: float = 0.2
    epochs: int = 25
    batch: int = 16  # windows of `length` events
    rate: float = 2e-3  # of AdamW; falls to zero in a straight line
    decay: float = 0.01
    members: int = 1  # models from different seeds whose logits are averaged; cost grows with them
    seed: int = 0
    threads: int | None = None  # of torch, while learning


SESSIONS = Recipe(length=20, repeats=True, probation=False, dropout=0.5, epochs=20, batch=64)  # for visits of strangers


class Transformer:
    """Scores each item as the next event of a history, from the order and the times of its events; interest weighs what is learned."""

    def __init__(self, recipe: Recipe | None = None, *, interest: Interest | None = None, progress: Progress | None = None) -> None:
        """Nothing learned yet; raises `SettingError` for a `dim` that `heads` do not divide."""
        self.recipe, self.interest, self.progress = recipe or Recipe(), interest or Interest(), progress
        if self.recipe.dim % self.recipe.heads:
            raise SettingError(f"dim {self.recipe.dim} cannot be split among {self.recipe.heads} heads", hint="Choose a multiple.")
        self._members: tuple[Weights, ...] = ()
        self._vectors: Array = np.zeros((0, 0), dtype=np.float32)

    def fit(self, log: Interactions, /) -> None:
        """Learn from a log, from nothing; interrupted, it leaves what was known. Raises `SettingError` without torch."""
        torch = _torch()
        histories = _told(log.histories(interest=self.interest))
        trust = log.trust() if self.recipe.probation else np.ones(len(log.users))
        threads = torch.get_num_threads()
        try:
            torch.set_num_threads(self.recipe.threads or threads)
            members = tuple(_learn(torch, histories, trust.astype(np.float32), self.recipe, member=member, progress=self.progress) for member in range(self.recipe.members))
        finally:
            torch.set_num_threads(threads)
        self._take(members)

    def scores(self, histories: Histories, /) -> Array:
        """The logit of each item as the next event, averaged over members, shape (n, items); zeros for an empty history.

        Raises `CatalogError` for histories over another number of items than it was fitted on.
        """
        found = np.zeros((len(histories), histories.items), dtype=np.float32)
        if not self._members:
            return found
        if histories.items != len(self._vectors):
            raise CatalogError(f"histories over {histories.items} items, but the transformer knows {len(self._vectors)}", hint="Fit it again on a log of this catalogue.")
        told = _told(histories).last(self._members[0]["0.apart"].shape[1])
        for rows, seen in _batches(told):
            found[rows] = np.concatenate([_read(member, seen) for member in self._members], axis=1) @ self._vectors.T
        return found

    def update(self, history: Histories, /) -> None:
        """Nothing: a history is read when asked."""

    def state(self) -> Mapping[str, NDArray[Any]]:
        """The weights of each member by name, `0/item` and so on."""
        return {f"{number}/{name}": array for number, member in enumerate(self._members) for name, array in member.items()}

    def restore(self, state: Mapping[str, NDArray[Any]], /) -> None:
        """Take up what `state` gave; scores as before, whatever the recipe."""
        members: dict[int, dict[str, Array]] = {}
        for key, array in state.items():
            number, _, name = key.partition("/")
            members.setdefault(int(number), {})[name] = np.asarray(array, dtype=np.float32)
        self._take(tuple(members[number] for number in sorted(members)))

    def _take(self, members: tuple[Weights, ...]) -> None:
        vectors = [member["item"][:-1] / np.float32(len(members)) for member in members]
        self._vectors = np.concatenate(vectors, axis=1) if members else np.zeros((0, 0), dtype=np.float32)
        self._members = members


# --- histories as rows of equal length ---


@dataclass(frozen=True, slots=True, kw_only=True)
class _Window:
    """Stretches of histories, all (n, length), padded in front with the item code one past the last."""

    item: Integers
    spans: Integers  # (n, length, length): the bucket of the time from a later event (rows) back to an earlier one


def _told(histories: Histories) -> Histories:
    """The events that show any interest at all: what was refused or only shown says nothing of what comes next."""
    keep = histories.weight > 0
    start = np.concatenate(([0], np.cumsum(keep)))[histories.start]
    return Histories(start=start, item=histories.item[keep], weight=histories.weight[keep], time=histories.time[keep], items=histories.items)


def _batches(histories: Histories) -> Iterator[tuple[Integers, _Window]]:
    """The rows of histories that are not empty, those of like length together, and what stands in them."""
    lengths = histories.lengths
    order = np.argsort(lengths, kind="stable")
    at = int(np.count_nonzero(lengths == 0))
    while at < len(order):
        most = _CELLS // max(1, int(lengths[order[-1]])) ** 2
        rows = order[at : at + max(1, most)]
        yield rows, _padded(histories, rows)
        at += len(rows)


def _padded(histories: Histories, rows: Integers) -> _Window:
    lengths = histories.lengths[rows][:, None]
    back = np.arange(lengths.max(), 0, -1)
    real = back <= lengths
    where = np.where(real, histories.start[rows + 1][:, None] - back, 0)
    item = np.where(real, histories.item[where], histories.items)
    return _Window(item=item, spans=_spans(histories.time[where]))


def _spans(time: NDArray[np.float64]) -> Integers:
    apart = np.maximum(time[:, :, None] - time[:, None, :], 0.0).astype(np.float32)
    buckets: Integers = np.minimum(np.log2(apart + np.float32(1.0)), _SPANS - 1).astype(np.int64)
    return buckets


# --- the same network twice: in numpy to score, in torch to learn ---


def _read(w: Weights, seen: _Window) -> Array:
    """The state after the newest event of each row, shape (n, dim): where the next item's vector should point."""
    rows, length = seen.item.shape
    dim, blocks = w["item"].shape[1], sum(name.endswith(".apart") for name in w)
    steps = np.arange(length)
    far = np.where(steps[:, None] < steps, np.float32(_FAR), np.float32(0)) + np.where(seen.item == len(w["item"]) - 1, np.float32(_FAR), np.float32(0))[:, None, :]
    x = w["item"][seen.item] * np.float32(math.sqrt(dim))
    for block in range(blocks):
        b = {name: w[f"{block}.{name}"] for name in _names()}
        asked = slice(-1, None) if block == blocks - 1 else slice(None)  # of the last block only the newest event is needed
        h, heads = _norm(x, b["norm1"]), len(b["apart"])
        query, key, value = (
            (part @ b[name] + b[f"{name}_bias"]).reshape(rows, -1, heads, dim // heads).swapaxes(1, 2) for part, name in ((h[:, asked], "query"), (h, "key"), (h, "value"))
        )
        bias = b["span"][:, seen.spans[:, asked]].swapaxes(0, 1) + b["apart"][:, np.abs(steps[asked, None] - steps)] + far[:, None, asked]
        looks = query @ key.swapaxes(2, 3) * np.float32(1 / math.sqrt(dim // heads)) + bias
        looks = np.exp(looks - looks.max(axis=-1, keepdims=True))
        mixed = (looks / looks.sum(axis=-1, keepdims=True) @ value).swapaxes(1, 2).reshape(rows, -1, dim)
        x = x[:, asked] + mixed @ b["out"] + b["out_bias"]
        x = x + np.maximum(_norm(x, b["norm2"]) @ b["up"] + b["up_bias"], 0) @ b["down"] + b["down_bias"]
    return _norm(x[:, -1], w["norm"])


def _names() -> Iterator[str]:
    yield from ("norm1", "norm2", "apart", "span")
    for name in _DENSE:
        yield from (name, f"{name}_bias")


def _norm(x: Array, norm: Array) -> Array:
    x = x - x.mean(axis=-1, keepdims=True)
    scale: Array = np.sqrt(np.square(x).mean(axis=-1, keepdims=True) + np.float32(1e-5))
    scaled: Array = x / scale * norm[0] + norm[1]
    return scaled


def _states(torch: Torch, w: Mapping[str, Torch], seen: _Window, drop: Callable[[Torch], Torch]) -> Torch:
    """What `_read` gives, for every event, shape (n, length, dim), with gradients."""
    f = torch.nn.functional
    rows, length = seen.item.shape
    dim, blocks = w["item"].shape[1], sum(name.endswith(".apart") for name in w)
    heads, item, steps = len(w["0.apart"]), torch.from_numpy(seen.item), torch.arange(length)
    far = torch.where(steps[:, None] < steps, _FAR, 0.0) + torch.where(item == len(w["item"]) - 1, _FAR, 0.0)[:, None, None, :]
    table = torch.cat([w[f"{block}.span"] for block in range(blocks)]).T  # one look-up for all blocks: it is what takes long
    spans = f.embedding(torch.from_numpy(seen.spans), table).permute(0, 3, 1, 2).split(heads, dim=1)
    x = drop(f.embedding(item, w["item"], padding_idx=len(w["item"]) - 1) * math.sqrt(dim))
    for block in range(blocks):
        b = {name: w[f"{block}.{name}"] for name in _names()}
        h = f.layer_norm(x, (dim,), *b["norm1"])
        query, key, value = ((h @ b[name] + b[f"{name}_bias"]).view(rows, length, heads, -1).transpose(1, 2) for name in _DENSE[:3])
        bias = spans[block] + b["apart"][:, (steps[:, None] - steps).abs()] + far
        looks = torch.softmax(query @ key.transpose(2, 3) / math.sqrt(dim // heads) + bias, dim=-1)
        mixed = (drop(looks) @ value).transpose(1, 2).reshape(rows, length, dim)
        x = x + drop(mixed @ b["out"] + b["out_bias"])
        h = f.layer_norm(x, (dim,), *b["norm2"])
        x = x + drop(drop(torch.relu(h @ b["up"] + b["up_bias"])) @ b["down"] + b["down_bias"])
    return f.layer_norm(x, (dim,), *w["norm"])


# --- learning ---


@dataclass(frozen=True, slots=True, kw_only=True)
class _Lesson:
    """A batch of windows with what came next: the k events asked about, by window and place."""

    seen: _Window
    asked: tuple[Integers, Integers]  # (k,), (k,): window and place in it
    target: Integers  # (k,)
    weight: Array  # (k,)
    had: tuple[Integers, Integers]  # event asked about, and an item that cannot be its answer


def _torch() -> Torch:
    try:
        return importlib.import_module("torch")
    except ImportError as error:
        raise SettingError("the transformer needs torch to learn", hint="Run: pip install 'zhiyin[torch]'") from error


def _start(random: np.random.Generator, items: int, recipe: Recipe) -> Weights:
    """Weights to begin with: small random vectors for items, none for padding, matrices as wide as Glorot and Bengio say."""
    dim, plain = recipe.dim, np.stack([np.ones(recipe.dim), np.zeros(recipe.dim)])
    found = {"item": random.normal(0.0, 0.02, (items + 1, dim)), "norm": plain}
    found["item"][-1] = 0.0
    sizes = dict.fromkeys(_DENSE, (dim, dim)) | {"up": (dim, recipe.wide * dim), "down": (recipe.wide * dim, dim)}
    for block in range(recipe.blocks):
        found |= {f"{block}.norm1": plain, f"{block}.norm2": plain}
        found |= {f"{block}.apart": np.zeros((recipe.heads, recipe.length)), f"{block}.span": np.zeros((recipe.heads, _SPANS))}
        for name, size in sizes.items():
            found[f"{block}.{name}"] = random.normal(0.0, math.sqrt(2 / sum(size)), size)
            found[f"{block}.{name}_bias"] = np.zeros(size[1])
    return {name: array.astype(np.float32) for name, array in found.items()}


def _lessons(random: np.random.Generator, histories: Histories, trust: Array, recipe: Recipe) -> list[Callable[[], _Lesson]]:
    """One epoch, each batch made when called for: every event but a history's first is asked about once, in windows cut anew at random.

    Events of the same second come in a new order each time: how the log happens to order them means nothing.
    """
    owner, length = histories.owner, recipe.length
    order = np.lexsort((random.random(len(owner)), histories.time, owner))
    item = histories.item[order].astype(np.int64)
    place = np.arange(len(owner)) - histories.start[owner]
    shift = np.where(histories.lengths > length + 1, random.integers(0, length, len(histories)), 0)
    known = np.flatnonzero(place < histories.lengths[owner] - 1)  # the newest event is only ever an answer
    window = owner[known] * (2 + int(histories.lengths.max(initial=0)) // length) + (place[known] + shift[owner[known]]) // length
    first = np.flatnonzero(np.diff(window, prepend=-1))
    bounds = np.append(first, len(known))
    like = np.argsort(np.diff(bounds) + random.uniform(0.0, length / 2, len(first)), kind="stable")  # windows of like length together
    cut = Histories(start=bounds, item=item[known].astype(np.int32), weight=histories.weight[order][known], time=histories.time[order][known], items=histories.items)
    answer, counts = item[known + 1], histories.weight[order][known + 1] * trust[owner[known]]
    batches = [like[at : at + recipe.batch] for at in range(0, len(like), recipe.batch)]
    return [partial(_lesson, cut, np.sort(batches[turn]), answer, counts, recipe) for turn in random.permutation(len(batches))]


def _lesson(cut: Histories, rows: Integers, answer: Integers, counts: Array, recipe: Recipe) -> _Lesson:
    seen = _padded(cut, rows)
    real = seen.item < cut.items
    window, place = np.nonzero(real)
    where = np.concatenate([np.arange(cut.start[row], cut.start[row + 1]) for row in rows])
    target = answer[where]
    had = (np.zeros(0, dtype=np.int64),) * 2
    if not recipe.repeats:
        steps = np.arange(seen.item.shape[1])
        event, earlier = np.nonzero(real[window] & (steps <= place[:, None]))
        item = seen.item[window[event], earlier]
        had = event[item != target[event]], item[item != target[event]]
    return _Lesson(seen=seen, asked=(window, place), target=target, weight=counts[where], had=had)


def _learn(torch: Torch, histories: Histories, trust: Array, recipe: Recipe, *, member: int, progress: Progress | None) -> Weights:
    """The weights of one member; draws nothing from torch's own random numbers, so nobody else's are disturbed."""
    random = np.random.default_rng([recipe.seed, member])
    w = {name: torch.tensor(array, requires_grad=True) for name, array in _start(random, histories.items, recipe).items()}
    optimizer = torch.optim.AdamW(list(w.values()), lr=recipe.rate, betas=(0.9, 0.98), weight_decay=recipe.decay)
    drop = _dropout(torch, random, recipe.dropout)
    for epoch in range(recipe.epochs):
        losses = []
        lessons = _lessons(random, histories, trust, recipe)
        for number, lesson in enumerate(lessons):
            done = (epoch + (number + 0.5) / len(lessons)) / recipe.epochs
            for group in optimizer.param_groups:
                group["lr"] = recipe.rate * min(done / _WARM, 1.0 - done)
            loss = _loss(torch, w, lesson(), drop)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(float(loss.detach()))
        if progress is not None:
            progress(epoch + 1, recipe.epochs, float(np.mean(losses)) if losses else 0.0)
    return {name: tensor.detach().numpy().copy() for name, tensor in w.items()}


def _loss(torch: Torch, w: Mapping[str, Torch], lesson: _Lesson, drop: Callable[[Torch], Torch]) -> Torch:
    """Weighted mean cross-entropy of what came next among all items that could."""
    window, place = (torch.from_numpy(index) for index in lesson.asked)
    logits = _states(torch, w, lesson.seen, drop)[window, place] @ w["item"][:-1].T
    event, item = (torch.from_numpy(index) for index in lesson.had)
    logits[event, item] = _FAR
    weight = torch.from_numpy(lesson.weight)
    losses = torch.nn.functional.cross_entropy(logits, torch.from_numpy(lesson.target), reduction="none")
    return (losses * weight).sum() / weight.sum()


def _dropout(torch: Torch, random: np.random.Generator, share: float) -> Callable[[Torch], Torch]:
    """Dropout from bytes of the given generator (in steps of 1/256), faster on one core than torch's."""
    lost = round(256 * share)

    def drop(x: Torch) -> Torch:
        if not lost:
            return x
        kept = np.frombuffer(random.bytes(x.numel()), dtype=np.uint8) >= lost
        return x * torch.from_numpy((kept * np.float32(256 / (256 - lost))).reshape(x.shape))

    return drop
