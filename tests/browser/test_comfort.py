"""Tabs, addresses, storage that is forbidden, large letters, narrow screens, forced colours: the page stays itself."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from fakes.running_server import say

pytestmark = [pytest.mark.browser, pytest.mark.slow]
SIDEWAYS = """() => { const wide = document.documentElement.clientWidth; const scrolls = e => { for (let p = e; p; p = p.parentElement) if (/auto|scroll|hidden/.test(getComputedStyle(p).overflowX) && !p.matches('.zhiyin, .log, .inside, dialog')) return true; return false; };
  const out = [...document.querySelectorAll('.zhiyin *')].filter(e => { const r = e.getBoundingClientRect(); return r.width > 1 && (r.right > wide + 1 || r.left < -1) && getComputedStyle(e).visibility !== 'hidden' && !e.closest('.jump, .sr, .cover') && !scrolls(e); });
  return [document.documentElement.scrollWidth - wide, ...out.map(e => e.tagName + '.' + e.className + ' ' + e.innerText?.slice(0, 20))]; }"""


def shown(page) -> list[str]:
    return [card.get_attribute("data-item") for card in page.locator(".turn").last.locator(".card").all()]


def test_two_tabs_of_one_visitor_show_one_conversation_and_keep_their_drafts(visit) -> None:
    page = visit()
    say(page, "Xiaomi phones")
    page.fill("textarea", "a draft here")
    other = page.context.new_page()
    other.goto(page.url)
    other.locator(".card").first.wait_for()
    other.fill("textarea", "")
    say(other, "cheaper ones")
    page.wait_for_function("() => document.querySelectorAll('.turn').length === 2")  # without a reload
    assert shown(page) == shown(other)
    assert page.input_value("textarea") == "a draft here"
    page.reload()
    page.locator(".card").first.wait_for()
    assert page.input_value("textarea") == "a draft here"
    other.locator(".turn").last.get_by_role("button", name=re.compile("^Like")).first.click()
    page.wait_for_function("() => document.querySelector('.turn:last-of-type .act[aria-pressed=true]')")
    say(page, "bigger ones")
    other.wait_for_function("() => document.querySelectorAll('.turn').length === 3")


def test_back_forward_and_a_bookmark_find_their_conversation(visit) -> None:
    page = visit()
    say(page, "Xiaomi phones")
    first, items = page.url, shown(page)
    page.get_by_role("button", name="New chat").click()
    assert page.url != first
    say(page, "Samsung phones")
    second, others = page.url, shown(page)
    page.go_back()
    page.locator(".openers").wait_for()
    page.go_back()
    page.locator(".card").first.wait_for()
    assert (page.url, shown(page)) == (first, items)
    page.go_forward()
    page.go_forward()
    page.locator(".card").first.wait_for()
    assert (page.url, shown(page)) == (second, others)
    bookmark = page.context.new_page()
    bookmark.goto(first)
    bookmark.locator(".card").first.wait_for()
    assert shown(bookmark) == items


def test_the_address_of_somebody_elses_conversation_shows_nothing_of_it(visit, server) -> None:
    page = visit()
    say(page, "Xiaomi phones")
    stranger = visit(at=page.url, noisy=True)
    stranger.get_by_text("not there any more").wait_for()
    assert stranger.locator(".turn").count() == 0
    assert stranger.url.rstrip("/") == server.address
    say(stranger, "Samsung phones")
    assert shown(stranger)


def test_conversations_are_listed_opened_saved_and_deleted(visit) -> None:
    page = visit()
    for text in ("Xiaomi phones", "Samsung phones"):
        say(page, text)
        page.get_by_role("button", name="New chat").click()
    rows = page.locator(".rail .rows li")
    assert [row.locator(".row span").inner_text() for row in rows.all()] == ["Samsung phones", "Xiaomi phones"]
    rows.nth(1).locator(".row").click()
    page.locator(".mine", has_text="Xiaomi phones").wait_for()
    rows.nth(1).hover()
    with page.expect_download() as saving:
        rows.nth(1).get_by_role("button", name=re.compile("^Save as a file")).click()
    saved = json.loads(Path(saving.value.path()).read_text(encoding="utf-8"))
    assert [turn["text"] for turn in saved["turns"]] == ["Xiaomi phones"]
    page.get_by_role("button", name="What we know about you").click()
    with page.expect_download() as exporting:
        page.get_by_role("button", name="Export my data").click()
    assert "Samsung phones" in Path(exporting.value.path()).read_text(encoding="utf-8")
    page.keyboard.press("Escape")
    rows.nth(1).hover()
    rows.nth(1).get_by_role("button", name=re.compile("^Delete")).click()
    rows.nth(1).locator(".pill.bad").click()
    page.locator(".openers").wait_for()
    page.wait_for_function("() => document.querySelectorAll('.rail .rows li').length === 1")
    assert "#" not in page.url


@pytest.mark.parametrize("way", ["throws", "full"])
def test_where_nothing_can_be_kept_the_page_works(visit, way: str) -> None:
    forbidden = "Object.defineProperty(window, '{}', {{get() {{ throw new DOMException('no', 'SecurityError'); }}}});"
    full = "const put = Storage.prototype.setItem; Storage.prototype.setItem = function (name, value) { if (name !== 'zhiyin.probe') throw new DOMException('full', 'QuotaExceededError'); put.call(this, name, value); };"
    page = visit(before=full if way == "full" else forbidden.format("localStorage") + forbidden.format("sessionStorage"))
    say(page, "Xiaomi phones")
    assert len(shown(page)) == 5
    page.locator(".turn .act").first.click()
    assert page.locator(".turn .act").first.get_attribute("aria-pressed") == "true"
    say(page, "cheaper ones")
    assert page.locator(".turn").count() == 2
    assert page.locator(".toast.bad").count() == 0


@pytest.mark.parametrize(("locale", "text"), [("zh-CN", "三千元以内拍照好的小米手机"), ("en-US", "a Xiaomi phone under 3000 yuan with a good camera")])
@pytest.mark.parametrize("way", ["320 pixels", "letters twice as large"])
def test_nothing_is_cut_off_or_scrolls_sideways(visit, locale: str, text: str, way: str) -> None:
    """WCAG 1.4.10 and 1.4.4; tables and the rows of suggestions and wishes may scroll in themselves."""
    large = "addEventListener('DOMContentLoaded', () => { document.documentElement.style.fontSize = '200%'; })"
    page = visit(locale, width=320) if way == "320 pixels" else visit(locale, width=1200, before=large)
    found = {"greeting": page.evaluate(SIDEWAYS)}
    say(page, text)
    found["cards"] = page.evaluate(SIDEWAYS)
    page.locator(".card .why summary").first.click()
    page.locator(".card .act").nth(1).click()
    found["reasons"] = page.evaluate(SIDEWAYS)
    for n in (0, 1):
        page.locator(".card").nth(n).locator(".act").nth(4).click()
    found["tray"] = page.evaluate(SIDEWAYS)
    page.locator(".tray .main").click()
    page.locator("dialog table").wait_for()
    found["table"] = page.evaluate(SIDEWAYS)
    page.keyboard.press("Escape")
    page.keyboard.press("Control+/")
    page.locator("dialog .keys").wait_for()
    found["settings"] = page.evaluate(SIDEWAYS)
    page.keyboard.press("Escape")
    assert {state: out for state, out in found.items() if out != [0]} == {}
    field = page.locator("textarea").bounding_box()
    assert field is not None
    assert field["width"] >= 120
    assert page.locator(".log").evaluate("e => e.clientHeight") >= 120  # room to read beside what is under it


def test_forced_colours_still_tell_what_is_chosen(visit) -> None:
    page = visit(forced_colors="active")
    say(page, "Xiaomi phones")
    looks = "e => { const s = getComputedStyle(e); return [s.outlineStyle, s.borderStyle]; }"
    like = page.locator(".turn .act").first
    before = like.evaluate(looks)
    like.click()
    page.locator("textarea").focus()
    assert like.evaluate(looks) != before
    page.keyboard.press("Control+/")
    chosen, others = page.locator("dialog .choice:has(:checked)").first, page.locator("dialog .choice:not(:has(:checked))").first
    assert chosen.evaluate(looks) != others.evaluate(looks)
