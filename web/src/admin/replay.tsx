import { useEffect, useRef, useState } from "preact/hooks";
import { download } from "../shared/download";
import { Icon, type Sign } from "../shared/icons";
import { type Desk, fill, useLoaded } from "./desk";
import { Bar, Flag, millis, percent, shown, sourceTone, Stack, stamp, Table, titleOf, toned, Wait, wishText } from "./parts";
import { hashOf } from "./route";
import { stacked, timeline } from "./sums";
import type { Call, Case, Judgement, Replayed, ReplayedTurn, Shown } from "./types";
import { WhyPanel } from "./why";

const SIGNS: Record<string, Sign> = { like: "like", dislike: "dislike", skip: "skip", favourite: "save" };
const stages = toned(["understand", "decide", "retrieve", "second_look", "speak", "rest"]);

/** One conversation, turn by turn, by stage. */
export function Replay({ desk, session }: { desk: Desk; session: string }) {
  const w = desk.words.value;
  const loaded = useLoaded<Replayed>(desk, `/v1/admin/sessions/${encodeURIComponent(session)}`);
  const [, turn = "", why = ""] = desk.route.value.path;
  return (
    <>
      <p><a href={hashOf("talks")}>‹ {w.talks}</a></p>
      <Wait desk={desk} of={loaded}>{(talk) => (
        <>
          <div class="bench">
            <p class="soft">{w.session} <span class="code">{talk.session_id}</span> · {w.user} <a class="code" href={hashOf("users", [talk.user])}>{talk.user}</a></p>
            <span class="gap" />
            <CaseMaker desk={desk} session={session} />
          </div>
          <ol class="turns">
            {talk.turns.map((one) => <Turn key={`${one.turn}.${one.time}`} desk={desk} session={session} turn={one} why={why === "why" && String(one.turn) === turn} marked={String(one.turn) === turn} />)}
          </ol>
        </>
      )}</Wait>
    </>
  );
}

/** The conversation as a test case, kept and handed over in one click. */
export function CaseMaker({ desk, session, turn }: { desk: Desk; session: string; turn?: number }) {
  const w = desk.words.value;
  const [busy, work] = useState(false);
  const make = async (): Promise<void> => {
    work(true);
    try {
      const made = await desk.json<Case>(`/v1/admin/sessions/${encodeURIComponent(session)}/case`, "POST", turn === undefined ? {} : { turn });
      download(`${made.name}.jsonl`, new Blob([made.jsonl], { type: "application/jsonl" }));
      desk.tell(fill(w.caseMade, { name: made.name }));
    } catch (error) {
      desk.tell(desk.sentence(error), true);
    } finally {
      work(false);
    }
  };
  return <button type="button" class="pill" disabled={busy} title={w.caseHint} onClick={() => void make()}>{turn === undefined ? w.makeCase : fill(w.makeCaseTo, { n: turn })}</button>;
}

function Turn({ desk, session, turn, why, marked }: { desk: Desk; session: string; turn: ReplayedTurn; why: boolean; marked: boolean }) {
  const w = desk.words.value;
  const here = useRef<HTMLLIElement>(null);
  useEffect(() => {
    if (marked) here.current?.scrollIntoView({ block: "start" });
  }, [marked]);
  return (
    <li ref={here} class={`replayed ${turn.undone ? "undone" : ""} ${marked ? "marked" : ""}`}>
      <header>
        <h2><span class="no">{turn.turn}</span> <q lang={turn.language} class="told">{turn.text || (turn.kind === "edit" ? w.edit : w.untitled)}</q></h2>
        <p class="soft">{stamp(turn.time, desk)} <span class="flag tongue">{turn.language}</span> {turn.flags.map((flag) => <Flag key={flag} desk={desk} flag={flag} />)}</p>
      </header>
      <dl class="stages">
        <dt>{w.heard}</dt><dd><Heard desk={desk} turn={turn} /></dd>
        <dt>{w.decided}</dt><dd><Decided desk={desk} turn={turn} /></dd>
        <dt>{w.found}</dt>
        <dd>
          <Found desk={desk} turn={turn} />
          <p class="row-of">
            <a class="pill" href={hashOf("talks", [session, turn.turn, ...(why ? [] : ["why"])])} aria-expanded={why}>{why ? w.whyClose : turn.items.length ? w.whyThese : w.whyNone}</a>
            <CaseMaker desk={desk} session={session} turn={turn.turn} />
          </p>
          {why ? <WhyPanel desk={desk} session={session} turn={turn.turn} /> : null}
        </dd>
        <dt>{w.answered}</dt><dd><Answered desk={desk} turn={turn} /></dd>
        <dt>{w.time}</dt><dd><Times desk={desk} latency={turn.latency_ms} /></dd>
      </dl>
    </li>
  );
}

