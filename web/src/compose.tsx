import { useEffect, useRef } from "preact/hooks";
import type { Chat } from "./chat";
import { sends } from "./stream";

export function Chips({ chat }: { chat: Chat }) {
  const w = chat.words.value;
  const chips = chat.chips.value;
  if (!chips.length) return null;
  const hard = new Map(chat.wishes.value.map((wish) => [wish.id, wish.hard]));
  return (
    <div class="wishes" role="group" aria-label={w.wishes}>
      {chips.map((chip) => (
        <span class={`chip${hard.get(chip.constraint) === false ? " soft" : ""}`} key={chip.constraint}>
          <button type="button" class="strength" title={chip.source ? `${w.said}: “${chip.source}”` : undefined} aria-label={`${chip.label}${chip.source ? `, ${w.said}: ${chip.source}` : ""}, ${hard.get(chip.constraint) ? w.must : w.nice}; ${hard.get(chip.constraint) ? w.makeNice : w.makeMust}`} onClick={() => void chat.edit({ change: [{ id: chip.constraint, hard: !hard.get(chip.constraint) }] }, `${chip.label} · ${hard.get(chip.constraint) ? w.nice : w.must}`)}>
            {chip.label}{chip.source && chip.source !== chip.label ? <small> {w.said}: “{chip.source}”</small> : null}
          </button>
          <button type="button" class="x" aria-label={`${w.remove}: ${chip.label}`} onClick={() => void chat.removeChip(chip)}>×</button>
        </span>
      ))}
      {chips.length > 1 ? <button type="button" class="pill quiet" onClick={() => void chat.edit({ clear: true }, w.clear)}>{w.clear}</button> : null}
    </div>
  );
}

export function Composer({ chat }: { chat: Chat }) {
  const field = useRef<HTMLTextAreaElement>(null);
  const w = chat.words.value;
  useEffect(() => {
    const area = field.current;
    if (!area) return;
    area.style.height = "auto";
    area.style.height = `${Math.min(area.scrollHeight, 160)}px`;
  }, [chat.draft.value]);
  const send = () => void chat.send(chat.draft.value);
  return (
    <div class="dock">
      {chat.toast.value ? (
        <p class="toast" role="status">{chat.toast.value.text}{chat.toast.value.undo ? <button type="button" class="pill" onClick={() => void chat.undo()}>{w.undo}</button> : null}<button type="button" class="x" aria-label={w.close} onClick={() => (chat.toast.value = null)}>×</button></p>
      ) : null}
      {chat.offline.value ? <p class="toast bad" role="status">{w.offline}</p> : null}
      {chat.suggestions.value.length && !chat.busy.value ? <div class="suggestions">{chat.suggestions.value.map((text) => <button type="button" class="pill" key={text} onClick={() => void chat.send(text)}>{text}</button>)}</div> : null}
      <Chips chat={chat} />
      <form class="composer" onSubmit={(event) => { event.preventDefault(); send(); }}>
        <textarea ref={field} rows={1} maxLength={4000} value={chat.draft.value} placeholder={w.placeholder} aria-label={w.placeholder}
          onInput={(event) => (chat.draft.value = event.currentTarget.value)}
          onKeyDown={(event) => { if (sends(event)) { event.preventDefault(); send(); } }} />
        {chat.turns.value.length ? <button type="button" class="quietbutton" onClick={() => void chat.undo()}>{w.undo}</button> : null}
        {chat.busy.value ? <button type="button" class="main" onClick={() => chat.stop()}>{w.stop}</button> : <button type="submit" class="main" disabled={!chat.draft.value.trim()}>{w.send}</button>}
      </form>
      <p class="ai">{w.ai}</p>
    </div>
  );
}
