import { useState } from "preact/hooks";
import { Dialog } from "../shared/dialog";
import { number } from "../shared/format";
import { type Desk, fill, useLoaded } from "./desk";
import { Choice, shown, stamp, Table, Wait } from "./parts";
import { hashOf } from "./route";
import type { Health, Key, Setting } from "./types";

const TABS = ["health", "keys", "values"] as const;
const SCOPES = ["browser", "server", "admin"] as const;
type Scope = (typeof SCOPES)[number];

/** The installation: whether it is well, who has keys, what is set and where that came from. */
export function Settings({ desk }: { desk: Desk }) {
  const w = desk.words.value;
  const tab = TABS.find((one) => one === desk.route.value.path[0]) ?? "health";
  return (
    <>
      <div class="bench"><Choice name={w.settings} all={TABS} chosen={tab} label={(one) => desk.named("tab", one)} choose={(one) => (location.hash = hashOf("settings", [one]))} /></div>
      {tab === "health" ? <Wellbeing desk={desk} /> : tab === "keys" ? <Keys desk={desk} /> : <Values desk={desk} />}
    </>
  );
}

function Wellbeing({ desk }: { desk: Desk }) {
  const w = desk.words.value;
  const loaded = useLoaded<Health>(desk, "/v1/admin/health");
  return (
    <Wait desk={desk} of={loaded}>{(health) => {
      const rows: [string, string][] = [
        [w.version, health.version], [w.uptime, duration(health.uptime_seconds, desk)], [w.workers, shown(health.workers)], [w.store, shown(health.store)], ["Redis", desk.named("state", shown(health.redis))],
        [w.domain, shown(health.domain)], [w.items, number(health.items ?? 0, desk.lang)], [w.embedded, health.embedded ? w.yes : w.no], [w.trained, health.trained ? w.yes : w.no], [w.localMode, health.local_mode ? w.yes : w.no],
      ];
      return (
        <>
          <div class="bench"><p><span class={`flag ${health.status === "ready" ? "fine" : "error"}`}>{health.status === "ready" ? w.well : w.unwell}</span></p><span class="gap" /><button type="button" class="pill" onClick={loaded.again}>{w.refresh}</button></div>
          <div class="halves">
            <section><h2>{w.parts}</h2><dl class="pairs">{Object.entries(health.parts).map(([part, state]) => <div key={part}><dt>{desk.named("part", part)}</dt><dd><span class={`flag ${state === "ok" ? "fine" : "error"}`}>{desk.named("state", state)}</span></dd></div>)}</dl></section>
            <section><h2>{w.where}</h2><dl class="pairs">{rows.map(([name, value]) => <div key={name}><dt>{name}</dt><dd>{value}</dd></div>)}</dl></section>
          </div>
        </>
      );
    }}</Wait>
  );
}

function duration(seconds: number, desk: Desk): string {
  const w = desk.words.value;
  const [days, hours, minutes] = [Math.floor(seconds / 86_400), Math.floor(seconds / 3600) % 24, Math.floor(seconds / 60) % 60];
  return days ? fill(w.daysHours, { d: days, h: hours }) : hours ? fill(w.hoursMinutes, { h: hours, m: minutes }) : fill(w.minutesSeconds, { m: minutes, s: seconds % 60 });
}

function Values({ desk }: { desk: Desk }) {
  const w = desk.words.value;
  const loaded = useLoaded<{ settings: Setting[] }>(desk, "/v1/admin/settings");
  const [typed, type] = useState("");
  const wanted = (one: Setting): boolean => `${one.name} ${one.description ?? ""} ${one.from}`.toLowerCase().includes(typed.trim().toLowerCase());
  return (
    <>
      <p class="find wide"><label class="sr" for="settings-query">{w.findSetting}</label><input id="settings-query" type="search" value={typed} placeholder={w.findSetting} onInput={(event) => type(event.currentTarget.value)} /></p>
      <Wait desk={desk} of={loaded}>{({ settings }) => (
        <div class="settings-of"><Table name={w.settings} head={[w.name, w.value, w.from, w.meaning]}>
          {settings.filter(wanted).map((one) => <tr key={one.name} class={one.from === "default" ? "usual" : ""}><th scope="row" class="code">{one.name}</th><td class="code">{shown(one.value)}</td><td class="origin">{origin(one.from, desk)}</td><td class="thin" lang="en">{one.description ?? ""}</td></tr>)}
        </Table></div>
      )}</Wait>
    </>
  );
}

/** Words for the usual origins; a file is named as it is. */
const origin = (from: string, desk: Desk): string => (/^[a-z]+$/.test(from) ? desk.named("from", from) : from);

