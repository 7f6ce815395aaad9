import { memo } from "preact/compat";
import type { Lang } from "../shared/format";
import { fill } from "../shared/format";
import { Icon } from "../shared/icons";
import type { Words } from "../words/en";
import { CardView } from "./card";
import type { Chat } from "./store";
import type { Turn } from "./types";

const tag = (lang: Lang): string => (lang === "zh" ? "zh-CN" : "en");

/** What was said, and what came of it. Drawn again only where its own turn, opinions or the tray changed. */
export const TurnView = memo(function TurnView({ chat, turn, last }: { chat: Chat; turn: Turn; last: boolean }) {
  const w = chat.words.value;
  return (
    <section class={`turn ${turn.phase}${turn.undone ? " undone" : ""}`} aria-label={turn.text || w.edit} tabIndex={-1}>
      {turn.kind === "message" ? (
        <p class="mine" lang={tag(turn.language)}><span class="sr">{w.you}: </span>{turn.text}</p>
      ) : (
        <p class="edit"><Icon sign="edit" size={14} /> {turn.text || w.edit}</p>
      )}
      {turn.undone ? <p class="label">{w.undone}</p> : <Answer chat={chat} turn={turn} last={last} w={w} />}
    </section>
  );
});

function Answer({ chat, turn, last, w }: { chat: Chat; turn: Turn; last: boolean; w: Words }) {
  const waiting = turn.phase === "waiting";
  const reserved = turn.items.length > 0 || waiting;
  const open = waiting || turn.phase === "cards" || turn.phase === "speaking";
  return (
    <>
      {turn.reply || reserved ? <p class={`reply${reserved ? " reserved" : ""}`} lang={tag(turn.language)}>{turn.reply}{open ? <span class={turn.reply ? "dots after" : "dots"} aria-hidden="true"><i /><i /><i /></span> : null}</p> : null}
      {waiting ? <Skeletons /> : null}
      {turn.items.length ? <Cards chat={chat} turn={turn} /> : null}
      <Foot chat={chat} turn={turn} last={last} w={w} />
      {last ? <Next chat={chat} turn={turn} w={w} /> : null}
    </>
  );
}

function Cards({ chat, turn }: { chat: Chat; turn: Turn }) {
  const { opinions, saved } = chat.view.value;
  const tray = chat.tray.value;
  return (
    <ol class="cards">
      {turn.items.map((card, n) => (
        <CardView key={card.id} chat={chat} turn={turn} card={card} place={n + 1} opinion={opinions[card.id]} saved={card.id in saved} inTray={tray.some((one) => one.id === card.id)} lang={chat.look.lang.value} />
      ))}
    </ol>
  );
}

function Skeletons() {
  return <div class="cards" aria-hidden="true">{[0, 1, 2].map((n) => <div class="card skeleton" key={n}><i class="cover" /><div class="body"><i /><i /><i /></div></div>)}</div>;
}

/** Who worded it, how many there were, what went wrong. */
function Foot({ chat, turn, last, w }: { chat: Chat; turn: Turn; last: boolean; w: Words }) {
  const notices = turn.notices.filter((notice) => notice.code !== "no_model");
  const n = turn.items.length;
  return (
    <>
      {turn.phase === "done" && turn.reply ? (
        <p class="label">
          {n ? `${turn.total !== null && turn.total > n ? fill(w.ofTotal, { n, total: turn.total }) : fill(n === 1 ? w.oneResult : w.results, { n })} · ` : ""}
          {turn.model ? fill(w.byModel, { model: turn.model }) : w.byRules}
        </p>
      ) : null}
      {turn.phase === "stopped" ? <p class="label">{w.stopped}</p> : null}
      {turn.phase === "failed" ? (
        <p class="fault"><span>{turn.fault || w.failed}</span>{turn.kind === "message" ? <button type="button" class="pill" onClick={() => void chat.retry(turn)}>{w.retry}</button> : null}</p>
      ) : null}
      {last && notices.length ? <ul class="notices">{notices.map((notice) => <li key={notice.code} lang={tag(turn.language)}>{notice.text}</li>)}</ul> : null}
    </>
  );
}

/** What can be said next: a wish that may give way, the one question. */
function Next({ chat, turn, w }: { chat: Chat; turn: Turn; w: Words }) {
  const question = turn.phase === "done" && !chat.skipped.value[`${turn.recommendation}/${turn.text}`] ? turn.question : null;
  return (
    <>
      {turn.offers.length ? (
        <div class="banner" role="group" aria-label={w.offers}>
          <p>{w.offers}</p>
          {turn.offers.map((offer, n) => <button type="button" class="pill" key={offer.text} lang={tag(turn.language)} onClick={() => void chat.accept(offer, n)}>{offer.text}</button>)}
        </div>
      ) : null}
      {question ? (
        <div class="question" role="group" aria-label={question.text}>
          <p lang={tag(turn.language)}>{question.text}</p>
          {question.options.map((option) => (
            <button type="button" class="pill" key={option.label} onClick={() => void chat.answer(question, option)}>
              <span lang={tag(turn.language)}>{option.label}</span> <small aria-label={fill(w.matches, { n: option.count })}>{option.count}</small>
            </button>
          ))}
          <button type="button" class="pill quiet" onClick={() => void chat.skip(turn)}>{w.skipQuestion}</button>
        </div>
      ) : null}
    </>
  );
}
