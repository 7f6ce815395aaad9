"""The operator's page in a real browser, over conversations that were played in by HTTP."""

from __future__ import annotations

import json
import re
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fakes.running_server import AXE, STATIC, Server

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SAID = {
    "zh": ("三千元以内拍照好的手机", "华为的有吗", "要折叠屏，五百元以内"),
    "en": ("a phone under 3000 yuan with a good camera", "only Huawei phones", "a foldable under 300 yuan"),
}
CSV = "id,title,brand,price,battery_mah\ntest-lumen,Lumen X,Lumenix,1999,5000\ntest-bare,,Lumenix,1999,5000\n"


def ask(address: str, path: str, body: object = None, method: str = "") -> dict:
    """One request as a program makes it."""
    sent = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(address + path, data=sent, headers={"content-type": "application/json"}, method=method or ("GET" if body is None else "POST"))
    with urllib.request.urlopen(request, timeout=20) as response:
        return json.loads(response.read() or "null")


def play(address: str, user: str, language: str) -> str:
    """A conversation of three turns: liked and disliked, narrowed, nothing found; the last feedback is taken back. Its id."""
    session, first, sent = "", {}, {"user": user}
    for n, text in enumerate(SAID[language]):
        answer = ask(address, "/v1/chat", {"message": {"text": text}, **sent})
        session = answer["session_id"]
        sent["session_id"] = session
        if n == 0:
            first = answer
            for value, place in (("like", 0), ("dislike", 1)):
                ask(address, "/v1/feedback", {"recommendation_id": first["recommendation_id"], "item_id": first["items"][place]["id"], "value": value, **sent})
    ask(address, "/v1/feedback", {"recommendation_id": first["recommendation_id"], "item_id": first["items"][2]["id"], "value": "dislike", **sent})
    ask(address, f"/v1/sessions/{session}/undo?user={urllib.parse.quote(user)}", {})
    return session


@pytest.fixture(scope="module")
def played(server) -> dict[str, str]:
    """A session in each language."""
    return {language: play(server.address, f"operated-{language}", language) for language in SAID}


@pytest.fixture
def desk(chromium, server) -> Iterator[Callable]:
    """Opens a place of the operator's page: `desk("#/talks", "zh-CN", theme="dark", width=390)`; anything in the console fails the test."""
    if not (STATIC / "admin.html").is_file():
        pytest.skip("the operator's page is not built: make page")
    contexts, complaints = [], []

    def open_page(place: str = "", locale: str = "en-US", *, theme: str = "light", width: int = 1200, address: str = server.address, noisy: bool = False):
        context = chromium.new_context(viewport={"width": width, "height": 860}, locale=locale, color_scheme=theme, accept_downloads=True)
        contexts.append(context)
        page = context.new_page()
        if not noisy:
            page.on("console", lambda m: complaints.append(m.text) if m.type in {"error", "warning"} else None)
        page.on("pageerror", lambda e: complaints.append(str(e)))
        page.on("request", lambda r: complaints.append(r.url) if not r.url.startswith((address, "blob:")) else None)
        page.goto(f"{address}/admin{place}")
        page.locator("main h1").wait_for()
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []


def tile(page, name: str) -> int:
    return int(page.locator(".tiles li").filter(has_text=name).first.locator("b").inner_text().replace(",", ""))


def test_the_overview_counts_what_was_played_and_tells_the_plots_as_tables(desk, server) -> None:
    page = desk("#/overview?hours=1")
    page.locator(".tiles").wait_for()
    page.locator(".reading").wait_for(state="detached")
    before = {name: tile(page, name) for name in ("Turns", "Likes", "Dislikes")}
    play(server.address, "counted", "zh")
    page.get_by_role("button", name="Refresh").click()
    page.wait_for_function("n => document.querySelector('.tiles b').innerText.replace(',', '') === String(n)", arg=before["Turns"] + 3)
    assert tile(page, "Likes") == before["Likes"] + 1
    assert tile(page, "Dislikes") == before["Dislikes"] + 1
    assert page.locator("figure svg[role=img]").count() == 3
    page.locator("figure summary").first.click()
    page.locator("figure table").wait_for()
    cells = page.locator("figure").first.locator("tbody td:nth-child(2)").all_inner_texts()
    assert sum(int(cell) for cell in cells) == before["Turns"] + 3
    page.get_by_role("button", name="7 days").click()
    page.wait_for_url("**#/overview?hours=168")
    page.reload()
    assert page.get_by_role("button", name="7 days").get_attribute("aria-pressed") == "true"


