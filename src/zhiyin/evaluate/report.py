"""What an evaluation found, as a value, as JSON and as one HTML page that needs nothing else.

`Run` holds everything the page shows. `write` puts `report.json` and `report.html` into a folder; `read` takes the JSON
back. The page needs the extra `eval` (matplotlib); the JSON does not.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from html import escape
from pathlib import Path
from string import Template
from typing import Any

import numpy as np

from zhiyin.errors import UnreadableFile
from zhiyin.evaluate import charts
from zhiyin.evaluate.metrics import gini, paired

Estimate = tuple[float, float]  # mean and half-width of its 95 % interval; NaN where unknown
UNKNOWN = (math.nan, math.nan)
_TEMPLATE = Path(__file__).with_name("report.html.in")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelResult:
    """What one model scored."""

    name: str
    metrics: Mapping[str, Estimate]  # in the order of the table
    per_user: Mapping[str, Sequence[float]] = field(default_factory=dict)  # of some of the metrics, users in one order for all models; NaN where undefined
    slices: Mapping[str, Mapping[str, Estimate]] = field(default_factory=dict)  # "User activity" -> "least active quarter" -> the first metric there
    seconds: float = math.nan  # of the fit
    exposure: Sequence[float] = ()  # (items,), in how many lists each stands


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """What one re-ranker trades: each metric at each of its dials, accuracy first."""

    name: str
    dials: Sequence[float]
    metrics: Mapping[str, Sequence[float]]  # (dials,) each


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One evaluation: models on one dataset under one protocol."""

    dataset: str
    protocol: str
    date: str  # as it should be read
    seeds: Sequence[int] = ()
    models: Sequence[ModelResult] = ()
    curves: Sequence[Curve] = ()
    lower_is_better: Sequence[str] = ()  # metrics
    notes: Sequence[str] = ()  # paragraphs for the reader: what was tuned on what, what failed

    @property
    def metrics(self) -> tuple[str, ...]:
        """Every metric any model has, in order of appearance."""
        return _all(m.metrics for m in self.models)

    def standing(self, metric: str) -> tuple[str, ...]:
        """For each model "best", "near" (the best may not be better at 95 %) or "".

        By the paired differences where both models have this metric user by user, else as if their errors were independent.
        """
        means = np.array([m.metrics.get(metric, UNKNOWN)[0] for m in self.models], dtype=float)
        if not np.isfinite(means).any():
            return ("",) * len(means)
        best = int(np.nanargmin(means) if metric in self.lower_is_better else np.nanargmax(means))
        return tuple("best" if mean == means[best] else "near" if _near(self.models[best], model, metric) else "" for mean, model in zip(means, self.models, strict=True))


def _near(best: ModelResult, other: ModelResult, metric: str) -> bool:
    a, b = best.per_user.get(metric, ()), other.per_user.get(metric, ())
    if len(a) and len(a) == len(b):
        mean, half = paired(a, b)
    else:
        (x, p), (y, q) = best.metrics[metric], other.metrics.get(metric, UNKNOWN)
        mean, half = x - y, math.hypot(p, q)
    return abs(mean) <= half


# --- JSON ---


def to_json(run: Run) -> str:
    """A run as JSON; arrays become lists, NaN null."""
    return json.dumps(_plain(run), ensure_ascii=False, allow_nan=False, indent=1)


def from_json(text: str) -> Run:
    """The run that `to_json` wrote; `UnreadableFile` for anything else."""
    try:
        found = json.loads(text)
        models = tuple(
            ModelResult(
                name=m["name"],
                metrics=_estimates(m["metrics"]),
                per_user={name: _numbers(values) for name, values in m["per_user"].items()},
                slices={name: _estimates(values) for name, values in m["slices"].items()},
                seconds=_number(m["seconds"]),
                exposure=_numbers(m["exposure"]),
            )
            for m in found["models"]
        )
        lines = tuple(Curve(name=c["name"], dials=_numbers(c["dials"]), metrics={name: _numbers(values) for name, values in c["metrics"].items()}) for c in found["curves"])
        rest: dict[str, Any] = {name: str(found[name]) for name in ("dataset", "protocol", "date")}
        rest |= {name: tuple(found[name]) for name in ("seeds", "lower_is_better", "notes")}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UnreadableFile(f"this is not the JSON of a report: {error!r}", hint="Give a report.json that `zhiyin evaluate` wrote") from error
    return Run(models=models, curves=lines, **rest)