function Keys({ desk }: { desk: Desk }) {
  const w = desk.words.value;
  const loaded = useLoaded<{ keys: Key[] }>(desk, "/v1/admin/keys");
  const [made, make] = useState<(Key & { key: string }) | null>(null);
  const [leaving, leave] = useState<Key | null>(null);
  const revoke = async (key: Key): Promise<void> => {
    leave(null);
    try {
      await desk.json(`/v1/admin/keys/${encodeURIComponent(key.id)}`, "DELETE");
      desk.tell(fill(w.revokedN, { name: key.name }));
      loaded.again();
    } catch (error) {
      desk.tell(desk.sentence(error), true);
    }
  };
  return (
    <>
      <Wait desk={desk} of={loaded}>{({ keys }) => (
        <>
          <Make desk={desk} first={keys.length === 0} made={(key, first) => { make(key); if (first) desk.unlock(key.key); else loaded.again(); }} />
          {keys.length === 0 ? <p class="soft">{w.noKeys}</p> : (
            <Table name={w.tab_keys} head={[w.name, "id", w.scope, w.made, w.lastUsed, ""]}>
              {keys.map((key) => (
                <tr key={key.id} class={key.revoked ? "usual" : ""}>
                  <th scope="row">{key.name}</th><td class="code">{key.id}</td><td>{desk.named("scope", key.scope)}</td><td class="thin">{stamp(key.created, desk)}</td><td class="thin">{key.used ?? "–"}</td>
                  <td>{key.revoked ? <span class="flag">{w.revoked}</span> : <button type="button" class="pill bad" aria-label={`${w.revoke}: ${key.name}`} onClick={() => leave(key)}>{w.revoke}</button>}</td>
                </tr>
              ))}
            </Table>
          )}
        </>
      )}</Wait>
      {made ? <Once desk={desk} made={made} close={() => make(null)} /> : null}
      {leaving ? (
        <Dialog title={w.revoke} closing={w.close} close={() => leave(null)}>
          <p>{fill(w.revokeSure, { name: leaving.name })}</p>
          <p class="row-of"><button type="button" class="pill bad" onClick={() => void revoke(leaving)}>{w.revoke}</button><button type="button" class="pill" onClick={() => leave(null)}>{w.cancel}</button></p>
        </Dialog>
      ) : null}
    </>
  );
}

/** The first key ends local mode for everybody, so it is an admin's, and this page goes on with it. */
function Make({ desk, first, made }: { desk: Desk; first: boolean; made: (key: Key & { key: string }, first: boolean) => void }) {
  const w = desk.words.value;
  const [name, call] = useState("");
  const [scope, reach] = useState<Scope>("browser");
  const [fault, tell] = useState("");
  const chosen: Scope = first ? "admin" : scope;
  const add = async (): Promise<void> => {
    tell("");
    try {
      const key = await desk.json<Key & { key: string }>("/v1/admin/keys", "POST", { name: name.trim(), scope: chosen });
      call("");
      made(key, first);
    } catch (error) {
      tell(desk.sentence(error));
    }
  };
  return (
    <form class="bench" onSubmit={(event) => { event.preventDefault(); void add(); }}>
      <p class="find"><label for="key-name">{w.newKey}</label><input id="key-name" value={name} required maxLength={80} placeholder={w.keyFor} autocomplete="off" onInput={(event) => call(event.currentTarget.value)} /></p>
      <Choice name={w.scope} all={first ? ["admin"] as const : SCOPES} chosen={chosen} label={(one) => desk.named("scope", one)} choose={reach} />
      <button type="submit" class="main">{w.makeKey}</button>
      {first ? <p class="note">{w.firstKey}</p> : null}
      {fault ? <p class="fault" role="alert">{fault}</p> : null}
    </form>
  );
}

function Once({ desk, made, close }: { desk: Desk; made: Key & { key: string }; close: () => void }) {
  const w = desk.words.value;
  const copy = (): void => void navigator.clipboard?.writeText(made.key).then(() => desk.tell(w.copied), () => desk.tell(w.copyFailed, true));
  return (
    <Dialog title={fill(w.keyMade, { name: made.name })} closing={w.close} close={close}>
      <p>{w.onlyOnce}</p>
      <p class="find"><label class="sr" for="key-made">{w.tab_keys}</label><input id="key-made" class="code" readOnly value={made.key} onFocus={(event) => event.currentTarget.select()} /><button type="button" class="pill" onClick={copy}>{w.copy}</button></p>
    </Dialog>
  );
}
