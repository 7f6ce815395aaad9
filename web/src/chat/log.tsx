import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { fill } from "../shared/format";
import { Icon } from "../shared/icons";
import type { Chat } from "./store";
import { TurnView } from "./turn";

const AT_ONCE = 30; // turns drawn when a long conversation is opened; earlier ones on demand
const NEAR = 90; // pixels from the end that count as being there

/** The conversation. It goes to a turn that the reader began, follows words only while the reader is at the end, and never moves otherwise. */
export function Log({ chat }: { chat: Chat }) {
  const box = useRef<HTMLDivElement>(null);
  const atEnd = useRef(true);
  const held = useRef(false); // the view is held at the latest turn's beginning until the reader moves it
  const [behind, setBehind] = useState(false);
  const opened = useRef({ mark: "", hidden: 0 }); // how many earlier turns are not drawn, settled when a conversation is opened
  const [, redraw] = useState(0);
  const w = chat.words.value;
  const turns = chat.view.value.turns;
  const latest = turns.at(-1);
  const session = chat.session.value;
  const empty = turns.length === 0;

  const mark = `${session}/${empty}`;
  if (opened.current.mark !== mark) opened.current = { mark, hidden: Math.max(0, turns.length - AT_ONCE) };
  const hidden = opened.current.hidden;

  const look = (): void => {
    const area = box.current;
    if (!area) return;
    const left = area.scrollHeight - area.clientHeight - area.scrollTop;
    atEnd.current = left < NEAR;
    const last = area.querySelector<HTMLElement>(".turn:last-of-type");
    setBehind(left >= NEAR && last !== null && last.offsetTop > area.scrollTop + area.clientHeight - NEAR);
  };
  const settle = (): void => {
    const area = box.current;
    const last = area?.querySelector<HTMLElement>(".turn:last-of-type");
    if (area && last && held.current) area.scrollTo({ top: last.offsetTop - 12, behavior: "instant" });
    else if (area && atEnd.current && latest?.items.length === 0) area.scrollTo({ top: area.scrollHeight, behavior: "instant" });
    look();
  };
  const release = (): void => {
    held.current = false;
  };

  useLayoutEffect(() => {
    held.current = true;
    atEnd.current = false;
    settle();
  }, [chat.mine.value, empty]);
  useLayoutEffect(settle, [turns.length, latest?.reply.length, latest?.items.length, latest?.phase]);
  useEffect(() => {
    const area = box.current;
    if (!area) return;
    const size = new ResizeObserver(() => held.current && settle()); // what is under the list grew or shrank
    size.observe(area);
    return () => size.disconnect();
  }, [latest]);

  return (
    <div class="log" ref={box} onScroll={look} onWheel={release} onTouchMove={release} onPointerDown={release} onKeyDown={release} tabIndex={0} role="region" aria-label={w.conversation}>
      {empty ? (chat.opening.value ? <p class="label">{w.waiting}</p> : <Welcome chat={chat} />) : null}
      {hidden > 0 ? <button type="button" class="pill earlier" onClick={() => redraw((opened.current.hidden = Math.max(0, hidden - AT_ONCE)))}>{fill(w.earlier, { n: Math.min(AT_ONCE, hidden) })}</button> : null}
      {turns.slice(hidden).map((turn) => <TurnView key={turn.key} chat={chat} turn={turn} last={turn === latest} />)}
      {behind ? (
        <button type="button" class="newer" onClick={() => { chat.mine.value += 1; }}><Icon sign="down" size={16} /> {w.newer}</button>
      ) : null}
    </div>
  );
}

function Welcome({ chat }: { chat: Chat }) {
  const w = chat.words.value;
  const greeting = chat.greeting.value;
  return (
    <div class="welcome">
      <h1>{w.lead}</h1>
      <p class="greeting">{greeting ? greeting.greeting : chat.offline.value ? w.unreached : "\u00a0"}</p>
      <h2 class="try">{w.try}</h2>
      <ul class="openers">
        {greeting ? greeting.suggestions.slice(0, 4).map((text) => <li key={text}><button type="button" onClick={() => void chat.send(text)}>{text}</button></li>)
          : [0, 1, 2, 3].map((n) => <li key={n} aria-hidden="true"><i class="skeleton" /></li>)}
      </ul>
      {greeting?.notices.map((notice) => <p key={notice.code} class="label">{notice.text}</p>)}
    </div>
  );
}