def read(path: Path) -> Run:
    """The run in a `report.json`."""
    if not path.is_file():
        raise UnreadableFile(f"{path}: there is no such file")
    return from_json(path.read_text(encoding="utf-8"))


def write(run: Run, folder: Path) -> tuple[Path, Path]:
    """The paths of the `report.json` and `report.html` just written; `SettingError` if matplotlib is missing (the JSON is there then)."""
    folder.mkdir(parents=True, exist_ok=True)
    data, page = folder / "report.json", folder / "report.html"
    data.write_text(to_json(run), encoding="utf-8")
    page.write_text(to_html(run), encoding="utf-8")
    return data, page


def _plain(value: Any) -> Any:  # noqa: ANN401  # any JSON
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: _plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return _plain(value.tolist())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _number(value: float | None) -> float:
    return math.nan if value is None else value + 0.0


def _numbers(values: Iterable[float | None]) -> tuple[float, ...]:
    return tuple(_number(v) for v in values)


def _estimates(values: Mapping[str, Sequence[float | None]]) -> dict[str, Estimate]:
    return {name: (_number(mean), _number(half)) for name, (mean, half) in values.items()}


# --- HTML ---


def to_html(run: Run) -> str:
    """The run as one page: no script, no outside resource, light and dark, printable."""
    parts = [_results(run), *_slices(run), _trades(run), _spread(run)] if run.models or run.curves else ["<p>No model was evaluated.</p>"]
    return Template(_TEMPLATE.read_text(encoding="utf-8")).substitute(
        title=escape(f"Evaluation on {run.dataset}"),
        headline=_headline(run),
        facts=_facts(run),
        body="\n".join(filter(None, parts)),
        notes="".join(f"<p>{escape(n)}</p>" for n in run.notes),
    )


def _headline(run: Run) -> str:
    if not run.metrics:
        return ""
    metric = run.metrics[0]
    places = run.standing(metric)
    if "best" not in places:
        return ""
    best, near = run.models[places.index("best")], places.count("near")
    also = "" if len(run.models) == 1 else "; no other is within error of it" if not near else f"; {near} other{'s' * (near > 1)} within error of it"
    mean, half = best.metrics[metric]
    return f'<p class="lead"><strong>{escape(best.name)}</strong> has the best {escape(metric)}: {_figure(mean)}{_half(half)}{also}.</p>'


def _facts(run: Run) -> str:
    users = max((len(values) for m in run.models for values in m.per_user.values()), default=0)
    facts = {"Dataset": run.dataset, "Users": f"{users:,}" if users else "", "Seeds": ", ".join(map(str, run.seeds)), "Date": run.date, "Protocol": run.protocol}
    return "".join(f"<div><dt>{name}</dt><dd>{escape(value)}</dd></div>" for name, value in facts.items() if value)


def _results(run: Run) -> str:
    if not run.metrics:
        return ""
    standing = {metric: run.standing(metric) for metric in run.metrics}
    timed = any(math.isfinite(m.seconds) for m in run.models)
    head = [
        escape(metric) + (' <span title="lower is better">↓<span class="quiet"> lower is better</span></span>' if metric in run.lower_is_better else "") for metric in run.metrics
    ]
    rows = [
        (m.name, [_cell(m.metrics.get(metric, UNKNOWN), standing[metric][n]) for metric in run.metrics] + ([_time(m.seconds)] if timed else [])) for n, m in enumerate(run.models)
    ]
    legend = '<p class="legend"><strong>Bold</strong>: best. <span class="near">≈</span>: cannot be told from the best at 95 % (user by user, where both were measured so). ±: half of the 95 % interval over users.</p>'
    chart = charts.bars([m.name for m in run.models], {metric: [m.metrics.get(metric, UNKNOWN) for m in run.models] for metric in run.metrics}, standing, _spoken(run))
    return _section("Results", _table("Metrics by model", ["Model", *head, *(["Fit"] if timed else [])], rows) + legend + _shown(chart, "Metrics by model, with 95 % intervals"))


def _slices(run: Run) -> list[str]:
    metric, found = next(iter(run.metrics), ""), []
    for n, by in enumerate(_all(m.slices for m in run.models)):
        models = {m.name: m.slices[by] for m in run.models if by in m.slices}
        names = _all(models.values())
        values = {name: [estimates.get(s, UNKNOWN) for s in names] for name, estimates in models.items()}
        caption = f"{metric} by {by[:1].lower()}{by[1:]}"
        chart = charts.lines(names, values, metric, f"slice{n}", f"Line chart of {caption}; the numbers follow in a table.")
        rows = [(name, [_cell(e) for e in estimates]) for name, estimates in values.items()]
        found.append(
            _section(f"By {by[:1].lower()}{by[1:]}", _shown(chart, caption + ", with 95 % intervals") + _numbers_of(_table(caption, ["Model", *map(escape, names)], rows)))
        )
    return found


