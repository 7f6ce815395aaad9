"""The report: JSON and back, a page that holds everything and needs nothing, and runs with little in them."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from html.parser import HTMLParser
from math import isnan, nan
from pathlib import Path

import numpy as np
import pytest

from zhiyin.errors import SettingError, UnreadableFile
from zhiyin.evaluate.report import Curve, ModelResult, Run, from_json, read, to_html, to_json, write

NASTY = "<b>a$b$ & \"c\" 'd' 知音"


def model(name: str, ndcg: float, shift: float = 0.0) -> ModelResult:
    return ModelResult(
        name=name,
        metrics={"NDCG@10": (ndcg, 0.05), "Hit rate@10": (2 * ndcg, 0.01), "Novelty": (8.0 - ndcg, 0.2), "RMSE": (1 - ndcg, nan)},
        per_user={"NDCG@10": (ndcg + 0.2 + shift, ndcg - 0.2 - shift, ndcg + 0.1, ndcg - 0.1)},
        slices={"User activity": {"few": (ndcg / 2, 0.1), "many": (ndcg, nan)}, "Item popularity": {"head": (ndcg, 0.1), "tail": (nan, nan)}},
        seconds=1.25,
        exposure=(3.0, 0.0, 1.0),
    )


RUN = Run(
    dataset="MovieLens <100K>",
    protocol="leave-last-out & more",
    date="a Monday",
    seeds=(42, 7),
    models=(model("EASE", 0.3), model(NASTY, 0.29), model("neighbours", 0.28, 0.3)),
    curves=(
        Curve(name="variety", dials=(0.0, 0.5, 1.0), metrics={"NDCG@10": (0.3, 0.28, 0.2), "diversity": (0.6, 0.7, 0.8), "novelty": (8.0, 8.1, 8.3)}),
        Curve(name="<exposure>", dials=(0.0, 1.0), metrics={"NDCG@10": (0.3, 0.25), "diversity": (0.6, 0.61)}),
    ),
    lower_is_better=("RMSE",),
    notes=("Tuned on <validation>.",),
)


@pytest.fixture(scope="module")
def page() -> str:
    return to_html(RUN)


# --- JSON ---


def test_a_run_survives_json() -> None:
    again = from_json(to_json(RUN))
    assert to_json(again) == to_json(RUN)
    assert isnan(again.models[0].metrics["RMSE"][1])
    assert again.curves == RUN.curves
    assert replace(again, models=()) == replace(RUN, models=())


def test_json_knows_no_nan_and_takes_arrays() -> None:
    arrays = replace(RUN, models=(replace(RUN.models[0], per_user={"NDCG@10": np.array([0.5, nan])}, exposure=np.array([1, 2]), seconds=np.float64(nan)),), seeds=np.array([1]))
    text = to_json(arrays)
    assert "NaN" not in text
    again = from_json(text)
    assert again.models[0].exposure == (1, 2)
    assert again.seeds == (1,)
    assert isnan(again.models[0].per_user["NDCG@10"][1])


@pytest.mark.parametrize("text", ["", "[]", "{}", "null", '{"models": [{"name": "x"}]}', '{"models": 3}', "<html>"])
def test_other_json_is_refused_by_name(text: str) -> None:
    with pytest.raises(UnreadableFile, match="not the JSON of a report"):
        from_json(text)


def test_writing_gives_two_files_and_reading_takes_one(tmp_path: Path, page: str) -> None:
    data, html = write(RUN, tmp_path / "new" / "folder")
    assert (data.name, html.name) == ("report.json", "report.html")
    assert to_json(read(data)) == to_json(RUN)
    assert html.read_text(encoding="utf-8") == page  # the same run gives the same page
    with pytest.raises(UnreadableFile, match="there is no such file"):
        read(tmp_path / "report.json")


def test_without_matplotlib_the_json_is_there_and_the_error_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(SettingError, match="matplotlib, which is not installed") as caught:
        write(RUN, tmp_path)
    assert caught.value.hint == "Run: pip install 'zhiyin[eval]'"
    assert to_json(read(tmp_path / "report.json")) == to_json(RUN)


# --- standing ---


def test_the_best_and_what_cannot_be_told_from_it_stand_out() -> None:
    assert RUN.standing("NDCG@10") == ("best", "", "near")  # paired: .01 for every user, but a spread of .3 in the third
    assert RUN.standing("Hit rate@10") == ("best", "", "")  # .02 > hypot(.01, .01)
    assert RUN.standing("Novelty") == ("near", "near", "best")
    assert RUN.standing("RMSE") == ("best", "", "")
    assert RUN.standing("nothing") == ("", "", "")


def test_equal_scores_are_all_best() -> None:
    assert replace(RUN, models=(model("a", 0.3), model("b", 0.3))).standing("NDCG@10") == ("best", "best")


# --- the page ---


class Reader(HTMLParser):
    """Tags opened and never closed, ids, addresses, and the text of a page."""

    void = frozenset({"meta", "br", "link", "img", "path", "use", "rect"})

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.void:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.void:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def test_the_page_holds_every_model_metric_slice_and_reranker(page: str) -> None:
    text = "\n".join(Reader(page).text)
    for part in (*(m.name for m in RUN.models), *RUN.metrics, "few", "many", "head", "tail", "variety", "<exposure>", "novelty", "42, 7", "a Monday", "leave-last-out & more"):
        assert part in text, part
    for number in ("0.3000", "±0.0500", "7.700", "1.25 s", "0.6667"):
        assert number in text, number


def test_the_page_asks_nobody_for_anything(page: str) -> None:
    assert not re.search(r"https?:|//\w|@import|<script|<link|<iframe|javascript:", page)
    tags = Reader(page).tags
    addresses = [value for _, attributes in tags for name, value in attributes.items() if name.rpartition(":")[2] in {"href", "src"}]
    ids = [attributes["id"] for _, attributes in tags if "id" in attributes]
    assert addresses
    assert all(value and value[0] == "#" and value[1:] in ids for value in addresses)
    assert len(ids) == len(set(ids))
    assert all(name in ids for name in re.findall(r"url\(#([^)]+)\)", page))


def test_names_cannot_break_the_page(page: str) -> None:
    reader = Reader(page)
    assert reader.open == []
    assert "b" not in {tag for tag, _ in reader.tags}
    assert "exposure" not in {tag for tag, _ in reader.tags}
    assert "validation" not in {tag for tag, _ in reader.tags}


def test_the_page_can_be_heard(page: str) -> None:
    tags = Reader(page).tags
    assert [a for tag, a in tags if tag == "th" and a.get("scope") not in {"col", "row"}] == []
    charts = [a for tag, a in tags if tag == "svg"]
    assert len(charts) == 5
    assert all(a["role"] == "img" and len(a["aria-label"] or "") > 40 for a in charts)
    assert dict(tags)["html"] == {"lang": "en"}
    assert page.count("<caption>") == page.count("<table>") == 5


def test_the_colours_are_the_pages_own(page: str) -> None:
    charts = "".join(re.findall(r"<svg.*?</svg>", page, re.DOTALL))
    assert not re.search(r"#[0-9a-f]{6}\b", charts)
    assert set(re.findall(r"var\(--(\w+)\)", charts)) <= set(re.findall(r"--(\w+):", page))
    assert "prefers-color-scheme: dark" in page
    assert "@media print" in page


def test_the_headline_names_the_best(page: str) -> None:
    text = "".join(Reader(page).text)
    assert "EASE has the best NDCG@10: 0.3000 ±0.0500; 1 other within error of it." in text


# --- little to show ---


@pytest.mark.parametrize(
    "run",
    [
        replace(RUN, models=(), curves=()),
        replace(RUN, models=()),
        replace(RUN, models=(replace(RUN.models[0], metrics={"NDCG@10": (0.3, 0.05)}, exposure=()),), curves=()),
        replace(RUN, models=(ModelResult(name="bare", metrics={}),), curves=()),
        replace(RUN, models=(ModelResult(name="bare", metrics={"NDCG@10": (nan, nan)}, exposure=(0, 0)), ModelResult(name="other", metrics={"AUC": (0.5, nan)})), curves=()),
        replace(RUN, models=(), curves=(Curve(name="none", dials=(), metrics={}), Curve(name="one", dials=(0.0,), metrics={"NDCG@10": (0.3,)}))),
        replace(RUN, models=tuple(ModelResult(name=f"model {n}", metrics={"AUC": (0.03 * n, 0.1)}, slices={"Age": {"young": (0.5, 0.1)}}) for n in range(19)), curves=()),
    ],
    ids=["nothing", "curves only", "one model", "no metric", "unknown numbers", "empty curves", "many models"],
)
def test_a_run_with_little_or_much_in_it_is_a_page_too(run: Run) -> None:
    page = to_html(from_json(to_json(run)))
    assert Reader(page).open == []
    assert "nan" not in "".join(Reader(page).text).lower().split()
    assert {m.name for m in run.models if run.metrics} <= set(Reader(page).text)
