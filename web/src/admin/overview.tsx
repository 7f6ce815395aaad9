import { useEffect, useState } from "preact/hooks";
import { number } from "../shared/format";
import { Chart } from "./chart";
import { type Desk, fill, useLoaded } from "./desk";
import { Choice, millis, percent, Wait } from "./parts";
import { hashOf, pathOf } from "./route";
import { rate } from "./sums";
import type { Overview as Told, Totals } from "./types";

const SPANS = ["1", "24", "168", "720"] as const;
const SECONDS = 30;
const SOON = 1500; // milliseconds, while the service still reads its log

/** How it goes: numbers, plots over time, asked again by itself while the page is looked at. */
export function Overview({ desk }: { desk: Desk }) {
  const w = desk.words.value;
  const hours = SPANS.find((one) => one === desk.route.value.query["hours"]) ?? "24";
  const loaded = useLoaded<Told>(desk, pathOf("/v1/admin/overview", { hours }));
  const [lively, enliven] = useState(true);
  useEffect(() => {
    if (!lively) return;
    const clock = setInterval(() => document.hidden || loaded.again(), SECONDS * 1000);
    return () => clearInterval(clock);
  }, [lively]);
  useEffect(() => {
    if (!loaded.value?.reading) return;
    const clock = setTimeout(loaded.again, SOON);
    return () => clearTimeout(clock);
  }, [loaded.value]);
  const at = loaded.at ? new Intl.DateTimeFormat(desk.lang === "zh" ? "zh-CN" : "en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" }).format(loaded.at) : "";
  return (
    <>
      <div class="bench">
        <Choice name={w.span} all={SPANS} chosen={hours} label={(one) => w[`h${one}`]} choose={(one) => (location.hash = hashOf("overview", [], { hours: one }))} />
        <span class="gap" />
        <span class="soft">{at ? fill(w.updated, { at }) : ""}</span>
        <label class="check"><input type="checkbox" checked={lively} onChange={(event) => enliven(event.currentTarget.checked)} /> {fill(w.lively, { n: SECONDS })}</label>
        <button type="button" class="pill" onClick={loaded.again}>{w.refresh}</button>
      </div>
      <Wait desk={desk} of={loaded}>{(told) => (
        <>
          {told.reading ? <p class="note reading">{w.stillReading}</p> : told.truncated ? <p class="note">{w.truncated}</p> : null}
          {told.totals.turns === 0 && !told.reading ? <p class="note">{w.quiet}</p> : null}
          <Tiles desk={desk} totals={told.totals} />
          <Plots desk={desk} told={told} />
        </>
      )}</Wait>
    </>
  );
}

function Tiles({ desk, totals }: { desk: Desk; totals: Totals }) {
  const w = desk.words.value;
  const n = (value: number): string => number(value, desk.lang);
  const of = (part: number): string => fill(w.of, { n: n(part), all: n(totals.turns) });
  const tiles: [string, string, string, string?][] = [
    [w.turns, n(totals.turns), fill(w.turnsBy, { sessions: n(totals.sessions), users: n(totals.users) }), "all"],
    [w.firstCard, millis(totals.first_card_p50_ms, desk), w.p50],
    [w.firstCard, millis(totals.first_card_p95_ms, desk), w.p95, "slow"],
    [w.wholeTurn, millis(totals.total_p50_ms, desk), fill(w.p95Is, { value: millis(totals.total_p95_ms, desk) })],
    [w.emptyRate, percent(rate(totals.empty, totals.turns), desk), `${of(totals.empty)} · ${fill(w.relaxedN, { n: n(totals.relaxed) })}`, "empty"],
    [w.fallbackRate, percent(rate(totals.fallbacks, totals.turns), desk), of(totals.fallbacks), "fallback"],
    [w.likes, n(totals.likes), fill(w.likesOf, { share: percent(rate(totals.likes, totals.likes + totals.dislikes), desk) })],
    [w.dislikes, n(totals.dislikes), w.dislikesHint, "disliked"],
    [w.clicks, n(totals.clicks), fill(w.purchasesN, { n: n(totals.purchases) })],
    [w.withheld, n(totals.withheld), fill(w.cutN, { n: n(totals.cut) }), "withheld"],
  ];
  return (
    <ul class="tiles">
      {tiles.map(([name, value, note, filter], k) => (
        <li key={k}>
          {filter ? <a href={hashOf("talks", [], { filter: filter === "all" ? "" : filter })}>{name}</a> : <span>{name}</span>}
          <b>{value}</b>
          <small>{note}</small>
        </li>
      ))}
    </ul>
  );
}

function Plots({ desk, told }: { desk: Desk; told: Told }) {
  const w = desk.words.value;
  const starts = told.buckets.map((bucket) => new Date(bucket.start));
  const of = (name: "turns" | "empty" | "fallbacks" | "likes" | "dislikes" | "clicks" | "purchases" | "first_card_p50_ms" | "first_card_p95_ms") => told.buckets.map((bucket) => bucket[name]);
  const whole = (value: number): string => number(value, desk.lang);
  return (
    <div class="plots">
      <Chart desk={desk} title={w.plotTurns} starts={starts} unit={whole} whole bars="nested" series={[
        { name: w.turns, values: of("turns"), as: "bar", tone: 6 }, { name: w.empty, values: of("empty"), as: "bar", tone: 1 }, { name: w.fallbacks, values: of("fallbacks"), as: "bar", tone: 2 },
      ]} />
      <Chart desk={desk} title={w.plotSpeed} starts={starts} unit={(value) => millis(value, desk)} series={[
        { name: w.p50, values: of("first_card_p50_ms"), as: "line", tone: 0 }, { name: w.p95, values: of("first_card_p95_ms"), as: "line", tone: 2, dashed: true },
      ]} />
      <Chart desk={desk} title={w.plotTaste} starts={starts} unit={whole} whole series={[
        { name: w.likes, values: of("likes"), as: "bar", tone: 3 }, { name: w.dislikes, values: of("dislikes"), as: "bar", tone: 1 },
        { name: w.clicks, values: of("clicks"), as: "bar", tone: 4 }, { name: w.purchases, values: of("purchases"), as: "bar", tone: 5 },
      ]} />
    </div>
  );
}