def _trades(run: Run) -> str:
    lines = [c for c in run.curves if len(c.metrics) > 1 and len(c.dials)]
    if not lines:
        return ""
    first = next(iter(lines[0].metrics))
    chart = charts.curves(
        {c.name: c.metrics for c in lines}, {c.name: c.dials for c in lines}, f"Line charts of {first} against what each re-ranker buys with it; the numbers follow in a table."
    )
    names = _all(c.metrics for c in lines)
    rows = [(f"{c.name}, dial {dial:g}", [_cell((_at(c.metrics.get(m, ()), n), math.nan)) for m in names]) for c in lines for n, dial in enumerate(c.dials)]
    table = _numbers_of(_table("Trade-offs by dial", ["Re-ranker", *map(escape, names)], rows))
    return _section("Trade-offs", _shown(chart, f"What {first} pays for, from dial 0 to the last one written beside the line") + table)


def _spread(run: Run) -> str:
    exposures = {m.name: np.asarray(m.exposure, dtype=float) for m in run.models if sum(m.exposure) > 0}
    if not exposures:
        return ""
    chart = charts.shares(exposures, "Lorenz curves: the share of all places that the least shown share of the items got; the numbers follow in a table.")
    rows = [(name, [_cell((float(np.mean(counts > 0)), math.nan)), _cell((gini(counts), math.nan))]) for name, counts in exposures.items()]
    caption = "How evenly places are spread over the items; the dotted line is perfectly even"
    return _section("Exposure", _shown(chart, caption) + _numbers_of(_table("Exposure by model", ["Model", "Coverage", "Gini (0 is even)"], rows)))


# --- pieces ---


def _all(groups: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for group in groups for name in group))


def _at(values: Sequence[float], place: int) -> float:
    return values[place] if place < len(values) else math.nan


def _section(title: str, body: str) -> str:
    return f"<section><h2>{escape(title)}</h2>{body}</section>"


def _shown(chart: str, caption: str) -> str:
    return f"<figure>{chart}<figcaption>{escape(caption)}.</figcaption></figure>"


def _numbers_of(table: str) -> str:
    return f"<details><summary>The numbers</summary>{table}</details>"


def _table(caption: str, head: Sequence[str], rows: Iterable[tuple[str, Sequence[str]]]) -> str:
    """A table of safe cells under a safe head; captions and row names are escaped here."""
    tops = "".join(f'<th scope="col">{name}</th>' for name in head)
    body = "".join(f'<tr><th scope="row">{escape(name)}</th>{"".join(f"<td>{cell}</td>" for cell in cells)}</tr>' for name, cells in rows)
    name = escape(caption)
    return f'<div class="scroll" role="region" aria-label="{name}" tabindex="0"><table><caption>{name}</caption><thead><tr>{tops}</tr></thead><tbody>{body}</tbody></table></div>'


def _cell(estimate: Estimate, standing: str = "") -> str:
    mean, half = estimate
    text = _figure(mean)
    text = f"<strong>{text}</strong>" if standing == "best" else text
    mark = '<span class="near" title="cannot be told from the best">≈</span>' if standing == "near" else ""
    return f"{mark}{text}{_half(half)}"


def _figure(value: float) -> str:
    if not math.isfinite(value):
        return "–"
    return f"{value:.4f}" if abs(value) < 1 else f"{value:.3f}" if abs(value) < 10 else f"{value:,.1f}"


def _half(half: float) -> str:
    return f' <span class="half">±{half:.4f}</span>' if math.isfinite(half) and half < 1 else f' <span class="half">±{half:.2f}</span>' if math.isfinite(half) else ""


def _time(seconds: float) -> str:
    if not math.isfinite(seconds):
        return "–"
    return f"{seconds:.2f} s" if seconds < 10 else f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


def _spoken(run: Run) -> str:
    """What the bars show, in words."""
    metric = run.metrics[0]
    scores = ", ".join(f"{m.name} {_figure(m.metrics.get(metric, UNKNOWN)[0])}" for m in run.models)
    return f"Bar charts of {len(run.metrics)} metrics by model. {metric}: {scores}. All numbers are in the table above."
