import { useEffect, useRef, useState } from "preact/hooks";
import { memo } from "preact/compat";
import { CardView } from "./card";
import type { Chat } from "./chat";
import type { Exchange } from "./types";

const Turn = memo(function Turn({ chat, turn, last }: { chat: Chat; turn: Exchange; last: boolean; lang: string; tray: unknown }) {
  const w = chat.words.value;
  return (
    <section class={`turn${turn.undone ? " undone" : ""}`} lang={turn.language} aria-label={turn.text}>
      {turn.kind === "message" ? <p class="mine"><span class="sr">{w.you}: </span>{turn.text}</p> : <p class="edit">{turn.text || w.edit}</p>}
      {turn.reply || turn.state === "waiting" ? <p class={`reply${turn.items.length ? " above" : ""}`}>{turn.reply}</p> : null}
      {turn.items.length ? <ol class="cards">{turn.items.map((card, n) => <CardView key={card.id} chat={chat} turn={turn} card={card} place={n + 1} />)}</ol> : null}
      {turn.state === "waiting" && !turn.items.length ? <div class="skeletons" aria-hidden="true"><i /><i /><i /></div> : null}
      {turn.by === "model" && turn.state === "done" ? <p class="label">{w.generated}</p> : null}
      {turn.state === "stopped" ? <p class="label">{w.stopped}</p> : null}
      {turn.state === "failed" ? <p class="label bad">{w.failed} <button type="button" class="pill" onClick={() => void chat.send(turn.text)}>{w.retry}</button></p> : null}
      {last && turn.relaxed.length ? (
        <div class="banner" role="group">
          {turn.relaxed.map((offer, n) => <button type="button" class="pill" key={offer.text} onClick={() => void chat.edit({ accept: n }, offer.text)}>{offer.text}</button>)}
        </div>
      ) : null}
      {last && turn.question && turn.state === "done" ? (
        <div class="question" role="group" aria-label={turn.question.text}>
          <p>{turn.question.text}</p>
          {turn.question.options.map((o) => (
            <button type="button" class="pill" key={o.label} onClick={() => void chat.edit({ answer: { field: turn.question?.field, value: o.value } }, o.label)}>{o.label} <small>{o.count}</small></button>
          ))}
          <button type="button" class="pill quiet" onClick={() => void chat.send(w.skipQuestion)}>{w.skipQuestion}</button>
        </div>
      ) : null}
    </section>
  );
});

export function Log({ chat }: { chat: Chat }) {
  const box = useRef<HTMLDivElement>(null);
  const [behind, setBehind] = useState(false);
  const turns = chat.turns.value;
  const w = chat.words.value;
  const latest = turns.at(-1);
  const sign = `${turns.length}/${latest?.items.length}/${latest?.reply.length}/${latest?.state}`;
  const atEnd = useRef(true);
  const toEnd = () => box.current?.scrollTo({ top: box.current.scrollHeight });
  useEffect(() => {
    if (!box.current) return;
    if (latest?.state === "waiting") atEnd.current = true; // one's own message is always gone to
    if (!atEnd.current) setBehind(true);
    else {
      const turn = box.current.querySelector(".turn:last-of-type"); // the top of the answer, not its end: people read downwards
      if (turn) box.current.scrollTop += turn.getBoundingClientRect().top - box.current.getBoundingClientRect().top - 12;
    }
  }, [sign]);
  const scrolled = () => {
    const b = box.current;
    if (!b) return;
    const lastTurn = b.querySelector(".turn:last-of-type");
    atEnd.current = !lastTurn || lastTurn.getBoundingClientRect().top < b.getBoundingClientRect().bottom;
    if (atEnd.current) setBehind(false);
  };
  const notices = [...new Map(turns.flatMap((t) => t.notices).map((n) => [n.code, n.text])).entries()].slice(0, 2);
  return (
    <div class="log" ref={box} onScroll={scrolled} tabIndex={0} role="region" aria-label={w.history}>
      {turns.length === 0 ? (
        <div class="welcome">
          <h1>{w.tagline}</h1>
          <p>{w.greeting}</p>
          <p class="hint">{w.try}</p>
          <div class="openers">{chat.openers.value.map((text) => <button type="button" key={text} onClick={() => void chat.send(text)}>{text}</button>)}</div>
          <p class="hint keys">{w.keys}</p>
        </div>
      ) : null}
      {turns.map((turn, n) => <Turn key={turn.key} chat={chat} turn={turn} last={n === turns.length - 1} lang={chat.lang.value} tray={chat.tray.value} />)}
      {notices.length ? <ul class="notices">{notices.map(([code, text]) => <li key={code}>{text}</li>)}</ul> : null}
      {behind ? <button type="button" class="newer" onClick={() => { atEnd.current = true; setBehind(false); toEnd(); }}>↓ {w.newer}</button> : null}
    </div>
  );
}
