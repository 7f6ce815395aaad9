import { useEffect, useRef, useState } from "preact/hooks";
import { number } from "../shared/format";
import { Dialog } from "../shared/dialog";
import { type Desk, type Fault, faultsOf, fill, useListed, useLoaded } from "./desk";
import { Bar, counted, More, percent, shown, Table, titleOf, Wait } from "./parts";
import { hashOf, pathOf } from "./route";
import { pretty, spanOf } from "./sums";
import type { Catalogue as Told, Issue, Item } from "./types";

/** The catalogue: how full it is, what is wrong with it, its items. */
export function Catalogue({ desk }: { desk: Desk }) {
  const { path, query } = desk.route.value;
  if (path[0]) return <Edit key={path[0]} desk={desk} id={path[0]} />;
  if (query["new"]) return <Edit desk={desk} id="" />;
  return <><Search desk={desk} />{query["query"] ? <Results desk={desk} query={query["query"]} /> : <State desk={desk} />}</>;
}

function Search({ desk }: { desk: Desk }) {
  const w = desk.words.value;
  const query = desk.route.value.query["query"] ?? "";
  const [typed, type] = useState(query);
  useEffect(() => type(query), [query]);
  return (
    <div class="bench">
      <form class="find wide" role="search" onSubmit={(event) => { event.preventDefault(); location.hash = hashOf("catalogue", [], { query: typed.trim() }); }}>
        <label class="sr" for="catalogue-query">{w.findItem}</label>
        <input id="catalogue-query" type="search" value={typed} placeholder={w.findItem} onInput={(event) => type(event.currentTarget.value)} />
        <button type="submit" class="pill">{w.find}</button>
      </form>
      {query ? <a class="pill" href={hashOf("catalogue")}>{w.back}</a> : null}
      <span class="gap" />
      <a class="pill" href={hashOf("catalogue", [], { new: "1" })}>{w.newItem}</a>
    </div>
  );
}

function Results({ desk, query }: { desk: Desk; query: string }) {
  const w = desk.words.value;
  const listed = useListed<Item>(desk, pathOf("/v1/items", { query, limit: 50 }), "items");
  return (
    <Wait desk={desk} of={listed}>{(items) => items.length === 0 ? <p class="note">{fill(w.noSuchItem, { query })}</p> : (
      <>
        <Table name={w.items} head={[w.item, "id", w.attributes]}>
          {items.map((item) => (
            <tr key={item.id}>
              <th scope="row"><a href={hashOf("catalogue", [item.id])}>{titleOf(item, desk)}</a></th>
              <td class="code">{item.id}</td>
              <td class="thin"><span class="cut">{Object.entries(item.attributes).slice(0, 5).map(([field, value]) => `${field} ${shown(value)}`).join(" · ")}</span></td>
            </tr>
          ))}
        </Table>
        <More desk={desk} more={listed.more} />
      </>
    )}</Wait>
  );
}

function State({ desk }: { desk: Desk }) {
  const w = desk.words.value;
  const loaded = useLoaded<Told>(desk, "/v1/admin/catalogue");
  return (
    <Wait desk={desk} of={loaded}>{(told) => (
      <>
        <p class="soft">{counted(w.itemsN, told.items, desk)}</p>
        <div class="halves">
          <section>
            <h2>{w.issues}</h2>
            {told.issues.length ? <ul class="issues">{told.issues.map((issue) => <Trouble key={`${issue.code}.${issue.field ?? ""}`} desk={desk} issue={issue} />)}</ul> : <p class="note">{w.noIssues}</p>}
          </section>
          <section>
            <h2>{w.fields}</h2>
            <Table name={w.fields} head={[w.field, w.known, "", w.distinct, w.example]} numbers={[1, 3]}>
              {told.fields.map((one) => (
                <tr key={one.field}>
                  <th scope="row"><span class="code">{one.field}</span><small>{one.kind}</small></th>
                  <td class="num">{percent(one.share, desk)}</td><td class="mix"><Bar share={one.share} tone={one.share < 0.5 ? 1 : 0} /></td>
                  <td class="num">{number(one.distinct, desk.lang)}</td><td class="thin"><span class="cut">{shown(one.example)}</span></td>
                </tr>
              ))}
            </Table>
          </section>
        </div>
      </>
    )}</Wait>
  );
}

function Trouble({ desk, issue }: { desk: Desk; issue: Issue }) {
  const w = desk.words.value;
  return (
    <li>
      <details>
        <summary><span class={`flag ${issue.severity}`}>{desk.named("severity", issue.severity)}</span> <span>{issue.text[desk.lang] ?? issue.code}</span></summary>
        <ul class="links">{issue.items.map((id) => <li key={id}><a class="code" href={hashOf("catalogue", [id])}>{id}</a></li>)}{issue.count > issue.items.length ? <li class="soft">{counted(w.moreN, issue.count - issue.items.length, desk)}</li> : null}</ul>
      </details>
    </li>
  );
}

