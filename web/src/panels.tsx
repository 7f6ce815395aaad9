import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import type { Chat } from "./chat";
import { title } from "./text";
import type { Card } from "./types";

/** A dialog that takes the focus, keeps it, gives it back, and closes by Escape. */
function Sheet({ chat, name, close, wide, children }: { chat: Chat; name: string; close: () => void; wide?: boolean; children: ComponentChildren }) {
  const sheet = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const dialog = sheet.current;
    if (dialog && !dialog.open) dialog.showModal();
  }, []);
  return (
    <dialog ref={sheet} class={wide ? "wide" : ""} aria-label={name} onClose={close} onClick={(event) => { if (event.target === sheet.current) sheet.current?.close(); }}>
      <header><h2>{name}</h2><button type="button" class="x" aria-label={chat.words.value.close} onClick={() => sheet.current?.close()}>×</button></header>
      <div class="inside">{children}</div>
    </dialog>
  );
}

interface Cell { text: string }
interface Compared { items: Card[]; rows: { field: string; label: string; values: (Cell | null)[]; differs: boolean; best: number | null }[]; verdicts: { constraint: string; label: string; holds: (boolean | null)[] }[]; text: string }

export function Compare({ chat, close }: { chat: Chat; close: () => void }) {
  const [found, set] = useState<Compared>();
  const w = chat.words.value;
  const lang = chat.lang.value;
  useEffect(() => {
    const items = chat.tray.value.map((c) => c.id);
    void chat.reach(() => chat.api.json<Compared>("/v1/compare", "POST", { items, locale: lang, ...(chat.sessionId ? { session_id: chat.sessionId } : {}) })).then((r) => r && set(r));
  }, [lang]);
  return (
    <Sheet chat={chat} name={w.compare} close={close} wide>
      {found ? (
        <div class="scroll" tabIndex={0} role="region" aria-label={w.compare}>
          <table>
            <thead><tr><td />{found.items.map((c) => <th scope="col" key={c.id}>{title(c, lang)}</th>)}</tr></thead>
            <tbody>
              {found.rows.map((row) => (
                <tr key={row.field} class={row.differs ? "differs" : ""}>
                  <th scope="row">{row.label}</th>
                  {row.values.map((v, n) => <td key={n} class={row.best === n ? "best" : ""}>{v ? v.text : <span class="hint">{w.unknown}</span>}{row.best === n ? <span class="sr"> ({w.best})</span> : null}</td>)}
                </tr>
              ))}
              {found.verdicts.map((v) => (
                <tr key={v.constraint} class="verdict">
                  <th scope="row">{v.label}</th>
                  {v.holds.map((h, n) => <td key={n}>{h === null ? w.unknown : h ? `✓ ${w.yes}` : `✗ ${w.no}`}</td>)}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      ) : <p class="hint">{w.working}</p>}
    </Sheet>
  );
}

interface Listed { sessions: { session_id: string; title: string; last: string; turns: number }[] }

export function History({ chat, close }: { chat: Chat; close: () => void }) {
  const [found, set] = useState<Listed["sessions"]>();
  const w = chat.words.value;
  const load = () => void chat.reach(() => chat.api.json<Listed>("/v1/sessions?limit=50")).then((r) => set(r?.sessions ?? []));
  useEffect(load, []);
  return (
    <Sheet chat={chat} name={w.history} close={close}>
      {found?.length === 0 ? <p class="hint">{w.noHistory}</p> : null}
      <ul class="rows">
        {found?.map((s) => (
          <li key={s.session_id}>
            <button type="button" class="row" onClick={() => { void chat.open(s.session_id); close(); }}><span>{s.title || "…"}</span><small>{new Date(s.last).toLocaleString(chat.lang.value)}</small></button>
            <button type="button" class="x" aria-label={`${w.delete}: ${s.title}`} onClick={() => void chat.reach(() => chat.api.json(`/v1/sessions/${s.session_id}`, "DELETE")).then(() => { if (s.session_id === chat.sessionId) chat.fresh(); load(); })}>×</button>
          </li>
        ))}
      </ul>
    </Sheet>
  );
}

interface Known { personalise: boolean; likes: { item_id: string; title: string; weight: number }[]; dislikes: { item_id: string; title: string; weight: number }[] }

export function Me({ chat, close }: { chat: Chat; close: () => void }) {
  const [known, set] = useState<Known>();
  const [sure, setSure] = useState(false);
  const w = chat.words.value;
  const load = () => void chat.reach(() => chat.api.json<Known>(`/v1/users/me`)).then((r) => r && set(r));
  useEffect(load, []);
  const save = async () => {
    const response = await chat.reach(() => chat.api.fetch("/v1/users/me/export"));
    if (!response) return;
    const link = document.createElement("a");
    link.href = URL.createObjectURL(await response.blob());
    link.download = "zhiyin.json";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  };
  const erase = async () => {
    await chat.reach(() => chat.api.json("/v1/users/me", "DELETE"));
    chat.fresh();
    chat.toast.value = { text: w.erased, undo: false };
    close();
  };
  const list = (name: string, rows: Known["likes"]) => (rows.length ? <><h3>{name}</h3><ul class="rows">{rows.map((r) => <li key={r.item_id}>{r.title}</li>)}</ul></> : null);
  return (
    <Sheet chat={chat} name={w.me} close={close}>
      {known && !known.likes.length && !known.dislikes.length ? <p class="hint">{w.meNone}</p> : null}
      {known ? <>{list(w.likes, known.likes)}{list(w.dislikes, known.dislikes)}
        <label class="check"><input type="checkbox" checked={known.personalise} onChange={(e) => void chat.reach(() => chat.api.json("/v1/users/me", "PATCH", { personalise: e.currentTarget.checked })).then(load)} /> {w.personal}</label></> : null}
      <div class="acts">
        <button type="button" class="pill" onClick={() => void save()}>{w.export}</button>
        {sure ? <><p class="bad">{w.eraseSure}</p><button type="button" class="pill bad" onClick={() => void erase()}>{w.erase}</button></> : <button type="button" class="pill" onClick={() => setSure(true)}>{w.erase}</button>}
      </div>
    </Sheet>
  );
}

export interface Look { theme: string; size: string }

export function Looks({ chat, close, look, set }: { chat: Chat; close: () => void; look: Look; set: (look: Look) => void }) {
  const w = chat.words.value;
  const pick = (name: string, label: string, now: string, options: [string, string][], choose: (value: string) => void) => (
    <fieldset><legend>{label}</legend>{options.map(([value, text]) => <label class="check" key={value}><input type="radio" name={name} checked={now === value} onChange={() => choose(value)} /> {text}</label>)}</fieldset>
  );
  return (
    <Sheet chat={chat} name={w.settings} close={close}>
      {pick("theme", w.theme, look.theme, [["system", w.system], ["light", w.light], ["dark", w.dark]], (theme) => set({ ...look, theme }))}
      {pick("lang", w.language, chat.lang.value, [["zh", "中文"], ["en", "English"]], (lang) => { chat.lang.value = lang === "zh" ? "zh" : "en"; chat.kept.setItem("zhiyin.lang", lang); void chat.greet(); })}
      {pick("size", w.size, look.size, [["s", "A−"], ["m", "A"], ["l", "A+"]], (size) => set({ ...look, size }))}
      <p class="hint">{w.keys}</p>
    </Sheet>
  );
}