@pytest.mark.parametrize(("locale", "language", "why"), [("zh-CN", "zh", "为什么是这些？"), ("en-US", "en", "Why these?")])
def test_why_it_showed_that_is_two_clicks_away_and_adds_up(desk, played, locale: str, language: str, why: str) -> None:
    page = desk(f"#/talks?user=operated-{language}", locale)
    page.get_by_role("link", name=SAID[language][0]).click()
    page.get_by_role("link", name=why).first.click()
    card = page.locator(".whys > li").first
    card.locator(".sums").wait_for()
    parts = [float(text) for text in card.locator(".sums tbody td:last-child").all_inner_texts()]
    assert abs(sum(parts) - float(card.locator(".sums tfoot b").inner_text())) < 0.002 * len(parts)
    assert card.locator(".sums tfoot b").inner_text() == card.locator("summary .num").inner_text()
    assert card.locator(".verdicts tbody tr").count() == 2
    assert card.locator(".verdicts .holds").count() >= 1
    page.reload()  # the place is in the address
    page.locator(".whys .sums").first.wait_for()

    page.locator(".why-panel input").fill("iPhone SE")
    page.locator(".why-panel form button").click()
    page.locator(".kept-out").wait_for()
    assert page.locator(".whys > li").first.locator(".verdicts .fails").count() >= 1


def test_a_conversation_is_replayed_by_stage_and_flagged(desk, played) -> None:
    page = desk(f"#/talks/{played['en']}")
    page.locator(".replayed").nth(2).wait_for()
    first, last = page.locator(".replayed").first, page.locator(".replayed").nth(2)
    assert first.locator(".wishlist li").count() == 2
    assert first.locator(".found tbody tr").count() == 5
    assert first.locator(".found .flag.disliked").count() == 1  # the other was taken back
    assert first.locator("blockquote").inner_text()
    assert last.locator("header .flag.empty").count() == 1
    page.goto(page.url.split("#")[0] + "#/talks?filter=empty&user=operated-en")
    page.locator("tbody tr").first.wait_for()
    assert page.locator("tbody tr .flag.empty").count() == 1


def test_a_conversation_becomes_a_test_case_in_one_click(desk, played) -> None:
    page = desk(f"#/talks/{played['zh']}")
    with page.expect_download() as downloading:
        page.get_by_role("button", name="Make a test case").click()
    line = Path(downloading.value.path()).read_text(encoding="utf-8")
    case = json.loads(line)
    assert downloading.value.suggested_filename == f"{case['id']}.jsonl"
    assert case["domain"] == "phones"
    assert [turn["say"] for turn in case["turns"] if not turn["say"].startswith("/")] == list(SAID["zh"])
    page.goto(page.url.split("#")[0] + "#/talks")
    kept = page.locator("section").filter(has=page.get_by_role("heading", name="Test cases"))
    kept.get_by_role("button", name=f"Remove: {case['id']}").click()
    page.get_by_role("button", name=f"Remove: {case['id']}").wait_for(state="detached")


def test_a_bad_row_is_told_by_its_line_before_anything_is_kept(desk, server) -> None:
    page = desk("#/imports", noisy=True)  # a refused row is a line in the console
    page.locator("input[type=file]").set_input_files({"name": "lumen.csv", "mimeType": "text/csv", "buffer": CSV.encode()})
    row = page.locator("tbody tr").filter(has_text="title").first
    row.wait_for()
    assert row.locator("th").inner_text() == "3"
    assert row.locator("td").first.inner_text() == "title"
    with pytest.raises(urllib.error.HTTPError, match="404"):
        ask(server.address, "/v1/items/test-lumen")
    page.get_by_role("button", name="Keep the good rows (1)").click()
    page.get_by_role("link", name="lumen.csv").first.click()
    page.get_by_role("button", name="Refused rows as CSV").wait_for()
    assert ask(server.address, "/v1/items/test-lumen")["attributes"]["battery_mah"] == 5000

    page.goto(page.url.split("#")[0] + "#/catalogue/test-lumen")
    text = page.locator("textarea")
    text.wait_for()
    good = text.input_value()
    text.fill(good.replace("5000", '"plenty"'))
    page.get_by_role("button", name="Save").click()
    page.locator(".faults button", has_text="battery_mah").click()
    assert page.evaluate("() => { const t = document.querySelector('textarea'); return t.value.slice(t.selectionStart, t.selectionEnd); }") == '"battery_mah"'
    text.fill(good.replace("5000", "5100"))
    page.get_by_role("button", name="Save").click()
    page.locator(".told-of", has_text="test-lumen").wait_for()
    assert ask(server.address, "/v1/items/test-lumen")["attributes"]["battery_mah"] == 5100
    page.get_by_role("button", name="Remove").click()
    page.locator("dialog .pill.bad").click()
    page.wait_for_url("**#/catalogue")
    with pytest.raises(urllib.error.HTTPError, match="404"):
        ask(server.address, "/v1/items/test-lumen")


