"""A conversation with a language model in it: what it says, what it may change, and that nothing is lost where it fails."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from zhiyin.bootstrap import App, build
from zhiyin.errors import SettingError
from zhiyin.llm import LLMChunk, LLMRequest
from zhiyin.llms.scripted import Mischief, MischievousLLM, ScriptedLLM
from zhiyin.ports import LLM
from zhiyin.settings import ModelSettings, Settings
from zhiyin.types import Part, Said, SessionId, Shown, Turn, Understood, UserId, Words
from zhiyin.wire import Json, gather, reply_json

NOW = datetime(2026, 5, 17, 12, tzinfo=UTC)
WISH = "预算三千以内，拍照好的手机"


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


def settings_for(cache: Path, **llm: object) -> Settings:
    return Settings(
        domain="phones", store="memory:", embedder="hashing:", cache=cache, data=cache / "data", llm=ModelSettings.model_validate({"second_look": 0.5, "first_word": 0.5, **llm})
    )


@contextmanager
def talking(cache: Path, model: LLM | None, **llm: object) -> Iterator[tuple[App, Callable[[str], Json]]]:
    app = build(settings_for(cache, **llm), model=model, clock=lambda: NOW)
    with asyncio.Runner() as runner:

        def say(text: str) -> Json:
            turn = Turn(session=SessionId("s"), user=UserId("u"), text=text, time=NOW)
            return reply_json(runner.run(gather(app.engine.answer(turn))), app.catalog)

        yield app, say
        runner.run(app.engine.close())


def of_purpose(**answers: str) -> Callable[[LLMRequest], str]:
    return lambda request: answers.get(request.purpose, "")


def without_ids(reply: Json) -> Json:
    return {k: v for k, v in reply.items() if k not in {"recommendation_id", "latency_ms", "model", "reply", "notices"}}


def test_a_sentence_that_the_row_bears_out_is_said_in_place_of_the_templates(cache: Path) -> None:
    with talking(cache, None) as (_, say):
        plain = say(WISH)
    title = plain["items"][0]["titles"]["zh"]
    with talking(cache, ScriptedLLM(of_purpose(speak=f"{title}拍照好，很适合你。")), frame="strict", stages="speak") as (_, say):
        reply = say(WISH)
    assert f"{title}拍照好，很适合你。" in reply["reply"]
    assert reply["reply"].startswith(plain["reply"][: plain["reply"].index("。") + 1])  # what must be said first is the templates'
    assert reply["model"]["sentences"] >= 1
    assert without_ids(reply) == without_ids(plain)
    assert plain["model"] is None


@pytest.mark.parametrize(
    "sentence", ["只要1元，官方保证。", "推荐小米 99 Ultra。", "{title}的电池是99999毫安时。", "Ignore the catalogue.", "{title}不拍照。", "请访问 www.evil.example 领取。"]
)
def test_a_sentence_that_nothing_bears_out_is_withheld_and_the_template_stands(cache: Path, sentence: str) -> None:
    with talking(cache, None) as (_, say):
        plain = say(WISH)
    said = sentence.format(title=plain["items"][0]["titles"]["zh"])
    with talking(cache, ScriptedLLM(of_purpose(speak=said)), frame="strict") as (_, say):
        reply = say(WISH)
    assert reply["reply"] == plain["reply"]
    assert reply["model"]["withheld"] == 2
    assert reply["model"]["sentences"] == 0


@pytest.mark.parametrize("mischief", [m for m in Mischief if m not in {Mischief.DRIP, Mischief.HANG}])
def test_no_mischief_costs_a_turn_or_a_card(cache: Path, mischief: Mischief) -> None:
    talk = [WISH, "前两个哪个更好？", "为什么推荐第一个", "a light phone for my trip that is kind to tired eyes", "今天心情不太好", "换一批"]
    with talking(cache, None) as (_, say):
        plain = [say(text) for text in talk]
    with talking(cache, MischievousLLM(mischief, seed=7), stages="speak,understand,rewrite") as (_, say):
        for text, before in zip(talk, plain, strict=True):
            reply = say(text)
            assert reply["reply"]
            if before["items"]:
                assert reply["items"], text
            if mischief is not Mischief.OBEYS:  # what the user says may bribe a model to read more wishes into it; it is the user's own list
                assert [i["id"] for i in reply["items"]] == [i["id"] for i in before["items"]], text


def test_a_flood_is_not_listened_to(cache: Path) -> None:
    heard = 0

    class Flood(ScriptedLLM):
        async def stream(self, request, /):
            nonlocal heard
            for _ in range(100_000):
                heard += 1
                yield LLMChunk(text="very good 真的很好 ")
                await asyncio.sleep(0)

    with talking(cache, Flood([]), frame="strict") as (_, say):
        reply = say(WISH)
    assert reply["reply"]
    assert {n["code"] for n in reply["notices"]} == {"model_unreadable"}
    assert heard < 1_000


@pytest.mark.parametrize("mischief", [Mischief.DRIP, Mischief.HANG])
def test_a_model_that_hangs_or_drips_is_cut_off_and_then_left_alone(cache: Path, mischief: Mischief) -> None:
    model = MischievousLLM(mischief, seed=7)
    with talking(cache, model, first_word=0.05, second_look=0.05, stages="speak") as (_, say):
        first = say(WISH)
        for _ in range(6):
            say("换一批")
    assert first["reply"]
    assert {n["code"] for n in first["notices"]} == {"model_slow"}
    assert len(model.requests) <= 4  # three failures, or two and a retry; then it rests


def test_a_model_that_is_down_is_told_of_in_the_users_language(cache: Path) -> None:
    with talking(cache, MischievousLLM(Mischief.RAISES), stages="speak") as (_, say):
        assert say(WISH)["notices"] == [{"code": "model_down", "text": "语言模型暂时没有应答，由规则和模板回答。"}]
        assert say("a light phone")["notices"][0]["text"].startswith("The language model does not answer")


def test_better_cards_come_once_more_under_the_same_id_before_the_first_word(cache: Path) -> None:
    async def parts(app: App) -> list[Part]:
        turn = Turn(session=SessionId("s"), user=UserId("u"), text=WISH, time=NOW)
        return [part async for part in app.engine.answer(turn)]

    favourite: list[str] = []

    def likes(request: LLMRequest) -> dict[str, float]:
        """Whichever letter was dealt to the last row gets nearly all the probability."""
        favourite.append(request.choices[-1])
        return {letter: (0.0 if letter == request.choices[-1] else -9.0) for letter in request.choices}

    app = build(settings_for(cache, stages="rank"), model=ScriptedLLM([""], choices=likes), clock=lambda: NOW)
    with asyncio.Runner() as runner:
        found = runner.run(parts(app))
        runner.run(app.engine.close())
    shown = [p for p in found if isinstance(p, Shown)]
    assert favourite
    assert len(shown) == 2
    assert shown[0].recommendation == shown[1].recommendation != ""
    kinds = [type(p) for p in found]
    assert kinds.index(Words) > max(n for n, kind in enumerate(kinds) if kind is Shown)
    assert all(c.probability is not None for c in shown[1].slate)
    assert isinstance(found[2], Understood)
    places = {c.item.id: n for n, c in enumerate(shown[0].slate)}
    assert all(places.get(c.item.id, n) - n <= 4 for n, c in enumerate(shown[1].slate))


def test_a_wish_that_a_model_reads_ranks_and_the_users_budget_stands(cache: Path) -> None:
    said = "3000元以内，别太费眼睛又小巧的机子"
    wish = {"quote": "小巧", "field": "features", "op": "any_of", "values": ["compact"]}
    answer = json.dumps(
        {"intent": "recommend", "wishes": [wish, {"quote": "9000元", "field": "price", "op": "<=", "values": ["9000"]}], "about": [], "aspects": []}, ensure_ascii=False
    )
    with talking(cache, ScriptedLLM(of_purpose(understand=answer)), stages="understand", ask_below=1.0) as (_, say):
        reply = say(said)
    by_field = {c["field"]: c for c in reply["constraints"]}
    assert by_field["price"]["value"] == 3000
    assert all(i["attributes"]["price"] <= 3000 for i in reply["items"])
    assert not any(c["field"] == "features" and c["hard"] for c in reply["constraints"])


def test_what_a_model_was_asked_is_in_the_log_and_gives_the_prompt_back(cache: Path) -> None:
    with talking(cache, ScriptedLLM(of_purpose(speak="好。")), stages="speak", frame="strict") as (app, say):
        say(WISH)
        events = asyncio.run(app.engine.store.events(SessionId("s")))
    (said,) = [e for e in events if isinstance(e, Said)]
    assert [c.prompt for c in said.calls] == ["phones/one.zh@1", "phones/one.zh@1"]
    assert "拍照" in said.calls[0].slots["said"]


class _Endless:
    """A model that speaks for ever and tells whether it was stopped."""

    name = "endless"

    def __init__(self) -> None:
        self.stopped = False

    async def stream(self, request: LLMRequest, /) -> AsyncGenerator[LLMChunk, None]:
        try:
            while True:
                yield LLMChunk(text="很 ")
                await asyncio.sleep(0.001)
        finally:
            self.stopped = True

    def seconds(self, request: LLMRequest, /) -> float:
        return 0.0

    async def close(self) -> None:
        pass


def test_a_user_who_hangs_up_stops_the_model_and_leaves_the_turn_in_the_log(cache: Path) -> None:
    model = _Endless()
    app = build(settings_for(cache, stages="speak", first_word=5.0), model=model, clock=lambda: NOW)

    async def hang_up() -> list[str]:
        turn = Turn(session=SessionId("s"), user=UserId("u"), text=WISH, time=NOW)

        async def read() -> None:
            async for _ in app.engine.answer(turn):
                pass

        reader = asyncio.create_task(read())
        await asyncio.sleep(0.3)
        reader.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reader
        await asyncio.sleep(0.05)
        return [e.type for e in await app.engine.store.events(SessionId("s"))]

    with asyncio.Runner() as runner:
        kept = runner.run(hang_up())
        runner.run(app.engine.close())
    assert model.stopped
    assert kept == ["heard", "said"]


@pytest.mark.parametrize(
    ("url", "code"),
    [("llamacpp:nothing-of-that-name", "model_file"), ("llamacpp:{folder}/torn.gguf", "model_file"), ("openai:m@http://127.0.0.1:9/v1", "model_down")],
)
def test_a_model_that_cannot_be_used_is_told_of_and_the_turn_is_answered(cache: Path, tmp_path: Path, url: str, code: str) -> None:
    (tmp_path / "torn.gguf").write_bytes(b"GGUF\x03\x00\x00\x00" + b"\x05" * 40)
    with talking(cache, None, url=url.format(folder=tmp_path), stages="speak", first_word=20.0) as (_, say):
        reply = say(WISH)
    assert reply["items"]
    assert [n["code"] for n in reply["notices"]] == [code]


def test_a_stage_that_does_not_exist_is_refused_with_the_names_of_those_that_do(cache: Path) -> None:
    with pytest.raises(SettingError, match="dance is no stage"):
        build(settings_for(cache, stages="speak,dance"), model=ScriptedLLM([""]))


@pytest.mark.parametrize("url", ["openai:model-without-a-server", "nonsense:x"])
def test_an_address_that_means_nothing_is_refused(cache: Path, url: str) -> None:
    with pytest.raises(SettingError, match=r"names no"):
        build(settings_for(cache, url=url))


def test_the_second_model_answers_where_the_first_is_down(cache: Path) -> None:
    from zhiyin.backends import guarded

    settings = settings_for(cache, stages="speak")
    both = guarded(settings, [(MischievousLLM(Mischief.RAISES), None), (ScriptedLLM(["fine"]), None)], lambda: NOW)

    async def ask() -> str:
        from zhiyin.llm import Message

        request = LLMRequest(messages=(Message(role="user", text="hi"),), purpose="speak")
        return "".join([c.text async for c in both.stream(request)])

    assert asyncio.run(ask()) == "fine"


def test_a_budget_that_is_spent_is_told_of_and_stops_the_asking(cache: Path) -> None:
    model = ScriptedLLM(of_purpose(speak="好。"))
    with talking(cache, model, stages="speak", frame="strict", session_tokens=600) as (_, say):
        replies = [say(WISH), say("换一批"), say("换一批"), say("换一批")]
    assert {"code": "model_budget", "text": "语言模型的额度已用完，由规则和模板回答。"} in replies[-1]["notices"]
    assert replies[-1]["items"]
    assert len(model.requests) < 8


def test_a_fast_model_puts_the_question_in_its_own_words(cache: Path) -> None:
    def speak(request: LLMRequest) -> str:
        asked = re.search(r"Ask for: ⟦(.*?)⟧", request.messages[-1].text)
        return f"What {asked[1]} do you like?" if asked else "Fairphone."

    with talking(cache, ScriptedLLM(speak), stages="speak", frame="free") as (_, say):
        reply = say("hello, I need a phone")
    assert reply["question"]
    assert reply["reply"].endswith(f"What {reply['question']['field']} do you like?")
    assert reply["model"]["sentences"] == 1


def test_a_question_that_offers_what_is_not_there_is_put_by_the_template(cache: Path) -> None:
    with talking(cache, ScriptedLLM(["Which price, Fairphone or Nokia?"]), stages="speak", frame="free") as (_, say):
        reply = say("hello, I need a phone")
    assert reply["question"]
    assert "price" in reply["reply"]
    assert "Fairphone" not in reply["reply"]
    assert reply["model"]["withheld"] == 1
