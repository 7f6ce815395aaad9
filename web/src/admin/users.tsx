import { useState } from "preact/hooks";
import { Dialog } from "../shared/dialog";
import { download } from "../shared/download";
import { number } from "../shared/format";
import { type Desk, fill, useListed, useLoaded } from "./desk";
import { Bar, More, stamp, Table, titleOf, Wait } from "./parts";
import { hashOf, pathOf } from "./route";
import type { Erased, Known, Taste, User } from "./types";

/** Users: the list, or what is known of one. */
export function Users({ desk }: { desk: Desk }) {
  const [user] = desk.route.value.path;
  return user ? <One key={user} desk={desk} user={user} /> : <List desk={desk} />;
}

function List({ desk }: { desk: Desk }) {
  const w = desk.words.value;
  const query = desk.route.value.query["query"] ?? "";
  const [typed, type] = useState(query);
  const listed = useListed<User>(desk, pathOf("/v1/admin/users", { limit: 50, query }), "users");
  return (
    <>
      <div class="bench">
        <form class="find wide" role="search" onSubmit={(event) => { event.preventDefault(); location.hash = hashOf("users", [], { query: typed.trim() }); }}>
          <label class="sr" for="users-query">{w.findUser}</label>
          <input id="users-query" type="search" value={typed} placeholder={w.findUser} onInput={(event) => type(event.currentTarget.value)} />
          <button type="submit" class="pill">{w.find}</button>
        </form>
      </div>
      <Wait desk={desk} of={listed}>{(users) => users.length === 0 ? <><p class="note">{listed.more ? w.noneYet : query ? w.noneSo : w.noUsers}</p><More desk={desk} more={listed.more} /></> : (
        <>
          <Table name={w.users} head={[w.user, w.events, w.talks, w.last]} numbers={[1, 2]}>
            {users.map((one) => (
              <tr key={one.user}>
                <th scope="row" class="code"><a href={hashOf("users", [one.user])}>{one.user}</a></th>
                <td class="num">{number(one.events, desk.lang)}</td><td class="num">{one.sessions ?? "–"}</td><td class="thin">{stamp(one.last, desk)}</td>
              </tr>
            ))}
          </Table>
          <More desk={desk} more={listed.more} />
        </>
      )}</Wait>
    </>
  );
}

function One({ desk, user }: { desk: Desk; user: string }) {
  const w = desk.words.value;
  const path = `/v1/users/${encodeURIComponent(user)}`;
  const loaded = useLoaded<Known>(desk, path);
  const [sure, ask] = useState(false);
  const [gone, went] = useState<Erased["erased"] | null>(null);
  const n = (value: number): string => number(value, desk.lang);
  const take = (): void => void desk.blob(`${path}/export`).then((file) => download(`${user.replace(/[^\w.-]+/g, "_")}.json`, file), (error: unknown) => desk.tell(desk.sentence(error), true));
  const erase = async (): Promise<void> => {
    ask(false);
    try {
      went((await desk.json<Erased>(path, "DELETE")).erased);
      loaded.again();
    } catch (error) {
      desk.tell(desk.sentence(error), true);
    }
  };
  return (
    <>
      <p><a href={hashOf("users")}>‹ {w.users}</a></p>
      <h2 class="code">{user}</h2>
      {gone ? <p class="note" role="status">{fill(w.erased, { log: n(gone.log), records: n(gone.records), live: n(gone.live) })}</p> : null}
      <Wait desk={desk} of={loaded}>{(known) => (
        <>
          <div class="bench">
            <p class="soft">{fill(w.userCounts, { events: n(known.events), sessions: n(known.sessions) })} · {known.personalise ? w.personalOn : w.personalOff}</p>
            <span class="gap" />
            <a class="pill" href={hashOf("talks", [], { user })}>{w.talks}</a>
            <button type="button" class="pill" onClick={take}>{w.export}</button>
            <button type="button" class="pill bad" onClick={() => ask(true)}>{w.erase}</button>
          </div>
          <div class="halves">
            <Tastes desk={desk} name={w.theyLike} all={known.likes} tone={3} />
            <Tastes desk={desk} name={w.theyDislike} all={known.dislikes} tone={1} />
          </div>
          <section>
            <h2>{w.wishesSaid}</h2>
            {known.wishes.length ? <ul class="wishlist">{known.wishes.map((wish) => <li key={`${wish.session_id}.${wish.id}`} class={wish.hard ? "hard" : ""}><b>{wish.label}</b> <small>{wish.source ? <q>{wish.source}</q> : null} · <a href={hashOf("talks", [wish.session_id])}>{w.openTalk}</a></small></li>)}</ul> : <p class="soft">{w.none}</p>}
          </section>
          {sure ? (
            <Dialog title={w.erase} closing={w.close} close={() => ask(false)}>
              <p>{fill(w.eraseSure, { user, events: n(known.events), sessions: n(known.sessions) })}</p>
              <p class="row-of"><button type="button" class="pill bad" onClick={() => void erase()}>{w.eraseNow}</button><button type="button" class="pill" onClick={() => ask(false)}>{w.cancel}</button></p>
            </Dialog>
          ) : null}
        </>
      )}</Wait>
    </>
  );
}

function Tastes({ desk, name, all, tone }: { desk: Desk; name: string; all: readonly Taste[]; tone: number }) {
  const w = desk.words.value;
  const most = Math.max(0.0001, ...all.map((one) => Math.abs(one.weight)));
  return (
    <section>
      <h2>{name}</h2>
      {all.length ? (
        <table class="bars"><caption class="sr">{name}</caption><tbody>
          {all.map((one) => <tr key={one.item_id}><th scope="row"><a href={hashOf("catalogue", [one.item_id])}>{titleOf(one, desk)}</a></th><td><Bar share={Math.abs(one.weight) / most} tone={tone} /></td><td class="num">{one.weight.toFixed(2)}</td></tr>)}
        </tbody></table>
      ) : <p class="soft">{w.none}</p>}
    </section>
  );
}
