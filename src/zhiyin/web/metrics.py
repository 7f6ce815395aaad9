"""What is counted and timed, for Prometheus. With several workers the counts are summed over files in a folder they share."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from zhiyin.types import Done, Slate

disable_created_metrics()  # type: ignore[no-untyped-call]  # they double the answer and nobody reads them

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_STAGES = {"cards": "first_card", "first_word": "first_word", "total": "turn"}  # the engine's names to ours; others stay


class Metrics:
    """The counters of one worker. `folder` is where workers share their counts; None where there is one worker."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._registry = registry = CollectorRegistry()
        self.turns = Counter("zhiyin_turns", "Turns by act", ["act"], registry=registry)
        self.stages = Histogram("zhiyin_stage_seconds", "Seconds by stage of a turn", ["stage"], buckets=_SECONDS, registry=registry)
        self.empty = Counter("zhiyin_empty_slates", "Turns that should have shown items and had none", registry=registry)
        self.relaxed = Counter("zhiyin_relaxed", "Turns that offered to relax a wish", registry=registry)
        self.fallback = Counter("zhiyin_model_fallback", "Calls of a language model that came to nothing, by why", ["outcome"], registry=registry)
        self.withheld = Counter("zhiyin_withheld_sentences", "Sentences of a model that the catalogue did not bear out", registry=registry)
        self.cut = Counter("zhiyin_cut_turns", "Turns cut short by a user who hung up or asked to stop", registry=registry)
        self.feedback = Counter("zhiyin_feedback", "Feedback by value", ["value"], registry=registry)
        self.events = Counter("zhiyin_events", "Events by what became of them: accepted, duplicate, rejected", ["outcome"], registry=registry)
        self.requests = Counter("zhiyin_http_requests", "Requests by method, route and status", ["method", "route", "status"], registry=registry)
        self.seconds = Histogram("zhiyin_http_seconds", "Seconds by route, to the end of the answer", ["route"], buckets=_SECONDS, registry=registry)
        self.in_flight = Gauge("zhiyin_http_in_flight", "Requests being answered", registry=registry, multiprocess_mode="livesum")
        self.shed = Counter("zhiyin_http_shed", "Requests turned away because of too many", registry=registry)

    def turn(self, done: Done, act: str, slate: Slate) -> None:
        """Count one whole turn: its act, the seconds of its stages, what was empty, relaxed, fallen back on or withheld."""
        self.turns.labels(act).inc()
        for stage, milliseconds in done.latency_ms.items():
            self.stages.labels(_STAGES.get(stage, stage)).observe(milliseconds / 1000)
        if done.offers:
            self.relaxed.inc()
        if not slate and act in {"recommend", "relax"}:
            self.empty.inc()
        for call in done.calls:
            if call.outcome != "ok":
                self.fallback.labels(call.outcome).inc()
        if done.withheld:
            self.withheld.inc(len(done.withheld))

    def taken(self, outcomes: Mapping[str, int]) -> None:
        """Count events by what became of them."""
        for outcome, count in outcomes.items():
            if count:
                self.events.labels(outcome).inc(count)

    def exposition(self) -> bytes:
        """Everything as Prometheus reads it, of all workers of this machine."""
        if self._folder is None:
            return generate_latest(self._registry)
        every = CollectorRegistry()
        MultiProcessCollector(every, str(self._folder))  # type: ignore[no-untyped-call]  # prometheus-client leaves it open
        return generate_latest(every)
