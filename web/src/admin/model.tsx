import { useState } from "preact/hooks";
import { number } from "../shared/format";
import { type Desk, fill, useLoaded } from "./desk";
import { Bar, stamp, Wait } from "./parts";
import { sum } from "./sums";
import type { Capabilities, Model as Told } from "./types";

/** The language model: its state, what it was found to be able to, what came of asking it; and a probe. */
export function Model({ desk }: { desk: Desk }) {
  const w = desk.words.value;
  const loaded = useLoaded<Told>(desk, "/v1/admin/model");
  const [found, find] = useState<Capabilities[] | null>(null);
  const [busy, work] = useState(false);
  const [fault, tell] = useState("");
  const probe = async (): Promise<void> => {
    work(true);
    tell("");
    try {
      const answer = await desk.json<Capabilities & { models?: Capabilities[] }>("/v1/admin/model/probe", "POST");
      find(answer.models ?? [answer]);
      loaded.again();
    } catch (error) {
      tell(desk.sentence(error));
    } finally {
      work(false);
    }
  };
  return (
    <Wait desk={desk} of={loaded}>{(told) => {
      const off = told.state === "off";
      const known = found ?? (told.models ?? []).flatMap((one) => (one.capabilities ? [{ ...one.capabilities, url: one.url, wanting: one.wanting }] : []));
      const calls = Object.entries(told.calls).sort((a, b) => b[1] - a[1]);
      const all = sum(calls.map(([, count]) => count)) || 1;
      return (
        <>
          <div class="bench">
            <p><span class={`flag ${told.state === "ready" ? "fine" : off ? "" : "error"}`}>{desk.named("state", told.state)}</span> <b class="code">{told.model ?? ""}</b></p>
            <span class="gap" />
            {off ? null : <button type="button" class="main" disabled={busy} onClick={() => void probe()}>{busy ? w.probing : w.probe}</button>}
          </div>
          <p class="soft">{off ? w.modelOff : told.state === "ready" ? w.modelReady : w.modelOpen}</p>
          {told.stages?.length ? <p class="soft">{w.usedFor} {told.stages.map((one) => desk.named("stage", one)).join(", ")}</p> : null}
          {fault ? <p class="fault" role="alert">{fault}</p> : null}
          {told.reading ? <p class="note">{w.stillReading} <button type="button" class="pill" onClick={loaded.again}>{w.refresh}</button></p> : null}
          <div class="halves">
            {off ? null : <section><h2>{w.able}</h2>{known.length ? known.map((one, n) => <Able key={n} desk={desk} one={one} />) : <p class="soft">{w.notProbed}</p>}</section>}
            <section>
              <h2>{fill(w.callsHours, { n: told.hours ?? 24 })}</h2>
              {calls.length ? <table class="bars"><caption class="sr">{w.modelCalls}</caption><tbody>{calls.map(([outcome, count]) => <tr key={outcome}><th scope="row">{desk.named("outcome", outcome)}</th><td><Bar share={count / all} tone={outcome === "ok" ? 3 : outcome === "skipped" || outcome === "stopped" ? 6 : 1} /></td><td class="num">{number(count, desk.lang)}</td></tr>)}</tbody></table> : <p class="soft">{w.noCalls}</p>}
            </section>
          </div>
        </>
      );
    }}</Wait>
  );
}

function Able({ desk, one }: { desk: Desk; one: Capabilities }) {
  const w = desk.words.value;
  const speed = (tokens: number): string => (tokens ? fill(w.perSecond, { n: number(Math.round(tokens), desk.lang) }) : w.unknown);
  const rows: [string, string][] = [
    [w.streams, one.streams ? w.yes : w.no], [w.forms, desk.named("rung", String(one.rung))], [w.choices, one.choices ? w.yes : w.no],
    [w.context, one.context ? fill(w.tokensN, { n: number(one.context, desk.lang) }) : w.unknown], [w.reads, speed(one.prompt_speed)], [w.writes, speed(one.answer_speed)], [w.probed, stamp(one.probed, desk)],
  ];
  return (
    <>
      <p class="code">{one.model}</p>
      <dl class="pairs">{rows.map(([name, value]) => <div key={name}><dt>{name}</dt><dd>{value}</dd></div>)}</dl>
      {one.notes?.length || one.wanting?.length ? <ul class="plain">{[...(one.wanting ?? []).map((text) => `${w.wanting} ${text}`), ...(one.notes ?? [])].map((text, n) => <li key={n} lang="en">{text}</li>)}</ul> : null}
    </>
  );
}
