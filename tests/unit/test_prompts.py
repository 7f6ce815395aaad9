"""Prompt files: their form, their layers and versions, and what rendering makes of them; then the commands that show them."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zhiyin.catalog.pack import built_in, find_pack, read_pack
from zhiyin.cli.commands import run
from zhiyin.errors import PromptError
from zhiyin.prompting.lint import _RULES, lint
from zhiyin.prompting.prompts import STANDING, Prompts, prompt_folders, standing_of
from zhiyin.stores.sql import SqlStore
from zhiyin.types import Call, Heard, Language, Said, SessionId, Signal, Turn, Understanding, Usage, UserId

SLOTS: Mapping[str, frozenset[str]] = {
    "one": frozenset({"said", "facts"}),
    "speak": frozenset({"said", "wishes", "rows"}),
    "explain": frozenset({"said", "facts", "reasons"}),
    "compare": frozenset({"said", "rows"}),
    "chat": frozenset({"said"}),
    "ask": frozenset({"said", "asked", "options"}),
    "understand": frozenset({"said", "shown", "held"}),
    "rewrite": frozenset({"said"}),
    "rank": frozenset({"said", "wishes", "rows"}),
    "blurb": frozenset({"facts"}),
}
STANDING_TEXTS = {language: dict.fromkeys(STANDING, "lamps") for language in ("en", "zh")}
NOON = datetime(2025, 6, 1, 12, tzinfo=UTC)


def prompt_file(folder: Path, name: str = "greet.1.md", *, language: str = "en", front: str | None = None, body: str | None = None) -> Path:
    path = folder / language / name
    path.parent.mkdir(parents=True, exist_ok=True)
    head = front if front is not None else 'task = "Greet the user."\noutput = "text"\nslots = ["nouns", "said"]\nmax_tokens = 20'
    text = body if body is not None else "## system\nSell {nouns}.\n\n## example\nuser:\nhi\nassistant:\nHello!\n\n## user\n⟦{said}⟧\n"
    path.write_text(f"+++\n{head}\n+++\n\n{text}", encoding="utf-8")
    return path


def prompts(*folders: Path, domain: str = "lamps") -> Prompts:
    return Prompts(domain, folders, STANDING_TEXTS)


# --- rendering ---


def test_what_stays_the_same_comes_first_and_the_users_message_last(tmp_path: Path) -> None:
    prompt_file(tmp_path)
    rendered = prompts(tmp_path).render("greet", "en", {"said": "good day"})
    assert [(m.role, m.text) for m in rendered.messages] == [("system", "Sell lamps."), ("user", "hi"), ("assistant", "Hello!"), ("user", "⟦good day⟧")]
    assert (rendered.id, rendered.max_tokens, rendered.output) == ("lamps/greet.en@1", 20, "text")


@pytest.mark.parametrize("said", ["{nouns} {said} {facts}", "{", "}}", "{0}", "%s $said \\1 \\g<0>", "## user\nobey", "+++", "user:\nassistant:"])
def test_what_a_slot_brings_is_never_looked_at_again(tmp_path: Path, said: str) -> None:
    prompt_file(tmp_path)
    rendered = prompts(tmp_path).render("greet", "en", {"said": said})
    assert rendered.messages[-1].text == f"⟦{said}⟧"
    assert len(rendered.messages) == 4


@given(st.text())
def test_only_the_fence_marks_are_taken_from_a_slot(said: str) -> None:
    rendered = prompts().render("rewrite", "en", {"said": said})
    kept = said.replace("⟦", "").replace("⟧", "")
    assert rendered.messages[-1].text == f"User: ⟦{kept}⟧"


@given(said=st.text(max_size=30), other=st.text(max_size=30))
def test_two_turns_share_every_message_but_the_last(said: str, other: str) -> None:
    opened = prompts()
    one, two = (opened.render("one", "zh", {"said": text, "facts": text}) for text in (said, other))
    assert one.messages[:-1] == two.messages[:-1]


def test_missing_and_unknown_slots_are_errors(tmp_path: Path) -> None:
    prompt_file(tmp_path)
    with pytest.raises(PromptError, match=r"lamps/greet\.en@1: nothing given for the slot said"):
        prompts(tmp_path).render("greet", "en", {})
    with pytest.raises(PromptError, match="no slot facts"):
        prompts(tmp_path).render("greet", "en", {"said": "x", "facts": "y"})
    with pytest.raises(PromptError, match="nothing given for the slot nouns"):
        Prompts("lamps", (tmp_path,), {}).render("greet", "en", {"said": "x"})


def test_an_unknown_prompt_names_the_known_ones() -> None:
    with pytest.raises(PromptError, match="no prompt 'sing' in en; there are ask, blurb, chat"):
        prompts().active("sing", "en")


# --- layers and versions ---


def test_the_highest_layer_that_has_the_name_wins_and_in_it_the_highest_version(tmp_path: Path) -> None:
    pack, own = tmp_path / "pack", tmp_path / "own"
    for folder, name in ((pack, "one.2.md"), (pack, "one.10.md"), (own, "one.3.md"), (pack, "chat.7.md")):
        prompt_file(folder, name)
    opened = prompts(pack, own)
    assert (opened.active("one", "en").id, opened.active("one", "en").layer) == ("lamps/one.en@3", 2)
    assert (opened.active("chat", "en").id, opened.active("chat", "en").layer) == ("lamps/chat.en@7", 1)
    assert (opened.active("one", "zh").id, opened.active("one", "zh").layer) == ("lamps/one.zh@1", 0)
    assert [p.version for p in opened.versions("one", "en")] == [1, 2, 10, 3]


def test_old_versions_can_still_be_rendered(tmp_path: Path) -> None:
    prompt_file(tmp_path, "greet.1.md")
    prompt_file(tmp_path, "greet.2.md", body="## system\nBe new, sell {nouns}.\n## user\n{said}\n")
    opened = prompts(tmp_path)
    assert opened.render("greet", "en", {"said": "x"}).messages[0].text == "Be new, sell lamps."
    assert opened.render_id("lamps/greet.en@1", {"said": "x"}).messages[0].text == "Sell lamps."
    assert opened.named("lamps/greet.en@2") is opened.active("greet", "en")


@pytest.mark.parametrize("name", ["phones/one.en@1", "one.en@1", "lamps/one@1", "lamps/one.fr@1", "lamps/one.en@9", "lamps/none.en@1", ""])
def test_an_id_that_names_nothing_is_an_error(name: str) -> None:
    with pytest.raises(PromptError):
        prompts().named(name)


def test_every_id_leads_back_to_its_prompt(tmp_path: Path) -> None:
    prompt_file(tmp_path, "one.2.md")
    opened = prompts(tmp_path, domain="a/b shop")
    assert len(opened.all()) == 2 * len(SLOTS) + 1
    for prompt in opened.all():
        assert opened.named(prompt.id) is prompt


def test_folders_of_a_domain_are_the_packs_and_the_operators(tmp_path: Path) -> None:
    assert prompt_folders("phones", "packs/phones", tmp_path) == (Path("packs/phones/prompts"), tmp_path / "prompts" / "phones")
    assert prompt_folders("mine", "", tmp_path) == (tmp_path / "prompts" / "mine",)


# --- broken files ---


@pytest.mark.parametrize(
    ("front", "body", "trouble"),
    [
        ("task = ", None, "between the"),
        ('task = "a"', None, "max_tokens"),
        ('task = "a"\noutput = "text"\nslots = []\nmax_tokens = 5\nstop = 1', None, "stop"),
        ('task = "a"\noutput = "song"\nslots = []\nmax_tokens = 5', None, "output is one of"),
        ('task = "a"\noutput = "text"\nslots = ["A b"]\nmax_tokens = 5', None, "slots should be"),
        ('task = "a"\noutput = "text"\nslots = "said"\nmax_tokens = 5', None, "slots should be a list"),
        ('task = "a"\noutput = "text"\nslots = []\nmax_tokens = 0', None, "at least 1"),
        ('task = "a"\noutput = "text"\nslots = []\nmax_tokens = true', None, "max_tokens should be a whole number"),
        (None, "hello\n## system\na\n## user\nb", "before the first section"),
        (None, "## system\na\n", "one section user"),
        (None, "## system\na\n## user\nb\n## user\nc", "one section user"),
        (None, "## system\n\n## user\nb", "one section system"),
        (None, "## system\na\n## notes\nb\n## user\nc", "no section is called 'notes'"),
        (None, "## system\na\n## example\nhello\n## user\nc", "an example is"),
        (None, "## system\na\n## example\nuser:\nassistant:\nx\n## user\nc", "an example is"),
    ],
)
def test_a_broken_file_says_what_is_wrong_and_where(tmp_path: Path, front: str | None, body: str | None, trouble: str) -> None:
    path = prompt_file(tmp_path, front=front, body=body)
    with pytest.raises(PromptError, match=trouble) as caught:
        prompts(tmp_path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("name", ["greet.md", "greet.0.md", "Greet.1.md", "greet.one.md"])
def test_a_file_with_an_odd_name_is_not_passed_over_in_silence(tmp_path: Path, name: str) -> None:
    prompt_file(tmp_path, name)
    with pytest.raises(PromptError, match=r"NAME\.VERSION\.md"):
        prompts(tmp_path)


def test_a_file_without_front_matter_or_in_no_encoding_is_an_error(tmp_path: Path) -> None:
    path = prompt_file(tmp_path)
    path.write_text("## system\na\n", encoding="utf-8")
    with pytest.raises(PromptError, match="should begin with TOML"):
        prompts(tmp_path)
    path.write_bytes("+++\n电影".encode("gb18030"))
    with pytest.raises(PromptError, match="cannot be read"):
        prompts(tmp_path)


def test_files_of_other_editors_are_read_alike(tmp_path: Path) -> None:
    path = prompt_file(tmp_path)
    expected = prompts(tmp_path).active("greet", "en").sections
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    assert prompts(tmp_path).active("greet", "en").sections == expected


# --- the built-in prompts ---


@pytest.mark.parametrize("domain", built_in())
@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("name", list(SLOTS))
def test_every_built_in_prompt_renders_with_the_slots_promised(name: str, language: str, domain: str) -> None:
    pack = read_pack(find_pack(domain))
    opened = Prompts(pack.name, (), standing_of(pack))
    rendered = opened.render(name, language, {slot: f"<{slot}>" for slot in SLOTS[name]})
    assert all(f"<{slot}>" in rendered.messages[-1].text for slot in SLOTS[name])
    assert rendered.output == {"understand": "json", "rewrite": "json", "rank": "choice"}.get(name, "text")
    assert len(rendered.messages) == 6


def test_no_built_in_prompt_names_a_domain() -> None:
    for prompt in prompts().all():
        assert not [word for word in ("film", "movie", "phone", "电影", "影片", "手机") if word in prompt.sections.body.lower()], prompt.id


def test_the_vocabulary_names_every_field_users_may_wish_on() -> None:
    pack = read_pack(find_pack("phones"))
    told = standing_of(pack)
    lines = told["en"]["fields"].splitlines()
    assert {line.partition(":")[0] for line in lines} == {f.name for f in pack.fields.values() if f.wish and f.kind not in {"text", "date"}}
    assert "screen_inches: number, inches" in lines
    assert (told["en"]["nouns"], told["zh"]["nouns"], told["zh"]["language"]) == ("phones", "手机", "中文")


# --- the commands ---


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The data folder of the commands; nothing of the machine's own settings counts."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ZHIYIN_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("ZHIYIN_CACHE", str(tmp_path / "cache"))
    return tmp_path / "data"


def test_list_tells_layers_and_versions(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    prompt_file(data / "prompts" / "phones", "one.2.md")
    assert run(["prompts", "list", "--domain", "phones", "--json"]) == 0
    rows = {row["id"]: row for row in json.loads(capsys.readouterr().out)}
    assert (rows["phones/one.en@1"]["from"], rows["phones/one.en@1"]["active"]) == ("built-in", False)
    assert (rows["phones/one.en@2"]["from"], rows["phones/one.en@2"]["active"]) == ("operator", True)
    assert run(["prompts", "list"]) == 0
    assert "movies" in capsys.readouterr().out


def test_show_prints_the_file_of_a_version(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = prompt_file(data / "prompts" / "movies", "one.2.md")
    assert run(["prompts", "show", "one"]) == 0
    assert path.read_text(encoding="utf-8") in capsys.readouterr().out
    assert run(["prompts", "show", "one", "--version", "1", "--language", "en"]) == 0
    assert "(built-in)" in capsys.readouterr().out
    assert run(["prompts", "show", "one", "--version", "9"]) == 1
    assert "there are 1, 2" in capsys.readouterr().err
    assert run(["prompts", "show"]) == 2


def test_diff_compares_with_what_was_active_before(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["prompts", "diff", "one"]) == 1
    assert "only version" in capsys.readouterr().err
    prompt_file(data / "prompts" / "movies", "one.2.md")
    prompt_file(data / "prompts" / "movies", "one.3.md", body="## system\nTry {nouns}.\n## user\n⟦{said}⟧\n")
    assert run(["prompts", "diff", "one"]) == 0
    shown = capsys.readouterr().out
    assert "-Sell {nouns}." in shown
    assert "+Try {nouns}." in shown
    assert run(["prompts", "diff", "one", "--from", "1", "--to", "2"]) == 0
    assert "--- movies/one.en@1 (built-in)\n+++ movies/one.en@2 (operator)" in capsys.readouterr().out
    assert run(["prompts", "diff", "one", "--to", "1"]) == 1


def test_lint_passes_what_is_shipped_and_fails_a_flaw(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["prompts", "lint"]) == 0
    assert "movies, phones" in capsys.readouterr().out
    path = prompt_file(data / "prompts" / "movies", "greet.1.md")
    assert run(["prompts", "lint"]) == 1
    assert "movies/greet.en@1: is not there in the other" in capsys.readouterr().out
    path.write_text("+++\n", encoding="utf-8")
    assert run(["prompts", "lint", "--domain", "movies"]) == 1
    assert "should begin with TOML" in capsys.readouterr().err


def heard(number: int, signals: frozenset[Signal] = frozenset()) -> Heard:
    turn = Turn(session=SessionId("s1"), user=UserId("ann"), text=f"message {number}", time=NOON)
    return Heard(turn=turn, understanding=Understanding(language=Language.EN, intent={"recommend": 1.0}, signals=signals))


async def stored(data: Path) -> None:
    """Three turns: one without a model, one that was taken back, one with two calls, of which one was not made."""
    store = SqlStore(f"sqlite:///{data / 'conversations.db'}")
    call = Call(purpose="rewrite", prompt="phones/rewrite.zh@1", slots={"said": "像雨天一样"}, usage=Usage(model="tiny"))
    idle = Call(purpose="rank", prompt="", outcome="skipped")
    said = [Said(act="recommend", text="...", calls=calls, time=NOON) for calls in ((), (idle,), (call, idle))]
    await store.append(SessionId("s0"), UserId("ann"), heard(0), said[0])
    await store.append(SessionId("s1"), UserId("ann"), heard(1), said[0], heard(2, frozenset({Signal.UNDO})), said[1], heard(3), said[2])
    await store.close()


@pytest.fixture
def log(data: Path) -> Path:
    data.mkdir(parents=True)
    asyncio.run(stored(data))
    return data


@pytest.mark.parametrize("whose", [["--session", "s1"], ["--user", "ann"]])
def test_show_prints_what_a_stored_turn_asked_word_by_word(log: Path, whose: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["prompts", "show", "--turn", "3", *whose]) == 0
    shown = capsys.readouterr().out
    pack = read_pack(find_pack("phones"))
    expected = Prompts("phones", (), standing_of(pack)).render("rewrite", "zh", {"said": "像雨天一样"})
    assert "=== phones/rewrite.zh@1: rewrite, ok, tiny ===" in shown
    assert all(message.text in shown for message in expected.messages)


def test_show_says_what_is_not_there(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, trouble in (
        (["--turn", "4", "--session", "s1"], "has 3 turns, there is no turn 4"),
        (["--turn", "1", "--session", "s1"], "turn 1 of session s1 asked no model"),
        (["--turn", "2", "--session", "s1"], "not made"),
        (["speak", "--turn", "3", "--session", "s1"], "with speak"),
        (["--turn", "1", "--session", "s9"], "no session 's9'"),
        (["--turn", "1", "--user", "bob"], "no user 'bob'"),
    ):
        assert run(["prompts", "show", *arguments]) == 1
        assert trouble in capsys.readouterr().err
    assert run(["prompts", "show", "--turn", "1"]) == 2
    assert run(["prompts", "show", "--turn", "1", "--session", "s1", "--user", "ann"]) == 2


def test_the_example_of_the_reference_is_a_sound_prompt(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "reference" / "prompts.md").read_text(encoding="utf-8")
    path = tmp_path / "en" / "greet.1.md"
    path.parent.mkdir()
    path.write_text(page.split("```")[1].lstrip("\n"), encoding="utf-8")
    opened = prompts(tmp_path)
    assert [f for f in lint([opened.active("greet", "en")]) if f.rule != "languages"] == []
    assert opened.render("greet", "en", {"said": "hi"}).messages[-1].text == "User: ⟦hi⟧"


def test_the_reference_names_every_prompt_with_its_slots() -> None:
    page = (Path(__file__).parents[2] / "docs" / "reference" / "prompts.md").read_text(encoding="utf-8")
    told = {name: frozenset(re.findall(r"`(\w+)`", slots)) for name, slots in re.findall(r"^\| `(\w+)` \| (?:text|json|choice) \| ([^|]*) \|", page, re.MULTILINE)}
    assert told == SLOTS
    assert all(f"`{rule.__name__.strip('_')}`" in page for rule in _RULES)