function Heard({ desk, turn }: { desk: Desk; turn: ReplayedTurn }) {
  const w = desk.words.value;
  const intents = Object.entries(turn.intent ?? {}).filter(([, share]) => share >= 0.01).sort((a, b) => b[1] - a[1]).slice(0, 4);
  const aspects = Object.entries(turn.sentiment?.aspects ?? {});
  return (
    <div class="side">
      {intents.length ? <table class="bars"><caption class="sr">{w.intent}</caption><tbody>
        {intents.map(([intent, share]) => <tr key={intent}><th scope="row">{desk.named("intent", intent)}</th><td><Bar share={share} /></td><td class="num">{percent(share, desk)}</td></tr>)}
      </tbody></table> : <p class="soft">{w.byHand}</p>}
      <div>
        {turn.constraints.length ? (
          <ul class="wishlist">
            {turn.constraints.map((wish) => (
              <li key={wish.id} class={wish.hard ? "hard" : ""}><b>{wishText(wish)}</b> <small>{wish.hard ? w.must : w.nice}{wish.source ? <> · <q>{wish.source}</q></> : null}{wish.turn !== turn.turn ? ` · ${fill(w.sinceTurn, { n: wish.turn })}` : ""}</small></li>
            ))}
          </ul>
        ) : <p class="soft">{w.noWishes}</p>}
        {turn.about.length ? <p>{w.about} {turn.about.map((item) => titleOf(item, desk)).join(", ")}</p> : null}
        {turn.sentiment && (turn.sentiment.label !== "neutral" || aspects.length) ? <p class="soft">{w.mood} {desk.named("mood", turn.sentiment.label)} ({turn.sentiment.score.toFixed(2)}){aspects.map(([field, score]) => ` · ${field} ${score.toFixed(2)}`)}</p> : null}
      </div>
    </div>
  );
}

function Decided({ desk, turn }: { desk: Desk; turn: ReplayedTurn }) {
  const w = desk.words.value;
  return (
    <>
      <p><b>{turn.act ? desk.named("act", turn.act) : "–"}</b>{turn.question ? <> · {w.asked} <q lang={turn.language}>{turn.question.text}</q></> : null}</p>
      {turn.question?.options?.length ? <p class="soft">{turn.question.options.map((option) => `${option.label} ${option.count}`).join(" · ")}</p> : null}
      {turn.relaxed.length ? <ul class="plain">{turn.relaxed.map((offer, n) => <li key={n}>{w.offered} <q lang={turn.language}>{offer.text}</q></li>)}</ul> : null}
    </>
  );
}

function Found({ desk, turn }: { desk: Desk; turn: ReplayedTurn }) {
  const w = desk.words.value;
  if (!turn.items.length) return <p class="soft">{turn.act === "recommend" || turn.act === "relax" ? w.nothingFound : w.noCards}</p>;
  const names = [...new Set(turn.items.flatMap((item) => Object.keys(item.sources)))];
  const of = (item: Shown): { source: string; contribution: number }[] => names.map((source) => ({ source, contribution: item.sources[source] ?? 0 }));
  const most = Math.max(0.0001, ...turn.items.map((item) => of(item).reduce((all, { contribution }) => all + Math.max(0, contribution), 0)));
  return (
    <>
      <table class="found"><caption class="sr">{w.found}</caption>
        <thead class="sr"><tr><th scope="col">{w.rank}</th><th scope="col">{w.item}</th><th scope="col">{w.score}</th><th scope="col">{w.bySource}</th><th scope="col">{w.feedback}</th></tr></thead>
        <tbody>
          {turn.items.map((item, n) => {
            const pieces = stacked(of(item).filter(({ contribution }) => contribution > 0), 0, most);
            return (
              <tr key={item.id}>
                <td class="no">{n + 1}</td>
                <th scope="row"><a href={hashOf("catalogue", [item.id])}>{titleOf(item, desk)}</a>{item.reasons.length ? <small>{item.reasons.map((reason) => reason.text).join(desk.lang === "zh" ? "；" : "; ")}</small> : null}</th>
                <td class="num">{item.score.toFixed(3)}</td>
                <td class="mix"><Stack pieces={pieces} tones={sourceTone} label={pieces.map((piece) => `${desk.named("src", piece.name)} ${piece.value.toFixed(3)}`).join(", ")} /></td>
                <td><Verdicts desk={desk} all={turn.feedback.filter((one) => one.item_id === item.id)} /></td>
              </tr>
            );
          })}
        </tbody>
      </table>
      <Legend desk={desk} names={names} note={w.beforeWeights} />
      <Verdicts desk={desk} all={turn.feedback.filter((one) => !one.item_id)} />
    </>
  );
}