def test_a_user_is_found_and_erased_after_being_asked(desk, server) -> None:
    play(server.address, "leaving soon? & co", "en")
    page = desk("#/users?query=leaving")
    page.get_by_role("link", name="leaving soon? & co").click()
    page.locator(".bars tr").first.wait_for()
    with page.expect_download() as downloading:
        page.get_by_role("button", name="Export").click()
    assert SAID["en"][0] in Path(downloading.value.path()).read_text(encoding="utf-8")
    page.get_by_role("button", name="Erase").click()
    page.locator("dialog").get_by_text("conversations: 1").wait_for()
    page.locator("dialog .pill.bad").click()
    page.locator(".note", has_text=re.compile("Erased. Events: [1-9]")).wait_for()
    assert ask(server.address, f"/v1/admin/sessions?user={urllib.parse.quote('leaving soon? & co')}")["sessions"] == []


def test_the_first_key_ends_local_mode_and_only_an_admin_key_opens_the_page(desk, server, tmp_path: Path) -> None:
    other = Server(tmp_path)
    try:
        page = desk("#/settings/keys", address=other.address, noisy=True)
        page.get_by_label("New key for").fill("night shift")
        page.get_by_role("button", name="Make the key").click()
        key = page.locator("#key-made").input_value()
        assert key.startswith("ak_")
        page.keyboard.press("Escape")
        page.locator("tbody tr", has_text="night shift").wait_for()  # this tab goes on with it
        assert key not in page.evaluate("() => JSON.stringify(localStorage)")
        assert key in page.evaluate("() => JSON.stringify(sessionStorage)")
        page.get_by_label("New key for").fill("shop")
        page.get_by_role("button", name="server", exact=True).click()
        page.get_by_role("button", name="Make the key").click()
        server_key = page.locator("#key-made").input_value()

        page = desk("#/settings", address=other.address, noisy=True)
        page.get_by_text("This service has keys.").wait_for()
        for wrong, sentence in (("ak_wrong", "This key is wrong or was revoked."), (server_key, "This key may not do that")):
            page.get_by_label("Admin key").fill(wrong)
            page.get_by_role("button", name="Go on").click()
            page.get_by_text(sentence).wait_for()
        page.get_by_label("Admin key").fill(key)
        page.get_by_role("button", name="Go on").click()
        page.get_by_text("all is well").wait_for()
        page.reload()
        page.get_by_text("all is well").wait_for()
    finally:
        other.kill()


@pytest.mark.parametrize("width", [1200, 390])
def test_no_page_is_wider_than_the_screen(desk, played, width: int) -> None:
    page = desk(width=width)
    for place in places(played["zh"]):
        page.goto(page.url.split("#")[0] + place)
        settled(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, place


@pytest.mark.parametrize("locale", ["zh-CN", "en-US"])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_serious_on_any_page(desk, played, locale: str, theme: str) -> None:
    page = desk("", locale, theme=theme)
    found: dict[str, list[str]] = {}
    page.evaluate(AXE.read_text(encoding="utf-8"))
    for place in places(played[locale[:2]]):
        page.evaluate("place => { location.hash = place; }", place)
        settled(page)
        page.evaluate("() => document.querySelectorAll('figure summary').forEach(s => { s.parentElement.open = true; })")
        report = page.evaluate("() => axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'], resultTypes: ['violations'], selectors: false})")
        if bad := [f"{v['id']}: {v['nodes'][0]['html'][:160]}" for v in report["violations"] if v["impact"] in {"serious", "critical"}]:
            found[place] = bad
    assert found == {}


def places(session: str) -> list[str]:
    return ["#/overview?hours=1", "#/talks", f"#/talks/{session}/1/why", "#/catalogue", "#/catalogue?query=xiaomi", "#/catalogue?new=1", "#/users", "#/users/operated-en", "#/imports", "#/model", "#/settings", "#/settings/keys", "#/settings/values"]  # fmt: skip


def settled(page) -> None:
    """Everything that a page asks for is there."""
    page.wait_for_load_state("networkidle")
    page.wait_for_function("() => !document.querySelector('main > p[role=status].soft')")
