"""A slow model's answer in a real browser: a reload in the middle, a wire that is cut, Stop, and what a screen reader is told."""

from __future__ import annotations

import re

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.slow]
ASK = "phones under 4000 yuan with a good camera"
BUSY = "() => document.querySelector('.composer button.main:not([type=submit])') && /mAh\\./.test(document.querySelector('.turn:last-of-type .reply')?.innerText ?? '')"
DONE = "() => document.querySelector('.composer button[type=submit]') && document.querySelector('.turn:last-of-type .card')"


def ask(page) -> str:
    """Say it, and come back with what has been said when the first sentence is there and others are to come."""
    page.fill("textarea", ASK)
    page.press("textarea", "Enter")
    page.wait_for_function(BUSY)
    return page.locator(".reply").last.inner_text()


def whole(page) -> str:
    """The reply when all is said."""
    page.wait_for_function(DONE, timeout=30_000)
    return page.locator(".reply").last.inner_text()


def stored(page) -> dict:
    """The session as the service has it."""
    return page.evaluate("async () => (await fetch('/v1/sessions/' + localStorage['zhiyin.session'], {headers: {'x-zhiyin-visitor': localStorage['zhiyin.visitor']}})).json()")


def cards(page) -> list[str]:
    return [card.get_attribute("data-item") for card in page.locator(".card").all()]


def assert_nothing_lost_or_doubled(page, began: str, shown: list[str]) -> None:
    said = whole(page)
    turns = stored(page)["turns"]
    assert [turn["reply"] for turn in turns] == [said]
    assert said.startswith(began.strip())
    sentences = re.findall(r"The .+? mAh\.", said)
    assert len(sentences) >= 3
    assert len(set(sentences)) == len(sentences)
    assert cards(page) == shown == [item["id"] for item in turns[0]["items"]]
    assert page.locator(".turn").count() == page.locator(".mine").count() == 1


def test_a_reload_in_mid_stream_goes_on_where_it_was(visit, slow, slow_model) -> None:
    page = visit(at=slow.address)
    began, shown = ask(page), cards(page)
    page.fill("textarea", "and a lighter one")
    page.reload()
    page.wait_for_function(BUSY)
    slow_model.go_on()  # the other words come only now
    assert_nothing_lost_or_doubled(page, began, shown)
    assert page.input_value("textarea") == "and a lighter one"


def test_a_wire_that_is_cut_in_mid_stream_and_mended_loses_nothing(visit, slow, slow_model, wire_to) -> None:
    wire = wire_to(slow.port)
    page = visit(at=wire.address, noisy=True)
    began, shown = ask(page), cards(page)
    wire.cut()
    page.locator(".toast.bad").wait_for()
    assert page.locator(".reply").last.inner_text().startswith(began.strip())
    assert cards(page) == shown
    slow_model.go_on()  # words that nobody hears
    wire.mend()
    assert_nothing_lost_or_doubled(page, began, shown)
    assert page.locator(".toast.bad").count() == 0


def test_stop_keeps_what_was_said_and_a_reload_has_it_still(visit, slow) -> None:
    page = visit(at=slow.address)
    began, shown = ask(page), cards(page)
    page.get_by_role("button", name="Stop").click()
    page.wait_for_function(DONE)
    page.get_by_text("Stopped.").wait_for()
    kept = page.locator(".reply").last.inner_text()
    assert kept.startswith(began.strip())
    assert cards(page) == shown
    page.reload()
    page.locator(".card").first.wait_for()
    assert len(re.findall(r"mAh\.", page.locator(".reply").last.inner_text())) < len(shown)
    assert page.locator(".reply").last.inner_text().startswith(began.strip())
    page.fill("textarea", "cheaper ones")
    page.press("textarea", "Enter")  # the conversation goes on
    page.wait_for_function("() => document.querySelectorAll('.turn').length === 2 && document.querySelector('.turn:last-of-type .card')")
    page.get_by_role("button", name="Stop").click()


def test_a_screen_reader_is_told_finished_sentences_each_once(visit, slow, slow_model) -> None:
    page = visit(at=slow.address, before="""addEventListener('DOMContentLoaded', () => { window.told = []; new MutationObserver(() => {
        const text = document.querySelector('p.sr[role=status]')?.textContent ?? ''; if (text && text !== window.told.at(-1)) window.told.push(text); }).observe(document.body, {subtree: true, childList: true, characterData: true}); })""")  # fmt: skip
    ask(page)
    slow_model.go_on()
    said = whole(page)
    page.wait_for_function("text => window.told.join(' ').length >= text.length", arg=said)
    told = page.evaluate("window.told")
    assert all(re.search(r"[.!?。！？]$", text) for text in told)
    assert " ".join(told).split() == said.split()
    assert page.locator("[aria-live]").count() == 1
    assert page.locator(".turn [role=status], .turn [aria-live], .log[aria-live]").count() == 0


@pytest.mark.parametrize("motion", ["reduce", "no-preference"])
def test_waiting_moves_only_for_those_who_do_not_mind(visit, slow, slow_model, motion: str) -> None:
    slow_model.hold(after=0)
    page = visit(at=slow.address, reduced_motion=motion)
    page.fill("textarea", ASK)
    page.press("textarea", "Enter")
    page.locator(".dots").wait_for()
    moving = page.evaluate("document.getAnimations().filter(a => a.playState === 'running').length")
    assert (moving == 0) == (motion == "reduce")
    page.get_by_role("button", name="Stop").click()
