"""Rows of orders as rows of purchases: each line of an order is an event, under the order's number."""

from __future__ import annotations

import json
import re
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from pathlib import Path

from zhiyin.catalog.events_names import squeeze
from zhiyin.catalog.read import BadRow, Raw, read_rows

_NEEDED = {"order": "order_id", "user": "user_id", "item": "item_id", "time": "time or order_date"}
_MONEY = re.compile(r"-?\d[\d,. ]*")
_DECIMAL_COMMA = re.compile(r"-?\d{1,3}(?:\.\d{3})*,\d{1,2}|-?\d+,\d{1,2}", re.ASCII)
_SIGNS = {"¥": "CNY", "￥": "CNY", "元": "CNY", "€": "EUR", "£": "GBP"}  # those that one currency has, or that mean one here
_WITHOUT_MINOR = frozenset("BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF".split())
_WITH_THREE = frozenset("BHD IQD JOD KWD LYD OMR TND".split())


class Orders:
    """Reads files of orders as `read_rows` reads rows, each line of an order a purchase or a refund; counts what it passes over."""

    def __init__(self, currency: str = "") -> None:
        self._currency = currency
        self._counts: dict[Path, Counter[str]] = {}  # of each file, once however often it is read

    @property
    def cancelled(self) -> int:
        """Lines of orders that were not paid, or taken back before they were."""
        return sum(counts["cancelled"] for counts in self._counts.values())

    @property
    def unpriced(self) -> int:
        """Lines whose price names no amount, or no currency."""
        return sum(counts["unpriced"] for counts in self._counts.values())

    def __call__(self, path: Path, /) -> Iterator[tuple[int, Raw | BadRow]]:
        """The rows of a file as rows of events. A row that is no line of an order is a `BadRow` that says what is missing."""
        counts = self._counts[path] = Counter()
        seen: Counter[tuple[str, str]] = Counter()
        for line, row in read_rows(path):
            if isinstance(row, BadRow):
                yield line, row
                continue
            for one in _lines(row):
                event = self._event(line, one, seen, counts)
                if event is not None:
                    yield line, event

    def _event(self, line: int, row: Raw, seen: Counter[tuple[str, str]], counts: Counter[str]) -> Raw | BadRow | None:
        cells = _cells(row)
        status = squeeze(str(cells.get("status", "")))
        if status in _names()["status"]["cancelled"]:
            counts["cancelled"] += 1
            return None
        missing = [name for role, name in _NEEDED.items() if role not in cells]
        if missing:
            return BadRow(line, f"a line of an order needs {', '.join(missing)}", json.dumps(row, ensure_ascii=False, default=str)[:200])
        order, item = str(cells["order"]), str(cells["item"])
        seen[order, item] += 1
        nth = f"#{seen[order, item]}" if seen[order, item] > 1 else ""
        kind = "refund" if status in _names()["status"]["refunded"] else "purchase"
        event = {"event_id": f"{kind}:{order}:{item}{nth}", "type": kind, "user_id": cells["user"], "item_id": item, "time": cells["time"]}
        return {**event, **({"quantity": cells["quantity"]} if "quantity" in cells else {}), **self._paid(cells, counts)}

    def _paid(self, cells: Raw, counts: Counter[str]) -> dict[str, object]:
        """What was paid for the line, in whole minor units of its currency."""
        of_one = "total" not in cells
        text = str(cells.get("price" if of_one else "total", ""))
        if not text:
            return {}
        amount = _amount(text)
        currency = str(cells.get("currency", "")).upper() or next((code for sign, code in _SIGNS.items() if sign in text), "") or self._currency
        if amount is None or not currency:
            counts["unpriced"] += 1
            return {}
        quantity = _amount(str(cells.get("quantity", "1"))) or Decimal(1)
        minor = (amount * (quantity if of_one else 1)).scaleb(0 if currency in _WITHOUT_MINOR else 3 if currency in _WITH_THREE else 2)
        return {"value": int(minor.to_integral_value()), "currency": currency}


def _lines(row: Raw) -> Iterator[Raw]:
    """The lines of an order: those that it holds as a list, each with the order's own cells, else the row itself."""
    for header, cell in row.items():
        if isinstance(cell, list) and squeeze(str(header)) in _names()["columns"]["lines"]:
            order = {name: value for name, value in row.items() if name != header}
            for one in cell:
                bare = one if isinstance(one, Mapping) else {"item_id": one}
                yield {**_order_of(order), **{str(name): value for name, value in bare.items()}}
            return
    yield row


def _order_of(order: Raw) -> dict[str, object]:
    """The order's cells for one of its lines: its number under a name that the line's own `id` does not hide, its own price left out."""
    squeezed = {squeeze(str(name)): value for name, value in order.items()}
    number = next((squeezed[name] for name in _names()["columns"]["order"] if squeezed.get(name) not in {None, ""}), None)
    money = {*_names()["columns"]["price"], *_names()["columns"]["total"]}
    kept = {str(name): value for name, value in order.items() if squeeze(str(name)) not in {*money, "id", "name"}}
    return {**kept, **({"order_id": number} if number is not None else {})}


def _cells(row: Raw) -> dict[str, object]:
    """The cells by what they are of, empty ones left out; a cell is of one role only."""
    flat: dict[str, object] = {}
    for header, cell in row.items():
        name = squeeze(str(header))
        if isinstance(cell, Mapping):
            flat |= {f"{name}.{squeeze(str(inner))}": value for inner, value in cell.items() if not isinstance(value, Mapping | list)}
        elif not isinstance(cell, list) and cell is not None and str(cell).strip():
            flat[name] = cell.strip() if isinstance(cell, str) else cell
    found: dict[str, object] = {}
    for role, aliases in _names()["columns"].items():
        filled = next((alias for alias in aliases if alias in flat), None)
        if filled is not None and role != "lines":
            found[role] = flat.pop(filled)
    return found


def _amount(text: str) -> Decimal | None:
    """The number of a price in any of its forms: 1,299.00, 12,50 €, ¥88."""
    found = _MONEY.search(text)
    if found is None:
        return None
    digits = found[0].replace(" ", "").rstrip(",.")
    digits = digits.replace(".", "").replace(",", ".") if _DECIMAL_COMMA.fullmatch(digits) else digits.replace(",", "")
    try:
        return Decimal(digits)
    except InvalidOperation:
        return None


@lru_cache(maxsize=1)
def _names() -> Mapping[str, Mapping[str, list[str]]]:
    return tomllib.loads((Path(__file__).parent / "orders.toml").read_text(encoding="utf-8"))