/** Which colour is which source. */
export function Legend({ desk, names, note }: { desk: Desk; names: readonly string[]; note?: string }) {
  return <ul class="legend">{names.map((name) => <li key={name}><i class={`key tone${sourceTone(name)}`} />{desk.named("src", name)}</li>)}{note ? <li>{note}</li> : null}</ul>;
}

function Verdicts({ desk, all }: { desk: Desk; all: readonly Judgement[] }) {
  if (!all.length) return null;
  return (
    <span class="flags">
      {all.map((one, n) => {
        const sign = SIGNS[one.kind];
        const more = [one.reason ? desk.named("reason", one.reason) : "", one.comment ?? ""].filter(Boolean).join(" · ");
        return <span key={n} class={`flag ${one.kind === "dislike" ? "disliked" : ""}`}>{sign ? <Icon sign={sign} size={14} /> : null}{desk.named("fed", one.kind)}{more ? ` · ${more}` : ""}</span>;
      })}
    </span>
  );
}

function Answered({ desk, turn }: { desk: Desk; turn: ReplayedTurn }) {
  const w = desk.words.value;
  return (
    <>
      {turn.reply ? <blockquote lang={turn.language}>{turn.reply}</blockquote> : <p class="soft">{w.noReply}</p>}
      {turn.notices.length ? <ul class="plain soft">{turn.notices.map((notice) => <li key={notice.code}><span class="code">{notice.code}</span> {notice.text}</li>)}</ul> : null}
      {turn.withheld.length ? <><h3>{w.withheldTitle}</h3><ul class="withheld">{turn.withheld.map((one, n) => <li key={n} lang={turn.language}>{shown(one)}</li>)}</ul></> : null}
      {turn.calls.length ? <Calls desk={desk} calls={turn.calls} /> : null}
    </>
  );
}

function Calls({ desk, calls }: { desk: Desk; calls: readonly Call[] }) {
  const w = desk.words.value;
  return (
    <details class="more"><summary>{fill(w.callsN, { n: calls.length })}</summary>
      <Table name={w.modelCalls} head={[w.stage, w.outcome, w.seconds, w.prompt, w.tokens]} numbers={[2, 4]}>
        {calls.map((call, n) => (
          <tr key={n}><th scope="row">{desk.named("stage", call.stage)}</th><td>{desk.named("outcome", call.outcome)}</td><td class="num">{call.seconds === null || call.seconds === undefined ? "–" : call.seconds.toFixed(2)}</td>
            <td class="code">{call.prompt_version}</td><td class="num">{`${call.prompt_tokens ?? 0} + ${call.answer_tokens ?? 0}`}</td></tr>
        ))}
      </Table>
    </details>
  );
}

function Times({ desk, latency }: { desk: Desk; latency: Record<string, number> }) {
  const w = desk.words.value;
  const pieces = timeline(latency ?? {});
  const marks = (["cards", "first_word", "total"] as const).filter((one) => latency?.[one] !== undefined);
  if (!pieces.length && !marks.length) return <p class="soft">–</p>;
  return (
    <>
      <Stack pieces={pieces} tones={stages} label={pieces.map((piece) => `${desk.named("stage", piece.name)} ${millis(piece.value, desk)}`).join(", ")} />
      <ul class="legend">{pieces.map((piece) => <li key={piece.name}><i class={`key tone${stages(piece.name)}`} />{desk.named("stage", piece.name)} {millis(piece.value, desk)}</li>)}</ul>
      <p class="soft">{marks.map((mark) => `${mark === "cards" ? w.markCards : mark === "first_word" ? w.markWord : w.markTotal} ${millis(latency[mark], desk)}`).join(" · ")}</p>
    </>
  );
}