const EMPTY = { titles: { en: "", zh: "" }, attributes: {}, description: {} };

/** The row as a PUT takes it: the id stands in the address, the title among the titles. */
function rowOf({ id: _, title, titles, ...rest }: Item): unknown {
  return { titles: Object.keys(titles ?? {}).length ? titles : { original: title }, ...rest };
}

function Edit({ desk, id }: { desk: Desk; id: string }) {
  const w = desk.words.value;
  const loaded = useLoaded<Item>(desk, id ? `/v1/items/${encodeURIComponent(id)}` : null);
  return (
    <>
      <p><a href={hashOf("catalogue")}>‹ {w.catalogue}</a></p>
      {id ? <Wait desk={desk} of={loaded}>{(item) => <Editor key={item.id} desk={desk} id={id} row={rowOf(item)} title={titleOf(item, desk)} again={loaded.again} />}</Wait> : <Editor desk={desk} id="" row={EMPTY} title={w.newItem} again={() => undefined} />}
    </>
  );
}

interface EditorProps { desk: Desk; id: string; row: unknown; title: string; again: () => void }

function Editor({ desk, id, row, title, again }: EditorProps) {
  const w = desk.words.value;
  const was = pretty(row);
  const [text, write] = useState(was);
  const [name, call] = useState(id);
  const [faults, blame] = useState<Fault[]>([]);
  const [sure, ask] = useState(false);
  const area = useRef<HTMLTextAreaElement>(null);
  useEffect(() => write(was), [was]);
  const changed = text !== was;
  const save = async (): Promise<void> => {
    let body: unknown;
    try {
      body = JSON.parse(text);
    } catch (error) {
      return blame([{ field: "JSON", message: error instanceof Error ? error.message : String(error) }]);
    }
    if (!name.trim()) return blame([{ field: "id", message: w.idNeeded }]);
    try {
      await desk.json(`/v1/items/${encodeURIComponent(name.trim())}`, "PUT", body);
      blame([]);
      desk.tell(fill(w.saved, { id: name.trim() }));
      if (id) again();
      else location.hash = hashOf("catalogue", [name.trim()]);
    } catch (error) {
      const named = faultsOf(error);
      blame(named.length ? named : [{ field: "", message: desk.sentence(error) }]);
    }
  };
  const remove = async (): Promise<void> => {
    ask(false);
    try {
      await desk.json(`/v1/items/${encodeURIComponent(id)}`, "DELETE");
      desk.tell(fill(w.itemGone, { id }));
      location.hash = hashOf("catalogue");
    } catch (error) {
      desk.tell(desk.sentence(error), true);
    }
  };
  const show = (field: string): void => {
    const span = spanOf(text, field);
    area.current?.focus();
    if (span) area.current?.setSelectionRange(...span);
  };
  return (
    <form class="editor" onSubmit={(event) => { event.preventDefault(); void save(); }}>
      <h2>{title}</h2>
      {id ? <p class="code soft">{id}</p> : <p class="find"><label for="item-id">id</label><input id="item-id" value={name} required onInput={(event) => call(event.currentTarget.value)} /></p>}
      {faults.length ? (
        <div class="faults" role="alert"><h3>{counted(w.notSaved, faults.length, desk)}</h3>
          <ul>{faults.map((fault, n) => <li key={n}>{fault.field ? <button type="button" class="code" onClick={() => show(fault.field)}>{fault.field}</button> : null} {fault.message}</li>)}</ul></div>
      ) : null}
      <label class="sr" for="item-json">{w.row}</label>
      <textarea id="item-json" ref={area} class="code" value={text} rows={Math.min(34, Math.max(12, text.split("\n").length + 1))} spellcheck={false} autocomplete="off" aria-invalid={faults.length > 0}
        onInput={(event) => write(event.currentTarget.value)}
        onKeyDown={(event) => { if (event.key === "s" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); void save(); } }} />
      <p class="soft">{w.wholeRow}</p>
      <div class="bench">
        <button type="submit" class="main" disabled={!changed}>{w.save}</button>
        <button type="button" class="pill" disabled={!changed} onClick={() => { write(was); blame([]); }}>{w.reset}</button>
        <span class="gap" />
        {id ? <button type="button" class="pill bad" onClick={() => ask(true)}>{w.remove}</button> : null}
      </div>
      {sure ? (
        <Dialog title={w.remove} closing={w.close} close={() => ask(false)}>
          <p>{fill(w.itemSure, { title })}</p>
          <p class="row-of"><button type="button" class="pill bad" onClick={() => void remove()}>{w.remove}</button><button type="button" class="pill" onClick={() => ask(false)}>{w.cancel}</button></p>
        </Dialog>
      ) : null}
    </form>
  );
}
