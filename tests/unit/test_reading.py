"""Messages and what they are read as, over the real packs: the rules of reading, one example each, in both languages."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from zhiyin import Assistant

pytestmark = [pytest.mark.model]


@pytest.fixture(scope="module")
def phones() -> Iterator[Assistant]:
    with Assistant(domain="phones") as assistant:
        yield assistant


@pytest.fixture(scope="module")
def movies() -> Iterator[Assistant]:
    with Assistant(domain="movies") as assistant:
        yield assistant


def wishes(reply: dict) -> set[tuple]:
    return {(c["field"], c["op"], tuple(c["value"]) if isinstance(c["value"], list) else c["value"]) for c in reply["constraints"]}


def talk(assistant: Assistant, *messages: str) -> dict:
    assistant.new()
    return [assistant.say(m) for m in messages][-1]


PHONES = [
    (("预算三千以内",), {("price", "<=", 3000)}),
    (("预算三千",), {("price", "<=", 3000)}),
    (("3000左右的手机",), {("price", "between", (2400, 3600))}),
    (("3000块的手机",), {("price", "between", (2400, 3600))}),
    (("not under 3000 yuan",), {("price", ">=", 3000)}),
    (("12+256的手机",), {("ram_gb", "=", 12), ("storage_gb", "=", 256)}),
    (("100W快充的手机",), {("features", "any_of", ("fast charging",))}),
    (("百元机",), {("price", "<", 1000)}),
    (("不要小米和华为的手机",), {("brand", "none_of", ("Xiaomi", "Huawei"))}),
    (("除了苹果都行",), {("brand", "none_of", ("Apple",))}),
    (("battery over 5000mAh but under 200g",), {("battery_mah", ">", 5000), ("weight_g", "<=", 200)}),
    (("三星手机", "换成华为的"), {("brand", "any_of", ("Huawei",))}),
    (("三星手机", "or Xiaomi"), {("brand", "any_of", ("Samsung", "Xiaomi"))}),
    (("三星手机，四千以内", "价格无所谓"), {("brand", "any_of", ("Samsung",))}),
    (("适合玩王者荣耀的手机",), {("uses", "any_of", ("gaming",))}),
    (("where's my order 12345",), set()),
    (("a phone under 400 dollars",), {("price", "<=", 2880)}),
    (("5000万像素以上的手机",), {("camera_mp", ">=", 50)}),
]
MOVIES = [
    (("not too violent crime movie",), {("genres", "any_of", ("Crime",))}),
    (("喜剧或者爱情都行，不要太老的",), {("genres", "any_of", ("Comedy", "Romance")), ("year", ">", 1985)}),
    (("comedies, but not romantic comedies",), {("genres", "any_of", ("Comedy",)), ("genres", "none_of", ("Romance",))}),
    (("Japanese film, not anime",), {("countries", "any_of", ("Japan",)), ("genres", "none_of", ("Animation",))}),
    (("非美国的科幻片",), {("genres", "any_of", ("Sci-Fi",)), ("countries", "none_of", ("United States",))}),
    (("films from the 80s or 90s",), {("year", "between", (1980, 1999))}),
    (("21世纪的爱情片",), {("genres", "any_of", ("Romance",)), ("year", "between", (2000, 2099))}),
    (("推薦幾部周星馳的喜劇",), {("genres", "any_of", ("Comedy",)), ("directors", "any_of", ("Stephen Chow",))}),
    (("thirller with leonado dicaprio",), {("genres", "any_of", ("Thriller",)), ("cast", "any_of", ("Leonardo DiCaprio",))}),
    (("nothing before 1970",), {("year", ">=", 1970)}),
    (("I watch about two movies a week, mostly thrillers, something under two hours?",), {("genres", "any_of", ("Thriller",)), ("runtime", "<=", 120)}),
    (("不看动画，除非是宫崎骏的",), {("genres", "none_of", ("Animation",))}),
    (("horror films from the 80s", "forget the decade"), {("genres", "any_of", ("Horror",))}),
    (("Sergio Leone films, no westerns", "ok, westerns are fine too"), {("directors", "any_of", ("Sergio Leone",))}),
    (("成龙演的科幻片，要40年代的", "那不要求成龙了，年份也不限"), {("genres", "any_of", ("Sci-Fi",))}),
    (("which is longer, Titanic or Avatar",), set()),
]


@pytest.mark.parametrize(("said", "want"), PHONES, ids=lambda v: " / ".join(v) if isinstance(v, tuple) else "")
def test_phone_wishes_are_read_as_said(phones: Assistant, said: tuple[str, ...], want: set) -> None:
    assert wishes(talk(phones, *said)) == want


@pytest.mark.films
@pytest.mark.parametrize(("said", "want"), MOVIES, ids=lambda v: " / ".join(v) if isinstance(v, tuple) else "")
def test_film_wishes_are_read_as_said(movies: Assistant, said: tuple[str, ...], want: set) -> None:
    assert wishes(talk(movies, *said)) == want


@pytest.mark.films
@pytest.mark.parametrize(
    ("said", "title"),
    [
        ("霸王別姬是誰導演的？", "Farewell My Concubine"),
        ("黑暗骑士值得看吗", "The Dark Knight"),
        ("I want to watch Up", "Up"),
        ("Her", "Her"),
        ("1917", "1917"),
        ("who directed Se7en?", "Se7en"),
        ("what is 《霸王别鸡》 about", "Farewell My Concubine"),
        ("tell me about the shawshenk redemption", "The Shawshank Redemption"),
    ],
)
def test_titles_are_linked(movies: Assistant, said: str, title: str) -> None:
    assert [i["title"] for i in talk(movies, said)["about"]] == [title]


@pytest.mark.films
@pytest.mark.parametrize("said", ["I loved it", "what's up", "tell me about her", "I saw them yesterday", "something new", "he is good", "give me something big"])
def test_plain_words_are_no_titles(movies: Assistant, said: str) -> None:
    assert talk(movies, said)["about"] == []


@pytest.mark.films
def test_a_refused_title_stays_refused(movies: Assistant) -> None:
    movies.new()
    for message in ("movies with Tom Hanks but not Forrest Gump", "something older", "any year is fine", "others"):
        assert "Forrest Gump" not in {i["title"] for i in movies.say(message)["items"]}


@pytest.mark.parametrize(
    ("chain", "act"),
    [
        (("iPhone 15防水吗",), "answer"),
        (("华为手机", "第一款支持5G吗"), "answer"),
        (("华为手机", "is the first one waterproof?"), "answer"),
        (("小米15和iPhone 16哪个电池大",), "compare"),
        (("华为手机", "前两个比一比", "the cheaper of the two"), "answer"),
        (("我想自杀",), "chat"),
        (("两千以下的折叠屏苹果手机",), "relax"),
    ],
)
def test_the_right_thing_is_done(phones: Assistant, chain: tuple[str, ...], act: str) -> None:
    reply = talk(phones, *chain)
    assert reply["act"] == act
    assert act == "recommend" or not reply["items"]


def test_every_word_a_reply_needs_exists_in_both_languages() -> None:
    from zhiyin.reply.speaker import texts

    english, chinese = texts("en"), texts("zh")
    assert {a: set(m) for a, m in english.items()} == {a: set(m) for a, m in chinese.items()}
    for act, modes in english.items():
        if act not in {"notices", "compare", "relax"}:
            assert all(len(variants) >= 3 for variants in modes.values()), act
