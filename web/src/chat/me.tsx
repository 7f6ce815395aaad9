import { useEffect, useState } from "preact/hooks";
import { Dialog, focused } from "../shared/dialog";
import { download } from "../shared/download";
import { fill } from "../shared/format";
import type { Chat } from "./store";
import type { Known, Taste } from "./types";

/** What is known of the visitor: to see, to take back, to switch off, to take along, to erase. */
export function Me({ chat, close }: { chat: Chat; close: () => void }) {
  const w = chat.words.value;
  const lang = chat.look.lang.value;
  const [known, set] = useState<Known | null>(null);
  const [sure, ask] = useState(false);
  const load = async (): Promise<void> => {
    const found = await chat.reach(() => chat.api.json<Known>("/v1/users/me"));
    if (found) set(found);
  };
  useEffect(() => void load(), []);
  const personalise = async (on: boolean): Promise<void> => {
    const found = await chat.reach(() => chat.api.json<Known>("/v1/users/me", "PATCH", { personalise: on }));
    if (found) set(found);
  };
  const forget = async (taste: Taste): Promise<void> => {
    if (!taste.retract) return;
    await chat.reach(() => chat.api.json("/v1/feedback", "POST", { ...taste.retract, item_id: taste.item_id }));
    chat.forgotten(taste.item_id, taste.retract.value);
    await load();
  };
  const take = async (): Promise<void> => {
    const file = await chat.reach(() => chat.api.fetch("/v1/users/me/export").then((answer) => answer.blob()));
    if (file) download("zhiyin-export.json", file);
  };
  const erase = async (): Promise<void> => {
    if (!(await chat.reach(() => chat.api.json("/v1/users/me", "DELETE").then(() => true)))) return;
    close();
    chat.erased();
  };
  const tastes = (title: string, rows: Taste[]) => rows.length ? (
    <section>
      <h3>{title}</h3>
      <ul class="rows">
        {rows.map((taste) => {
          const name = taste.titles?.[lang] ?? taste.title;
          return <li key={taste.item_id}><span class="row">{name}</span>{taste.retract ? <button type="button" class="pill" aria-label={`${w.forget}: ${name}`} onClick={() => void forget(taste)}>{w.forget}</button> : null}</li>;
        })}
      </ul>
    </section>
  ) : null;
  return (
    <Dialog title={w.me} closing={w.close} close={close}>
      <p class="label">{w.knownIntro}</p>
      {known ? (
        <>
          <label class="check"><input type="checkbox" role="switch" checked={known.personalise} onChange={(event) => void personalise(event.currentTarget.checked)} /><span>{w.personal}<small>{w.personalHint}</small></span></label>
          {tastes(w.likes, known.likes)}
          {tastes(w.dislikes, known.dislikes)}
          {known.wishes.length ? (
            <section>
              <h3>{w.wishesSaid}</h3>
              <ul class="rows">{known.wishes.map((wish) => <li key={`${wish.session_id}/${wish.id}`}><button type="button" class="row" onClick={() => { close(); void chat.open(wish.session_id); }}><span>{wish.label}</span>{wish.source ? <small>{w.said} “{wish.source}”</small> : null}</button></li>)}</ul>
            </section>
          ) : null}
          {known.likes.length + known.dislikes.length + known.wishes.length === 0 ? <p>{w.nothingKnown}</p> : null}
          <p class="label">{fill(w.counts, { events: known.events, sessions: known.sessions })}</p>
          {sure ? (
            <div class="sure" role="group" aria-label={w.eraseSure}>
              <p>{w.eraseSure}</p>
              <button type="button" class="pill bad" ref={focused} onClick={() => void erase()}>{w.erase}</button>
              <button type="button" class="pill" onClick={() => ask(false)}>{w.cancel}</button>
            </div>
          ) : (
            <div class="acts">
              <button type="button" class="pill" onClick={() => void take()}>{w.export}</button>
              <button type="button" class="pill bad" onClick={() => ask(true)}>{w.erase}</button>
            </div>
          )}
        </>
      ) : <p class="label">{w.waiting}</p>}
    </Dialog>
  );
}
