"""The charts of a report as inline SVG: drawn by matplotlib, coloured by the page (so that they follow light and dark), text kept as text."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from xml.etree import ElementTree as ET  # only ever reads what matplotlib just wrote

import numpy as np
from numpy.typing import NDArray

from zhiyin.errors import SettingError

Estimates = Sequence[tuple[float, float]]  # (mean, half-width), NaN where unknown

SERIES = 8  # colours the page has for lines; more lines start again with another dash
_INK, _MUTED, _LINE, _BAR, _BEST = "#010101", "#020202", "#030303", "#040404", "#050505"  # stand-ins that no chart uses otherwise
_LINES = tuple(f"#06060{n}" for n in range(1, SERIES + 1))
_VARIABLES = {_INK: "ink", _MUTED: "muted", _LINE: "line", _BAR: "bar", _BEST: "accent"} | {colour: f"s{n}" for n, colour in enumerate(_LINES, 1)}
_MARKERS, _DASHES = "osD^vPXp", ("-", "--", ":")
_WIDTH = 9.6  # inches; the page scales it
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "text.parse_math": False,  # a model may be called a$b$
    "font.size": 10,
    "text.color": _INK,
    "axes.labelcolor": _MUTED,
    "axes.edgecolor": _LINE,
    "axes.titlesize": 10.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "xtick.color": _LINE,
    "ytick.color": _LINE,
    "xtick.labelcolor": _MUTED,
    "ytick.labelcolor": _INK,
    "grid.color": _LINE,
    "grid.linewidth": 0.6,
}


def bars(models: Sequence[str], metrics: Mapping[str, Estimates], standing: Mapping[str, Sequence[str]], label: str) -> str:
    """One panel a metric, one bar a model with its interval; the best and what cannot be told from it stand out."""
    columns = min(3, len(metrics))
    rows = -(-len(metrics) // columns)
    with _figure(_WIDTH, rows * (0.75 + 0.27 * len(models)), "bars") as (figure, drawn):
        panels = figure.subplots(rows, columns, squeeze=False, sharey=True)
        for panel, (metric, estimates) in zip(panels.flat, metrics.items(), strict=False):
            means, halves = np.array(estimates, dtype=float).T
            places = np.arange(len(models))
            colours = [_BAR if place == "" else _BEST for place in standing[metric]]
            for place, mean, colour, rank in zip(places, np.nan_to_num(means), colours, standing[metric], strict=True):
                panel.barh(place, mean, height=0.66, color=colour, alpha=0.5 if rank == "near" else 1.0, linewidth=0)
            panel.errorbar(np.nan_to_num(means), places, xerr=np.nan_to_num(halves), fmt="none", color=_INK, ecolor=_INK, elinewidth=1, capsize=2.2, capthick=1)
            panel.set_title(metric)
            panel.set_yticks(places, models)
            panel.grid(axis="x")
            panel.locator_params(axis="x", nbins=4)
            panel.tick_params(length=0)
            panel.spines["bottom"].set_visible(False)
        panels[0, 0].set_ylim(len(models) - 0.4, -0.6)  # the first model on top
        for panel in panels.flat[len(metrics) :]:
            panel.set_visible(False)
    return _inline(drawn, "bars", label)


def lines(slices: Sequence[str], models: Mapping[str, Estimates], metric: str, key: str, label: str) -> str:
    """One line a model over the slices, with intervals, side by side where they would hide each other."""
    with _figure(_WIDTH, 3.5 + 0.22 * _legend_rows(models), key) as (figure, drawn):
        panel = figure.subplots()
        for n, (model, estimates) in enumerate(models.items()):
            means, halves = np.array(estimates, dtype=float).T
            beside = (n - (len(models) - 1) / 2) * 0.5 / max(6, len(models))
            panel.errorbar(np.arange(len(slices)) + beside, means, yerr=np.nan_to_num(halves), label=model, capsize=2, elinewidth=1, **_line(n))
        panel.set_xticks(range(len(slices)), slices)
        panel.set_xlim(-0.4, len(slices) - 0.6)
        panel.set_ylabel(metric)
        panel.grid(axis="y")
        panel.tick_params(length=0)
        _legend(figure, panel)
    return _inline(drawn, key, label)


def curves(points: Mapping[str, Mapping[str, Sequence[float]]], dials: Mapping[str, Sequence[float]], label: str) -> str:
    """One panel a quality that is not accuracy (the first), one line a re-ranker from dial 0 to its last, dials beside the points."""
    first, *others = next(iter(points.values()))
    columns = min(2, max(1, len(others)))
    rows = max(1, -(-len(others) // columns))
    with _figure(_WIDTH, 3.6 * rows + 0.3, "curves") as (figure, drawn):
        panels = figure.subplots(rows, columns, squeeze=False, sharey=True)
        for panel, other in zip(panels.flat, others, strict=False):
            for n, (name, values) in enumerate(points.items()):
                x, y = (np.array(values.get(metric, ()), dtype=float) for metric in (other, first))
                if not len(x) == len(y) == len(dials[name]):
                    continue  # this re-ranker was not measured so
                panel.plot(x, y, label=name, **_line(n))
                for place in {len(x) - 1} | ({0} if n == 0 else set()):  # all start from one list
                    panel.annotate(f"{dials[name][place]:g}", (x[place], y[place]), xytext=(5, 5), textcoords="offset points", fontsize=8, color=_MUTED)
            panel.set_xlabel(other)
            panel.grid()
            panel.tick_params(length=0)
            panel.margins(0.08)
            panel.locator_params(axis="x", nbins=6)
        for row in panels:
            row[0].set_ylabel(first)
        for panel in panels.flat[len(others) :]:
            panel.set_visible(False)
        _legend(figure, panels[0, 0])
    return _inline(drawn, "curves", label)


def shares(exposures: Mapping[str, NDArray[Any]], label: str) -> str:
    """Lorenz curves: which share of all exposure the least shown share of the items got, one line a model."""
    with _figure(_WIDTH, 3.6 + 0.22 * _legend_rows(exposures), "shares") as (figure, drawn):
        panel = figure.subplots()
        panel.plot([0, 100], [0, 100], color=_MUTED, linewidth=1, linestyle=":")
        for n, (model, exposure) in enumerate(exposures.items()):
            grown = np.concatenate([[0.0], np.cumsum(np.sort(exposure))])
            kept = np.unique(np.linspace(0, len(grown) - 1, 101).round().astype(int))  # a hundred points look like a curve
            panel.plot(100.0 * kept / (len(grown) - 1), 100.0 * grown[kept] / grown[-1], label=model, **(_line(n) | {"marker": ""}))
        panel.set_xlabel("Items, least shown first (%)")
        panel.set_ylabel("Share of all places (%)")
        panel.set(xlim=(0, 100), ylim=(0, 100))
        panel.grid()
        panel.tick_params(length=0)
        _legend(figure, panel)
    return _inline(drawn, "shares", label)


# --- inside ---


@contextmanager
def _figure(width: float, height: float, key: str) -> Iterator[tuple[Any, io.StringIO]]:
    """A figure to draw on, saved as SVG when the drawing is done."""
    try:
        from matplotlib import rc_context  # noqa: PLC0415  # half a second, and an extra
        from matplotlib.figure import Figure  # noqa: PLC0415
        from matplotlib.layout_engine import ConstrainedLayoutEngine  # noqa: PLC0415
    except ImportError as error:
        raise SettingError("charts are drawn by matplotlib, which is not installed", hint="Run: pip install 'zhiyin[eval]'") from error
    drawn = io.StringIO()
    with rc_context(_STYLE | {"svg.hashsalt": key}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")  # the reader's browser has the glyphs
        figure = Figure(figsize=(width, height), layout=ConstrainedLayoutEngine(w_pad=0.09, h_pad=0.07))
        yield figure, drawn
        figure.savefig(drawn, format="svg", transparent=True, metadata={"Date": None, "Creator": None, "Format": None, "Type": None})


def _inline(drawn: io.StringIO, key: str, label: str) -> str:
    """An SVG as part of a page: no name spaces, addresses or styles of its own, ids no other chart has, the page's colours, a name to read out."""
    root = ET.fromstring(drawn.getvalue())  # noqa: S314
    for parent in list(root.iter()):
        parent.tag = _local(parent.tag)
        for child in list(parent):
            if _local(child.tag) in {"metadata", "style"}:
                parent.remove(child)
        parent.attrib = {_local(name): _moved(_local(name), value, key) for name, value in parent.attrib.items()}
    root.attrib = {"viewBox": root.attrib["viewBox"], "role": "img", "aria-label": label, "class": "chart"}
    return ET.tostring(root, encoding="unicode")


