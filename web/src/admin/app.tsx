import { useEffect, useRef, useState } from "preact/hooks";
import { Icon } from "../shared/icons";
import { THEMES } from "../shared/look";
import { Catalogue } from "./catalogue";
import type { Desk } from "./desk";
import { Imports } from "./imports";
import { Model } from "./model";
import { Overview } from "./overview";
import { hashOf, type Place, PLACES } from "./route";
import { Settings } from "./settings";
import { Talks } from "./talks";
import { Users } from "./users";

const PAGES = { overview: Overview, talks: Talks, catalogue: Catalogue, users: Users, imports: Imports, model: Model, settings: Settings };

/** The operator's page; `root` carries theme and language. */
export function App({ desk, root }: { desk: Desk; root: HTMLElement }) {
  const w = desk.words.value;
  const { place, path } = desk.route.value;
  const Page = PAGES[place];
  const title = useRef<HTMLHeadingElement>(null);
  const first = useRef(true);
  useEffect(() => desk.look.apply(root), []);
  useEffect(() => {
    document.title = `${w[place]} · Zhiyin 知音`;
  }, [place, desk.lang]);
  useEffect(() => {
    if (!first.current) title.current?.focus({ preventScroll: place === "talks" && path.length > 1 }); // a reader of screens hears where it is
    first.current = false;
  }, [place, path[0]]);
  return (
    <div class="zhiyin desk">
      <button type="button" class="jump pill" onClick={() => title.current?.focus()}>{w.skip}</button>
      <header class="head">
        <a class="brand" href="#/overview"><span class="seal" lang="zh-CN">知音</span> {w.operator}</a>
        <nav aria-label={w.menu}><ul>{PLACES.map((one) => <li key={one}><Way desk={desk} to={one} here={one === place} /></li>)}</ul></nav>
        <div class="look">
          <label class="sr" for="theme">{w.theme}</label>
          <select id="theme" value={desk.look.theme.value} onChange={(event) => (desk.look.theme.value = THEMES.find((one) => one === event.currentTarget.value) ?? "system")}>{THEMES.map((one) => <option key={one} value={one}>{w[one]}</option>)}</select>
          <button type="button" class="flat" lang={desk.lang === "zh" ? "en" : "zh-CN"} onClick={() => (desk.look.lang.value = desk.lang === "zh" ? "en" : "zh")}>{desk.lang === "zh" ? "English" : "中文"}</button>
          {desk.key.value ? <button type="button" class="flat" onClick={() => desk.unlock("")}>{w.forgetKey}</button> : null}
        </div>
      </header>
      <main>
        <h1 ref={title} tabIndex={-1}>{w[place]}</h1>
        {desk.locked.value ? <Lock desk={desk} /> : <Page desk={desk} />}
      </main>
      <Toast desk={desk} />
    </div>
  );
}

function Way({ desk, to, here }: { desk: Desk; to: Place; here: boolean }) {
  const link = useRef<HTMLAnchorElement>(null);
  useEffect(() => {
    const row = link.current?.closest("nav");
    if (here && row && link.current) row.scrollLeft = link.current.offsetLeft - (row.clientWidth - link.current.offsetWidth) / 2; // on a phone the row is wider than the screen
  }, [here]);
  return <a ref={link} href={hashOf(to)} aria-current={here ? "page" : undefined}>{desk.words.value[to]}</a>;
}

/** What was done or went wrong; spoken too. A failure stays until it is closed. */
function Toast({ desk }: { desk: Desk }) {
  const w = desk.words.value;
  const told = desk.toast.value;
  useEffect(() => {
    if (!told || told.bad) return;
    const clock = setTimeout(() => (desk.toast.value = null), 8000);
    return () => clearTimeout(clock);
  }, [told]);
  return (
    <div class="told-of" role="status" aria-live="polite">
      {told ? <p class={told.bad ? "bad" : ""}>{told.text} <button type="button" class="round" aria-label={w.close} title={w.close} onClick={() => (desk.toast.value = null)}><Icon sign="close" size={14} /></button></p> : null}
    </div>
  );
}

/** Asks for an admin key, and says why. */
function Lock({ desk }: { desk: Desk }) {
  const w = desk.words.value;
  const [typed, type] = useState("");
  const why = desk.locked.value;
  return (
    <form class="lock" onSubmit={(event) => { event.preventDefault(); if (typed.trim()) desk.unlock(typed.trim()); }}>
      <h2>{w.lockTitle}</h2>
      <p role="alert">{why === "wrong" ? w.lockWrong : why === "forbidden" ? w.lockForbidden : w.lockNeeded}</p>
      <label for="admin-key">{w.adminKey}</label>
      <input id="admin-key" class="code" type="password" value={typed} autocomplete="off" spellcheck={false} placeholder="ak_…" required onInput={(event) => type(event.currentTarget.value)} />
      <p class="soft">{w.lockHint} <code>zhiyin keys add NAME --scope admin</code></p>
      <p><button type="submit" class="main">{w.unlock}</button></p>
    </form>
  );
}
