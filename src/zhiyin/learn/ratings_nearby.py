"""What stands close to a question in time: how the same user rated just before and after, how the item has fared of late.

People rate in sittings, often a page of like films at a time, so a rating's neighbours in time say more than its day alone.
"""

from __future__ import annotations

import numpy as np

from zhiyin.learn.ratings_table import STARS, Asked, Floats, Ints, Ratings

USER_SPANS = (1.0, 20.0, 120.0, 900.0, 7_200.0, 172_800.0)  # seconds after which a neighbour's weight has fallen to 1 / e
ITEM_SPAN = 14 * 86_400.0
_REACH = 32  # neighbours looked at on either side
_CHUNK = 8_192  # questions at once: their neighbours take some 4 MB a column


def beside(asked: Asked, known: Ratings, left: Floats, prior: Floats) -> Floats:
    """Columns about a question's neighbours in time, shape (n, 2 x spans + 5 + 1); zeros where the moment, user or item is unknown.

    For each span the user's mean unexplained stars (`left`, of `known`) and the log of how much of it there is; the log-odds of
    each rating among the user's last and next minute against `prior`; the item's mean unexplained stars of the last and next weeks.
    """
    by_user, by_item = _Timeline(known.user, known.time), _Timeline(known.item, known.time)
    one = np.eye(STARS)[known.stars]
    rows = []
    for begin in range(0, len(asked), _CHUNK):
        part = slice(begin, begin + _CHUNK)
        where, away = by_user.around(asked.user[part], asked.time[part])
        columns = []
        for span in USER_SPANS:
            weight = np.exp(-away / span)
            support = weight.sum(axis=1)
            columns += [(weight * left[where]).sum(axis=1) / (support + 1.0), np.log1p(support)]
        minute = np.einsum("nw,nwk->nk", np.exp(-away / 60.0), one[where])
        where, away = by_item.around(asked.item[part], asked.time[part])
        weight = np.exp(-away / ITEM_SPAN)
        trend = (weight * left[where]).sum(axis=1) / (weight.sum(axis=1) + 5.0)
        rows.append(np.column_stack([*columns, log_odds(minute, prior, 3.0), trend]))
    return np.concatenate(rows) if rows else np.zeros((0, 2 * len(USER_SPANS) + STARS + 1))


def log_odds(counts: Floats, prior: Floats, strength: float) -> Floats:
    """The log of how much likelier each rating is than under the prior, shape kept, the prior standing in for `strength` ratings."""
    share = (counts + strength * prior) / (counts.sum(axis=1, keepdims=True) + strength)
    return np.asarray(np.log(share / prior), dtype=np.float64)


class _Timeline:
    """Ratings by owner (a user or an item) and time."""

    def __init__(self, owner: Ints, time: Floats) -> None:
        self.order = np.lexsort((time, owner))
        self.owner, self.time = owner[self.order], time[self.order]

    def around(self, owner: Ints, time: Floats) -> tuple[Ints, Floats]:
        """The owner's nearest ratings, shape (n, 64), and how far away each is in seconds; infinitely far where there is none."""
        moment = np.nan_to_num(time)
        first = np.searchsorted(self.owner, owner)
        last = np.searchsorted(self.owner, owner, side="right")
        middle = _search_within(self.time, moment, first, last)
        place = middle[:, None] + np.arange(-_REACH, _REACH)
        valid = (place >= first[:, None]) & (place < last[:, None]) & (np.isfinite(time) & (owner >= 0))[:, None]
        place = np.clip(place, 0, len(self.time) - 1)
        return self.order[place], np.where(valid, np.abs(self.time[place] - moment[:, None]), np.inf)


def _search_within(times: Floats, moment: Floats, first: Ints, last: Ints) -> Ints:
    """Where each moment would stand in its own ascending stretch times[first:last], by bisection of all at once."""
    low, high = first.copy(), last.copy()
    while (open_ := low < high).any():
        middle = (low + high) // 2
        later = times[np.minimum(middle, len(times) - 1)] < moment
        low, high = np.where(open_ & later, middle + 1, low), np.where(open_ & ~later, middle, high)
    return low
