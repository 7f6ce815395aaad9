import { useEffect, useRef, useState } from "preact/hooks";
import { fill } from "../shared/format";
import { Icon } from "../shared/icons";
import { sends } from "./said";
import { focused } from "../shared/dialog";
import type { Chat } from "./store";
import type { Chip, Wish } from "./types";

const LONGEST = 4000;

/** The understanding bar: each wish with the user's own words, how firm it is, and a way out. */
function Wishes({ chat }: { chat: Chat }) {
  const w = chat.words.value;
  const { chips, wishes } = chat.view.value;
  const row = useRef<HTMLDivElement>(null);
  const names = chips.map((chip) => chip.constraint).join();
  useEffect(() => { // where they stand in one row, the newest is in sight
    const newest = row.current?.querySelector<HTMLElement>(".chip:last-of-type");
    if (row.current && newest) row.current.scrollLeft = newest.offsetLeft + newest.offsetWidth - row.current.clientWidth + 24;
  }, [names]);
  if (!chips.length) return null;
  return (
    <div class="wishes" role="group" aria-label={w.wishes} ref={row}>
      {chips.map((chip) => <ChipView key={chip.constraint} chat={chat} chip={chip} wish={wishes.find((wish) => wish.id === chip.constraint)} />)}
      {chips.length > 1 ? <button type="button" class="pill quiet" onClick={() => void chat.clearChips()}>{w.clear}</button> : null}
    </div>
  );
}

function ChipView({ chat, chip, wish }: { chat: Chat; chip: Chip; wish: Wish | undefined }) {
  const w = chat.words.value;
  const [changing, set] = useState<number | null>(null);
  const hard = wish?.hard ?? true;
  const quoted = chip.source && chip.source.toLowerCase() !== chip.label.toLowerCase();
  const label = <><b>{chip.label}</b>{chip.source ? <small class={quoted ? "" : "sr"}>{w.said}{chat.look.lang.value === "zh" ? `：“${chip.source}”` : `: “${chip.source}”`}</small> : null}</>;
  return (
    <div class={hard ? "chip" : "chip soft"}>
      {wish ? (
        <button type="button" class="firm" aria-label={`${hard ? w.must : w.nice}: ${chip.label} (${hard ? w.toNice : w.toMust})`} title={hard ? w.toNice : w.toMust} onClick={() => void chat.harden(chip, wish)}>
          {hard ? w.must : w.nice}
        </button>
      ) : null}
      {changing !== null ? (
        <form class="value" onSubmit={(event) => { event.preventDefault(); set(null); if (Number.isFinite(changing) && changing !== wish?.value) void chat.revalue(chip, changing); }}>
          <input type="number" step="any" value={changing} aria-label={`${w.changeValue}: ${chip.label}`} ref={focused} onInput={(event) => set(event.currentTarget.valueAsNumber)} onKeyDown={(event) => { if (event.key === "Escape") { event.stopPropagation(); set(null); } }} />
          <button type="submit" class="pill">{w.apply}</button>
        </form>
      ) : typeof wish?.value === "number" ? (
        <button type="button" class="words" title={w.changeValue} onClick={() => set(wish.value as number)}>{label}</button>
      ) : (
        <span class="words">{label}</span>
      )}
      <button type="button" class="x" aria-label={`${w.remove}: ${chip.label}`} title={w.remove} onClick={() => void chat.removeChip(chip)}><Icon sign="close" size={14} /></button>
    </div>
  );
}

/** What just happened, with a way back; above everything that belongs to the field. */
export function Toasts({ chat }: { chat: Chat }) {
  const w = chat.words.value;
  const toast = chat.toast.value;
  const held = useRef(false);
  useEffect(() => {
    if (!toast) return;
    const timer = setInterval(() => { if (!held.current) chat.toast.value = null; }, 9000); // it stays while it is pointed at or holds the focus
    return () => clearInterval(timer);
  }, [toast]);
  return (
    <div class="toasts" role="status" onPointerEnter={() => (held.current = true)} onPointerLeave={() => (held.current = false)} onFocusIn={() => (held.current = true)} onFocusOut={() => (held.current = false)}>
      {chat.offline.value ? <p class="toast bad">{w.offline}</p> : null}
      {toast ? (
        <p class="toast">
          <span>{toast.text}</span>
          {toast.undo ? <button type="button" class="pill" onClick={() => void chat.undo()}>{w.undo}</button> : null}
          <button type="button" class="x" aria-label={w.close} onClick={() => (chat.toast.value = null)}><Icon sign="close" size={14} /></button>
        </p>
      ) : null}
    </div>
  );
}

/** Everything under the conversation: what was understood, what to say next, the field. */
export function Dock({ chat }: { chat: Chat }) {
  const field = useRef<HTMLTextAreaElement>(null);
  const w = chat.words.value;
  const { turns, suggestions } = chat.view.value;
  const busy = chat.busy.value;
  const draft = chat.draft.value;
  const left = LONGEST - draft.length;
  useEffect(() => {
    const area = field.current;
    if (!area) return;
    area.style.height = "auto";
    area.style.height = `${Math.min(area.scrollHeight, 168)}px`;
  }, [draft]);
  const send = () => void chat.send(chat.draft.value);
  const recall = (event: KeyboardEvent): void => {
    const before = turns.filter((turn) => turn.kind === "message").at(-1);
    if (event.key !== "ArrowUp" || event.altKey || chat.draft.value || !before) return;
    event.preventDefault();
    chat.draft.value = before.text;
  };
  return (
    <div class="dock">
      {suggestions.length && !busy && turns.length ? <div class="suggestions" role="group" aria-label={w.try}>{suggestions.map((text) => <button type="button" class="pill" key={text} onClick={() => void chat.send(text)}>{text}</button>)}</div> : null}
      <Wishes chat={chat} />
      <form class="composer" onSubmit={(event) => { event.preventDefault(); send(); }}>
        {turns.length ? <button type="button" class="round" aria-label={w.undo} title={w.undo} onClick={() => void chat.undo()}><Icon sign="undo" /></button> : null}
        <textarea ref={field} rows={1} maxLength={LONGEST} value={draft} placeholder={w.placeholder} aria-label={w.placeholder} enterkeyhint="send"
          onInput={(event) => (chat.draft.value = event.currentTarget.value)}
          onKeyDown={(event) => { if (sends(event)) { event.preventDefault(); send(); } else recall(event); }} />
        {busy ? (
          <button type="button" class="main round" aria-label={w.stop} title={w.stop} onClick={() => chat.stop()}><Icon sign="stop" /></button>
        ) : (
          <button type="submit" class="main round" aria-label={w.send} title={w.send} disabled={!draft.trim()}><Icon sign="send" /></button>
        )}
      </form>
      <p class="ai">{left < 400 ? fill(w.tooLong, { n: left }) : chat.greeting.value?.disclaimer ?? w.ai}</p>
    </div>
  );
}
