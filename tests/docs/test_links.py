"""Links between the pages lead somewhere: files that are there, headings that are there."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
_LINK = re.compile(r"(?<!\!)\[[^\]]*\]\(([^)\s]+)\)")
_CODE = re.compile(r"^```.*?^```|`[^`\n]*`", re.DOTALL | re.MULTILINE)


@lru_cache(maxsize=256)
def headings(page: Path) -> frozenset[str]:
    """The anchors of a page, as they are made of its headings."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    return frozenset(re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in re.findall(r"^#+ (.*)$", text, flags=re.MULTILINE))


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_links_of_a_page_lead_somewhere(page: Path) -> None:
    wrong = []
    for target in _LINK.findall(_CODE.sub("", page.read_text(encoding="utf-8"))):
        if "://" in target or target.startswith("mailto:"):
            continue
        place, _, anchor = target.partition("#")
        leads = (page.parent / place).resolve() if place else page
        if not leads.exists() or (anchor and leads.suffix == ".md" and anchor not in headings(leads)):
            wrong.append(target)
    assert wrong == []


def test_every_page_of_the_docs_is_linked_from_another() -> None:
    linked = {(page.parent / target.partition("#")[0]).resolve() for page in PAGES for target in _LINK.findall(page.read_text(encoding="utf-8")) if "://" not in target}
    folders = {place for place in linked if place.is_dir()}
    assert [str(page.relative_to(ROOT)) for page in PAGES[1:] if page.resolve() not in linked and page.resolve().parent not in folders] == []
