import { useState } from "preact/hooks";
import { download } from "../shared/download";
import { type Desk, useListed } from "./desk";
import { Choice, counted, Flag, More, stamp, Table, Wait } from "./parts";
import { Replay } from "./replay";
import { hashOf, pathOf } from "./route";
import type { KeptCase, Talk } from "./types";

const FILTERS = ["all", "empty", "relaxed", "disliked", "slow", "fallback", "withheld", "cut", "undone"] as const;

/** Conversations: the list, or one that is open. */
export function Talks({ desk }: { desk: Desk }) {
  const [session] = desk.route.value.path;
  return session ? <Replay key={session} desk={desk} session={session} /> : <List desk={desk} />;
}

function List({ desk }: { desk: Desk }) {
  const w = desk.words.value;
  const { filter: asked = "all", user = "" } = desk.route.value.query;
  const filter = FILTERS.find((one) => one === asked) ?? "all";
  const listed = useListed<Talk>(desk, pathOf("/v1/admin/sessions", { limit: 50, filter: filter === "all" ? "" : filter, user }), "sessions");
  const [typed, type] = useState(user);
  const go = (next: { filter?: string; user?: string }): void => {
    const chosen = { filter, user, ...next };
    location.hash = hashOf("talks", [], { filter: chosen.filter === "all" ? "" : chosen.filter, user: chosen.user });
  };
  return (
    <>
      <div class="bench">
        <Choice name={w.filter} all={FILTERS} chosen={filter} label={(one) => desk.named("filter", one)} choose={(one) => go({ filter: one })} />
        <form class="find" role="search" onSubmit={(event) => { event.preventDefault(); go({ user: typed.trim() }); }}>
          <label class="sr" for="talks-user">{w.byUser}</label>
          <input id="talks-user" type="search" value={typed} placeholder={w.byUser} onInput={(event) => type(event.currentTarget.value)} />
          <button type="submit" class="pill">{w.find}</button>
        </form>
        <span class="gap" />
        <button type="button" class="pill" onClick={listed.again}>{w.refresh}</button>
      </div>
      <Wait desk={desk} of={listed}>{(talks) => talks.length === 0 ? <><p class="note">{listed.more ? w.noneYet : filter === "all" && !user ? w.noTalks : w.noneSo}</p><More desk={desk} more={listed.more} /></> : (
        <>
          <Table name={w.talks} head={[w.said, w.last, w.turns, w.flags, w.user]} numbers={[2]}>
            {talks.map((talk) => (
              <tr key={talk.session_id}>
                <th scope="row"><a href={hashOf("talks", [talk.session_id])} lang={talk.languages[0]}>{talk.title || w.untitled}</a></th>
                <td class="thin">{stamp(talk.last, desk)}</td>
                <td class="num">{talk.turns}</td>
                <td><span class="flags">{talk.flags.map((flag) => <Flag key={flag} desk={desk} flag={flag} />)}{talk.languages.map((lang) => <span key={lang} class="flag tongue">{lang}</span>)}</span></td>
                <td class="code"><a href={hashOf("users", [talk.user])}>{talk.user}</a></td>
              </tr>
            ))}
          </Table>
          <More desk={desk} more={listed.more} />
        </>
      )}</Wait>
      <Cases desk={desk} />
    </>
  );
}

/** What was made a test case, to take along or to take away. */
function Cases({ desk }: { desk: Desk }) {
  const w = desk.words.value;
  const listed = useListed<KeptCase>(desk, "/v1/admin/cases", "cases");
  if (!listed.value?.length) return null;
  const drop = (name: string): void => void desk.json(`/v1/admin/cases/${encodeURIComponent(name)}`, "DELETE").then(listed.again, (error: unknown) => desk.tell(desk.sentence(error), true));
  const all = (): void => void desk.blob("/v1/admin/cases.jsonl").then((file) => download("cases.jsonl", file), (error: unknown) => desk.tell(desk.sentence(error), true));
  return (
    <section>
      <h2>{w.cases}</h2>
      <div class="bench"><p class="soft">{counted(w.casesHint, listed.value.length, desk)}</p><span class="gap" /><button type="button" class="pill" onClick={all}>{w.downloadAll}</button></div>
      <Table name={w.cases} head={[w.name, w.note, w.turn, w.made, ""]} numbers={[2]}>
        {listed.value.map((one) => (
          <tr key={one.name}>
            <th scope="row" class="code">{one.session_id ? <a href={hashOf("talks", [one.session_id])}>{one.name}</a> : one.name}</th>
            <td>{one.note ?? ""}</td><td class="num">{one.turn ?? ""}</td><td class="thin">{stamp(one.made, desk)}</td>
            <td><button type="button" class="pill quiet" aria-label={`${w.remove}: ${one.name}`} onClick={() => drop(one.name)}>{w.remove}</button></td>
          </tr>
        ))}
      </Table>
    </section>
  );
}
