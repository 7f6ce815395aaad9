"""Wishes and evidence in words: a figure stays a figure, a quality a quality, and no raw field name is shown."""

from __future__ import annotations

from dataclasses import replace

import pytest

from zhiyin.catalog.domain import Adjective, Condition
from zhiyin.reply.wording import Wording
from zhiyin.testing.tiny import tiny_catalog, tiny_domain
from zhiyin.types import Candidate, Offer, Op, Reason, Wish

CHEAP = Adjective(name="cheap", label={"en": "cheap", "zh": "便宜"}, conditions=(Condition(field="price", op=Op.LE, value=200),))


@pytest.fixture
def wording() -> Wording:
    domain = tiny_domain()
    lexicons = {
        code: replace(lexicon, adjectives={**lexicon.adjectives, "cheap": words})
        for (code, lexicon), words in zip(domain.lexicons.items(), (("cheap", "two-hundred class"), ("便宜", "百元灯")), strict=True)
    }
    return Wording(tiny_catalog(domain=replace(domain, lexicons=lexicons, adjectives={**domain.adjectives, "cheap": CHEAP})))


def soft(said: str) -> Wish:
    return Wish(field="price", op=Op.LE, value=200, hard=False, source=said)


@pytest.mark.parametrize("said", ["under 200 yuan", "at most two hundred", "200元以内", "两百以内", "2百块"])
def test_whoever_named_an_amount_reads_the_amount(wording: Wording, said: str) -> None:
    assert wording.wish(soft(said), "en") == "price at most ¥200"
    assert wording.wish(soft(said), "zh") == "价格不超过 200 元"


@pytest.mark.parametrize("said", ["cheap", "something cheap", "便宜的", "百元灯", "two-hundred class", ""])
def test_whoever_named_the_quality_reads_the_quality(wording: Wording, said: str) -> None:
    assert wording.wish(soft(said), "en") == "cheap"
    assert wording.wish(soft(said), "zh") == "便宜"


def test_an_offer_in_chinese_has_no_space_between_chinese_words(wording: Wording) -> None:
    offer = Offer(wish=Wish(field="price", op=Op.LE, value=200), to=300, count=1200)
    assert wording.offer(offer, "zh") == "价格不超过 300 元，有 1,200 盏灯"
    assert wording.offer(offer, "en") == "price at most ¥300: 1,200 lamps"


def test_evidence_is_the_fields_name_and_its_value_in_both_languages(wording: Wording) -> None:
    item = wording.catalog.items[0]
    reasons = (Reason(kind="wish", field="price", value=149), Reason(kind="behaviour", field="", value="", source=item.id))
    found = wording.evidence_by_language(Candidate(item=item, score=1.0, reasons=reasons))
    assert found == {"en": ("price: ¥149", ""), "zh": ("价格：149 元", "")}


def test_a_quality_that_is_not_wanted_is_named_as_the_user_did_not_by_its_values(wording: Wording) -> None:
    """ "No Chinese brands" is shown as that, and not as nine names."""
    wish = Wish(field="uses", op=Op.NONE_OF, value=("mood",), negated=True, source="nothing cosy")
    assert wording.wish(wish, "en") == "not cosy"
    assert wording.wish(wish, "zh") == "不要温馨"
    named = replace(wish, source="no mood light")
    assert wording.wish(named, "en") == "no mood"
