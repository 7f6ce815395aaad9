import { useEffect, useState } from "preact/hooks";
import { download } from "../shared/download";
import { when } from "../shared/format";
import { Icon } from "../shared/icons";
import { focused } from "../shared/dialog";
import type { Chat } from "./store";
import type { Listed } from "./types";

/** The visitor's conversations, the latest first. */
export function History({ chat, chosen }: { chat: Chat; chosen: () => void }) {
  const w = chat.words.value;
  const [rows, set] = useState<Listed[] | null>(null);
  const [next, setNext] = useState<string | null>(null);
  const [sure, ask] = useState("");
  const load = async (cursor = ""): Promise<void> => {
    const found = await chat.reach(() => chat.api.json<{ sessions: Listed[]; next_cursor: string | null }>(`/v1/sessions?limit=30${cursor && `&cursor=${encodeURIComponent(cursor)}`}`));
    if (!found) return;
    set((before) => (cursor && before ? [...before, ...found.sessions] : found.sessions));
    setNext(found.next_cursor);
  };
  useEffect(() => void load(), [chat.listed.value]);
  const remove = async (row: Listed): Promise<void> => {
    ask("");
    const done = await chat.reach(() => chat.api.json(`/v1/sessions/${row.session_id}`, "DELETE").then(() => true));
    if (!done) return;
    if (row.session_id === chat.session.value) chat.fresh();
    chat.toast.value = { text: w.deleted, undo: false };
    chat.listed.value += 1;
  };
  const save = async (row: Listed): Promise<void> => {
    const found = await chat.reach(() => chat.api.json(`/v1/sessions/${row.session_id}`));
    if (found) download(`zhiyin-${row.session_id.slice(0, 8)}.json`, new Blob([JSON.stringify(found, null, 2)], { type: "application/json" }));
  };
  if (!rows?.length) return <p class="label">{rows ? w.noHistory : "\u00a0"}</p>;
  return (
    <>
      <ul class="rows">
        {rows.map((row) => (
          <li key={row.session_id}>
            {sure === row.session_id ? (
              <div class="sure" role="group" aria-label={w.deleteSure}>
                <p>{w.deleteSure}</p>
                <button type="button" class="pill bad" ref={focused} onClick={() => void remove(row)}>{w.delete}</button>
                <button type="button" class="pill" onClick={() => ask("")}>{w.cancel}</button>
              </div>
            ) : (
              <>
                <button type="button" class="row" aria-current={row.session_id === chat.session.value} onClick={() => { chosen(); void chat.open(row.session_id); }}>
                  <span>{row.title}</span><small>{when(row.last, chat.look.lang.value, new Date())}</small>
                </button>
                <span class="tools">
                <button type="button" class="small" aria-label={`${w.exportOne}: ${row.title}`} title={w.exportOne} onClick={() => void save(row)}><Icon sign="file" size={15} /></button>
                <button type="button" class="small" aria-label={`${w.delete}: ${row.title}`} title={w.delete} onClick={() => ask(row.session_id)}><Icon sign="trash" size={15} /></button>
                </span>
              </>
            )}
          </li>
        ))}
      </ul>
      {next ? <button type="button" class="pill" onClick={() => void load(next)}>{w.loadMore}</button> : null}
    </>
  );
}
