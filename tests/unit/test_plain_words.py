"""The words a model may use of any item, because they state no fact about one."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

import zhiyin
from zhiyin.text import plain, segment, tokens

PACKAGE = Path(zhiyin.__file__).parent
LANGUAGES = ("en", "zh")
NEGATIONS = set("no not never nor none neither without cannot cant dont doesnt didnt isnt arent wasnt wont hardly barely scarcely except lack lacks instead".split())
COMPARISONS = set("more most less least better best worse worst than first last top only unique fewer cheaper newer older faster bigger smaller longer".split())
QUANTITIES = set("three four five six seven eight nine ten dozen hundred thousand million half twice double triple all every always many everyone everybody".split())
DATES = set("january february march april june july august september october november december monday tuesday wednesday thursday friday saturday sunday".split())
ORDERS = set("click visit call buy order send email link website password system prompt model ignore install download pay checkout subscribe".split())
FACTS = set("long new cheap fast light waterproof famous popular classic cult original official guaranteed free safe healthy novel true doctor refund".split())
CALM_SIGNS = set("不但 不仅 不妨 不管 不过 不错 挺不错 差不多 无论 无论是 非常 别人 别致 特别 类别 告别 判断".split())  # they hold a sign of negation and negate nothing
CHINESE_CLAIMS = set(
    "不 没 无 非 未 别 没有 最 更 比较 第一 唯一 顶级 极致 百分百 正品 官方 保证 免费 畅销 热门 经典 获奖 知名 便宜 轻 快 新 大 小 长 所有 全部 永远 总是 十分 购买 点击 密码 链接".split(),
)  # fmt: skip


def words(language: str) -> list[str]:
    text = (PACKAGE / "reply" / "texts" / f"plain.{language}.txt").read_text(encoding="utf-8")
    return [line for line in text.splitlines() if not line.startswith("#")]


def claims(language: str) -> set[str]:
    """The surfaces by which a lexicon reads a value, a quality or a comparison."""
    found: set[str] = set()
    for path in PACKAGE.glob(f"domains/*/lexicon.{language}.toml"):
        lexicon = tomllib.loads(path.read_text(encoding="utf-8"))
        found |= {s for values in lexicon["values"].values() for surfaces in values.values() for s in surfaces}
        found |= {s for surfaces in lexicon["adjectives"].values() for s in surfaces}
        found |= {s for kind in ("comparatives", "superlatives") for entry in lexicon[kind].values() for s in entry["words"]}
    return {plain(s) for s in found}


def unexplained(sentence: str, language: str) -> list[str]:
    """The words of a sentence that are not plain."""
    known, said = set(words(language)), plain(sentence)
    cut = [t.text for t in tokens(said)] if language == "en" else [w for w in segment(said) if re.search(r"\w", w)]
    return [w for w in cut if w not in known]


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_words_are_sorted_unique_and_as_texts_are_read(language: str) -> None:
    listed = words(language)
    assert listed == sorted(set(listed))
    assert all(w == plain(w).strip() for w in listed)
    assert len(listed) > 900


def test_an_english_word_is_one_token_of_letters() -> None:
    assert [w for w in words("en") if [t.text for t in tokens(w)] != [w] or not re.fullmatch("[a-z]+", w)] == []


def test_a_chinese_word_is_of_chinese_characters_and_counts_no_further_than_two() -> None:
    assert [w for w in words("zh") if not re.fullmatch("[\u4e00-\u9fff]+", w) or re.search("[三四五六七八九十百千万亿零]", w)] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_plain_word_is_one_that_a_lexicon_checks(language: str) -> None:
    assert len(claims(language)) > 300
    assert set(words(language)) & claims(language) == set()


@pytest.mark.parametrize("banned", [NEGATIONS, COMPARISONS, QUANTITIES, DATES, ORDERS, FACTS])
def test_no_english_word_denies_compares_counts_dates_orders_or_claims(banned: set[str]) -> None:
    assert set(words("en")) & banned == set()


def test_no_english_word_is_formed_as_a_negation_or_a_superlative() -> None:
    listed = words("en")
    assert [w for w in listed if w.startswith("un") and not w.startswith(("underst", "until"))] == []
    assert [w for w in listed if re.fullmatch(r"(?:do|does|did|is|are|was|were|ca|wo|would|could|should|have|has|had|must|need|ai)nt", w)] == []
    assert [w for w in listed if re.search(r"(?:less|proof|free)$", w) and w not in {"nonetheless", "nevertheless"}] == []
    assert [w for w in listed if w.endswith("est") and w not in {"interest", "suggest", "request"}] == []


def test_no_chinese_word_denies_compares_promises_or_claims() -> None:
    listed = set(words("zh"))
    assert listed & CHINESE_CLAIMS == set()
    assert {w for w in listed if re.search("[不没无非未别勿莫]", w)} <= CALM_SIGNS
    assert {w for w in listed if re.search("[最更第]", w)} == set()


@pytest.mark.parametrize(
    ("language", "sentence"),
    [
        ("en", "If you like this kind of story, it's well worth an evening."),
        ("en", "I'd start with this one: it fits what you asked for."),
        ("en", "The story follows a person who discovers what matters in life."),
        ("en", "Both suit your budget, so choose the screen you prefer."),
        ("zh", "今晚想放松一下的话，这部电影很适合你。"),
        ("zh", "故事讲述了主角一步步走进一个陌生的世界。"),
        ("zh", "这款手机的屏幕和电池都符合你的要求。"),
        ("zh", "如果你喜欢这类题材，不妨试试它。"),
    ],
)
def test_a_recommendation_that_claims_nothing_is_plain(language: str, sentence: str) -> None:
    assert unexplained(sentence, language) == []


@pytest.mark.parametrize(
    ("language", "sentence"),
    [
        ("en", "It is the best phone you can get."),
        ("en", "Everyone loves this one."),
        ("en", "The battery lasts for days."),
        ("en", "It never lets you down."),
        ("en", "It fits in one hand."),
        ("en", "This film is based on a novel."),
        ("en", "It comes with a case."),
        ("en", "A film for all ages."),
        ("en", "Two hours of fun."),
        ("en", "It beats the other one."),
        ("zh", "这是最好的手机。"),
        ("zh", "这款手机很便宜。"),
        ("zh", "很多人都喜欢它。"),
        ("zh", "这部电影得过奖。"),
        ("zh", "电池可以用三天。"),
        ("zh", "它比那一款更好。"),
        ("zh", "我们保证你会喜欢。"),
        ("zh", "这部电影改编自小说。"),
        ("zh", "它没有缺点。"),
        ("zh", "现在下单有优惠。"),
    ],
)
def test_a_claim_has_a_word_that_is_not_plain(language: str, sentence: str) -> None:
    assert unexplained(sentence, language) != []
