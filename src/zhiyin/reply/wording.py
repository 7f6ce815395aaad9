"""Values, wishes and reasons as words in either language."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from zhiyin.catalog.columns import Catalog
from zhiyin.catalog.domain import Field
from zhiyin.types import NUMERIC_OPS, Candidate, Item, ItemId, Language, Offer, Op, Option, Question, Reason, Scalar, Value, Wish

_BOUND = {
    "en": {Op.LT: "under {v}", Op.LE: "at most {v}", Op.GT: "over {v}", Op.GE: "at least {v}", Op.EQ: "{v}"},
    "zh": {Op.LT: "低于{v}", Op.LE: "不超过{v}", Op.GT: "高于{v}", Op.GE: "不低于{v}", Op.EQ: "{v}"},
}
_YEAR_BOUND = {
    "en": {Op.LT: "before {v}", Op.LE: "up to {v}", Op.GT: "after {v}", Op.GE: "{v} or later", Op.EQ: "{v}"},
    "zh": {Op.LT: "{v}以前", Op.LE: "{v}及以前", Op.GT: "{v}以后", Op.GE: "{v}及以后", Op.EQ: "{v}"},
}


class Wording:
    """Words for one catalogue's values."""

    def __init__(self, catalog: Catalog) -> None:
        self.catalog, self.domain = catalog, catalog.domain
        self._works = any("《{title}》" in f.says.get("zh", "") for f in self.domain.fields.values())  # films and books, not phones

    # --- items and values ---

    def title(self, item: Item, language: str, *, marked: bool = False) -> str:
        """The title as one says it; in Chinese a work's title stands in 《》 where `marked`."""
        title = item.title(language)
        return f"《{title}》" if marked and language == "zh" and self._works else title

    def titles(self, ids: Sequence[ItemId], language: str) -> str:
        """Several titles in a row."""
        items = [item for i in ids if (item := self.catalog.item(i))]
        return self.joined([self.title(i, language, marked=True) for i in items], language)

    @staticmethod
    def joined(parts: Sequence[str], language: str, last: str = "and") -> str:
        """A list as words: "a, b and c"; 甲、乙和丙."""
        word = {"and": "和", "or": "或"}[last]
        if len(parts) < 2:
            return "".join(parts)
        if language == "zh":
            return "、".join(parts[:-1]) + word + parts[-1]
        return ", ".join(parts[:-1]) + f" {last} " + parts[-1]

    def value(self, name: str, value: Value, language: str, *, both: bool = False) -> str:
        """A field value for reading: ¥4,999, 96 min, 喜剧、爱情. With `both`, people carry their other name too."""
        field = self.domain.fields.get(name)
        if field is None:
            return str(value)
        if isinstance(value, tuple):
            parts = [self._one(field, v, language, both=both) for v in value]
            return "、".join(parts) if language == "zh" else ", ".join(parts)
        return self._one(field, value, language, both=both)

    def _one(self, field: Field, value: Scalar, language: str, *, both: bool = False) -> str:
        if field.kind == "money" and isinstance(value, int | float):
            return self.money(value, language)
        if field.kind == "year":
            return f"{value}年" if language == "zh" else str(value)
        if field.numeric and isinstance(value, int | float):
            unit = field.unit.get(language, "")
            number = f"{value:,}" if isinstance(value, int) else f"{value:,.2f}".rstrip("0").rstrip(".")
            return f"{number} {unit}".strip()
        if field.people:
            other = self.domain.people.get(str(value), ("",))[0]
            if language == "zh" and other:
                return f"{other}（{value}）" if both else other
            return str(value)
        return field.show(value, language)

    def money(self, amount: float, language: str) -> str:
        """An amount in the catalogue's currency."""
        number = f"{amount:,.0f}" if float(amount).is_integer() else f"{amount:,.2f}"
        if self.domain.currency == "CNY":
            return f"{number} 元" if language == "zh" else f"¥{number}"
        return f"{number} {self.domain.currency}".strip()

    def price(self, item: Item, language: str) -> str:
        """All sizes with their prices, and since when they are true."""
        name = next((f.name for f in self.domain.fields.values() if f.kind == "money"), "")
        sizes = []
        for variant in item.variants:
            if name in variant:
                size = "+".join(f"{variant[k]:g}GB" for k in variant if k != name)
                sizes.append(f"{self.money(variant[name], language)}{f'（{size}）' if language == 'zh' and size else f' ({size})' if size else ''}")
        if not sizes and isinstance(item.attributes.get(name), int | float):
            sizes.append(self.value(name, item.attributes[name], language))
        if not sizes:
            return ""
        note = self.price_note(item, language)
        text = ("，" if language == "zh" else ", ").join(sizes)
        return f"{text}（{note}）" if note and language == "zh" else f"{text} ({note})" if note else text

    def price_note(self, item: Item, language: str) -> str:
        """What kind of price it is and of when ("launch price, 2023-09")."""
        note = self.domain.price_note.get(language, "")
        date = next((str(item.attributes[f.name]) for f in self.domain.fields.values() if f.kind == "date" and f.name in item.attributes), "")
        return ("，" if language == "zh" else ", ").join(x for x in (note, date) if x) if note else ""

    def facts(self, candidate: Candidate, language: str) -> list[str]:
        """A card's attributes in the pack's order."""
        fields = sorted((f for f in self.domain.fields.values() if f.card), key=lambda f: f.card)
        found = []
        for field in fields:
            value = candidate.attributes.get(field.name)
            if value is None:
                continue
            text = self.value(field.name, value[:3] if isinstance(value, tuple) else value, language)
            if field.kind == "money" and (note := self.price_note(candidate.item, language)):
                text += f"（{note}）" if language == "zh" else f" ({note})"
            found.append(text)
        return found

    # --- wishes ---

    def facts_by_language(self, candidate: Candidate) -> dict[str, tuple[str, ...]]:
        """The same in every language we speak, for pages that change theirs."""
        return {str(language): tuple(self.facts(candidate, str(language))) for language in Language}

    def evidence_by_language(self, candidate: Candidate) -> dict[str, tuple[str, ...]]:
        """What each reason rests on, in words: the field's name and its value."""
        return {str(language): tuple(self._evidence(r, str(language)) for r in candidate.reasons) for language in Language}

    def _evidence(self, reason: Reason, language: str) -> str:
        """Empty where another item is all that a reason leans on."""
        if not reason.field:
            return ""
        return f"{self.label(reason.field, language)}{'：' if language == 'zh' else ': '}{self.value(reason.field, reason.value, language)}"

    def label(self, field: str, language: str) -> str:
        """A field's name."""
        spec = self.domain.fields.get(field)
        return spec.label.get(language, field) if spec else field

    def wish(self, wish: Wish, language: str) -> str:
        """A wish as a chip says it."""
        label = self.label(wish.field, language)
        quality = self.domain.quality_of(wish)
        if quality is not None and quality.hard == wish.hard and quality.label and not wish.negated:
            return quality.label.get(language, quality.name)
        if (
            wish.op is Op.NONE_OF
            and (quality := self.domain.quality_of(replace(wish, op=Op.ANY_OF))) is not None
            and quality.label
            and self.domain.names(quality.name, wish.source)
        ):
            return f"不要{quality.label.get(language, quality.name)}" if language == "zh" else f"not {quality.label.get(language, quality.name)}"
        if wish.op is Op.LIKE:
            most = {"en": {"lowest": "lowest", "highest": "highest"}, "zh": {"lowest": "最低", "highest": "最高"}}[language].get(str(wish.value), str(wish.value))
            return f"{label}{most}" if language == "zh" else f"{most} {label}"
        if wish.op in NUMERIC_OPS:
            text = self.bounds(wish.field, wish.op, wish.value, language)
            if wish.field in self.domain.fields and self.domain.fields[wish.field].kind == "year":
                return text
            return self._labelled(wish.field, text, language)
        values = wish.value if isinstance(wish.value, tuple) else (wish.value,)
        numbers = [v for v in values if isinstance(v, int) and not isinstance(v, bool)]
        if len(numbers) == len(values) > 2 and numbers == list(range(numbers[0], numbers[-1] + 1)):  # not from the 80s
            span = f"{numbers[0]}–{numbers[-1]}"
            return f"不要{span}年" if language == "zh" else f"not {span}"
        shown = [self._one(self.domain.fields[wish.field], v, language) for v in values] if wish.field in self.domain.fields else [str(v) for v in values]
        text = self.joined(shown, language, "and" if wish.op is Op.ALL_OF else "or")
        if wish.op is Op.NONE_OF:
            return f"不要{text}" if language == "zh" else f"no {text}"
        field = self.domain.fields.get(wish.field)
        return f"{label}：{text}" if field and field.people and language == "zh" else f"{label}: {text}" if field and field.people else text

    def _labelled(self, field: str, text: str, language: str) -> str:
        """A field's name before what is said of it; Chinese stands without a space beside Chinese."""
        label = self.label(field, language)
        return f"{label}{text}" if language == "zh" and not text[0].isascii() else f"{label} {text}"

    def bounds(self, field: str, op: Op, value: Value, language: str) -> str:
        """A numeric condition."""
        if isinstance(value, tuple) and len(value) == 2:
            low, high = (self.value(field, v, language) for v in value)
            bare = low.split(" ")[0].rstrip("年") if low.split(" ")[-1] == high.split(" ")[-1] or low.endswith("年") else low
            return f"{bare}–{high}"
        year = self.domain.fields[field].kind == "year" if field in self.domain.fields else False
        template = (_YEAR_BOUND if year else _BOUND)[language].get(op, "{v}")
        text = self.value(field, value, language)
        return template.format(v=text if language == "en" or text[0] == "¥" else f" {text}" if not year else text).replace("  ", " ").strip()

    def wishes(self, wishes: Sequence[Wish], language: str) -> str:
        """Several wishes in a row."""
        parts = list(dict.fromkeys(self.wish(w, language) for w in wishes))
        return "、".join(parts) if language == "zh" else ", ".join(parts)

    # --- reasons, questions, offers ---

    def reason(self, reason: Reason, language: str) -> str:
        """A reason in words, its evidence included."""
        value = self.value(reason.field, reason.value, language)
        label = self.label(reason.field, language)
        match reason.kind:
            case "wish":
                quoted = f"“{reason.source}”" if reason.source else ""
                fact = value if self._telling(reason.field) else f"{label} {value}"
                if not quoted:
                    return fact
                return f"{fact}（你说{quoted}）" if language == "zh" else f"{fact} (you said {quoted})"
            case "similar" | "behaviour":
                other = self.catalog.item(ItemId(reason.source))
                name = self.title(other, language, marked=True) if other else reason.source
                if not reason.field:
                    return f"因为你喜欢{name}，喜欢它的人也常选这个" if language == "zh" else f"because you liked {name}: people who did often picked this"
                if language == "zh":
                    lead = f"和{name}一样" if reason.kind == "similar" else f"你喜欢{name}，它们都"
                    return f"{lead}：{label}都有{value}" if reason.kind == "similar" else f"{lead}有{value}"
                return f"like {name}: {value}" if reason.kind == "similar" else f"because you liked {name}: {value} too"
            case _:
                quality = next((q for q in self.domain.quality if q.field == reason.field), None)
                template = quality.reason.get(language, "") if quality else ""
                return template.format(value=value) if template else f"{label} {value}"

    def _telling(self, field: str) -> bool:
        """Whether a value says by itself what it is (a genre, a price), without the field's name."""
        spec = self.domain.fields.get(field)
        return spec is not None and (not spec.numeric or spec.kind in {"money", "year"} or bool(spec.unit))

    def option(self, question: Question, option: Option, language: str) -> str:
        """An answer to a question, as a button says it."""
        field = self.domain.fields[question.field]
        if not field.numeric:
            return field.show(option.value, language)
        low, high = (
            (option.value[0], option.value[1])
            if isinstance(option.value, tuple) and len(option.value) == 2
            else (option.value[0] if isinstance(option.value, tuple) else option.value, None)
        )
        if high is None:
            return self.bounds(field.name, Op.GE, low, language)
        return self.bounds(field.name, Op.LT, high, language) if low == 0 else self.bounds(field.name, Op.BETWEEN, (low, high), language)

    def offer(self, offer: Offer, language: str) -> str:
        """A relaxation on offer, with how many items it brings."""
        counted = self.counted(offer.count, language)
        if offer.to is None:
            lifted = self.wishes((offer.wish, *offer.also), language)
            return f"去掉“{lifted}”，有{counted}" if language == "zh" else f'without "{lifted}": {counted}'
        if offer.wish.op is Op.ALL_OF:
            kept = self.value(offer.wish.field, offer.to, language)
            return f"只要{kept}，有{counted}" if language == "zh" else f"only {kept}: {counted}"
        op = {Op.LT: Op.LE, Op.GT: Op.GE}.get(offer.wish.op, offer.wish.op)
        wider = self._labelled(offer.wish.field, self.bounds(offer.wish.field, op, offer.to, language), language)
        return f"{wider}，有{counted}" if language == "zh" else f"{wider}: {counted}"

    def counted(self, count: int, language: str) -> str:
        """How many, in words: 3 films, 3 部电影."""
        if language == "zh":
            return f" {count:,} {self.domain.counter.get('zh', '个')}{self.domain.nouns.get('zh', '')}"
        return f"{count:,} {self.domain.noun.get('en', 'item') if count == 1 else self.domain.nouns.get('en', 'items')}"