def _local(name: str) -> str:
    return name.rpartition("}")[2]


def _moved(name: str, value: str, key: str) -> str:
    if name == "id":
        return f"{key}-{value}"
    if name == "href":
        return value.replace("#", f"#{key}-")
    for stand_in, variable in _VARIABLES.items() if name in {"style", "fill", "stroke"} else ():
        value = value.replace(stand_in, f"var(--{variable})")
    value = re.sub(r"\bfont: (\d+) ([\d.]+px)[^;]*", r"font-weight: \1; font-size: \2", value) if name == "style" else value
    return re.sub(r"font-family: [^;]*; ?", "", value).replace("url(#", f"url(#{key}-")


def _line(n: int) -> dict[str, Any]:
    return {"color": _LINES[n % SERIES], "marker": _MARKERS[n % SERIES], "linestyle": _DASHES[n // SERIES % len(_DASHES)], "markersize": 4.5, "linewidth": 1.7}


def _legend_rows(names: Mapping[str, Any]) -> int:
    return -(-len(names) // 4)


def _legend(figure: Any, panel: Any) -> None:  # noqa: ANN401  # matplotlib
    drawn, names = panel.get_legend_handles_labels()
    if names:
        figure.legend(drawn, names, loc="outside lower center", ncols=min(4, len(names)), frameon=False)
