import { useState } from "preact/hooks";
import { Refused } from "../shared/api";
import { download } from "../shared/download";
import { number } from "../shared/format";
import { type Desk, fill, useListed, useLoaded } from "./desk";
import { Choice, counted, More, shown, stamp, Table, Wait } from "./parts";
import { hashOf } from "./route";
import { formatOf, kindOf } from "./sums";
import type { Imported, RowError } from "./types";

const KINDS = ["items", "events"] as const;

/** Files brought in: a new one, and those before. */
export function Imports({ desk }: { desk: Desk }) {
  const [id] = desk.route.value.path;
  return id ? <Earlier key={id} desk={desk} id={id} /> : <Bring desk={desk} />;
}

interface Brought { name: string; text: string; kind: (typeof KINDS)[number] }

/** A file is tried before anything is kept; what is wrong is told by line, and only then can it be applied. */
function Bring({ desk }: { desk: Desk }) {
  const w = desk.words.value;
  const listed = useListed<Imported>(desk, "/v1/admin/imports", "imports");
  const [file, hold] = useState<Brought | null>(null);
  const [result, show] = useState<(Imported & { applied: boolean }) | null>(null);
  const [fault, tell] = useState("");
  const [busy, work] = useState(false);
  const [over, hover] = useState(false);
  const send = async (brought: Brought, dry: boolean): Promise<void> => {
    work(true);
    tell("");
    try {
      const body = { name: brought.name, format: formatOf(brought.name, brought.text), kind: brought.kind, text: brought.text, dry_run: dry };
      show({ ...(await desk.json<Imported>("/v1/admin/imports", "POST", body)), applied: !dry });
      if (!dry) listed.again();
    } catch (error) {
      show(null);
      tell(error instanceof Refused && error.status === 413 ? `${error.message}. ${w.tooLarge}` : desk.sentence(error));
    } finally {
      work(false);
    }
  };
  const take = async (chosen: File | undefined): Promise<void> => {
    if (!chosen) return;
    const text = await chosen.text();
    const brought = { name: chosen.name, text, kind: kindOf(text) };
    hold(brought);
    await send(brought, true);
  };
  const again = (kind: (typeof KINDS)[number]): void => {
    if (!file) return;
    const brought = { ...file, kind };
    hold(brought);
    void send(brought, true);
  };
  return (
    <>
      <label class={`drop ${over ? "over-it" : ""}`} onDragOver={(event) => { event.preventDefault(); hover(true); }} onDragLeave={() => hover(false)}
        onDrop={(event) => { event.preventDefault(); hover(false); void take(event.dataTransfer?.files[0]); }}>
        <b>{w.dropHere}</b><span class="soft">{w.dropHint}</span>
        <input type="file" accept=".csv,.tsv,.jsonl,.ndjson,.json" onChange={(event) => { void take(event.currentTarget.files?.[0]); event.currentTarget.value = ""; }} />
      </label>
      {fault ? <p class="fault" role="alert">{fault}</p> : null}
      {busy ? <p class="soft" role="status">{w.checking}</p> : null}
      {file ? (
        <section>
          <div class="bench"><h2>{file.name}</h2><Choice name={w.holds} all={KINDS} chosen={file.kind} label={(one) => desk.named("kind", one)} choose={again} /></div>
          {result ? (
            <>
              <p role="status" class={result.rejected ? "note" : "note fine"}>{fill(result.applied ? w.appliedN : w.triedN, { rows: number(result.rows, desk.lang), accepted: number(result.accepted, desk.lang), rejected: number(result.rejected, desk.lang) })}</p>
              {result.applied ? null : <p class="row-of"><button type="button" class="main" disabled={busy || result.accepted === 0} onClick={() => void send(file, false)}>{counted(w.apply, result.accepted, desk)}</button><button type="button" class="pill" onClick={() => { hold(null); show(null); }}>{w.cancel}</button></p>}
              <Errors desk={desk} errors={result.errors} seen={result.seen !== false} />
            </>
          ) : null}
        </section>
      ) : null}
      <section>
        <h2>{w.earlier}</h2>
        <Wait desk={desk} of={listed}>{(all) => all.length === 0 ? <p class="soft">{w.noImports}</p> : (
          <>
            <Table name={w.earlier} head={[w.file, w.holds, w.rows, w.kept, w.refused, w.time]} numbers={[2, 3, 4]}>
              {all.map((one) => (
                <tr key={one.import_id}>
                  <th scope="row"><a href={hashOf("imports", [one.import_id ?? ""])}>{one.name}</a></th><td>{desk.named("kind", one.kind ?? "")}</td>
                  <td class="num">{number(one.rows, desk.lang)}</td><td class="num">{number(one.accepted, desk.lang)}</td><td class="num">{number(one.rejected, desk.lang)}</td><td class="thin">{stamp(one.time, desk)}</td>
                </tr>
              ))}
            </Table>
            <More desk={desk} more={listed.more} />
          </>
        )}</Wait>
      </section>
    </>
  );
}

function Errors({ desk, errors, seen }: { desk: Desk; errors: readonly RowError[]; seen: boolean }) {
  const w = desk.words.value;
  if (!errors.length) return null;
  return (
    <>
      <Table name={w.rowErrors} head={[w.line, w.field, w.message, w.row]} numbers={[0]}>
        {errors.map((one, n) => <tr key={n}><th scope="row" class="num">{one.line ?? "–"}</th><td class="code">{one.field}</td><td>{one.message}</td><td class="code thin"><span class="cut">{one.row === undefined ? "" : shown(one.row)}</span></td></tr>)}
      </Table>
      {!seen ? <p class="soft">{counted(w.firstN, errors.length, desk)}</p> : null}
    </>
  );
}

function Earlier({ desk, id }: { desk: Desk; id: string }) {
  const w = desk.words.value;
  const path = `/v1/admin/imports/${encodeURIComponent(id)}`;
  const loaded = useLoaded<Imported>(desk, path);
  const take = (): void => void desk.blob(`${path}/errors.csv`).then((file) => download(`${id}-errors.csv`, file), (error: unknown) => desk.tell(desk.sentence(error), true));
  return (
    <>
      <p><a href={hashOf("imports")}>‹ {w.imports}</a></p>
      <Wait desk={desk} of={loaded}>{(one) => (
        <section>
          <div class="bench"><h2>{one.name ?? id}</h2><span class="gap" />{one.errors.length ? <button type="button" class="pill" onClick={take}>{w.errorsCsv}</button> : null}</div>
          <p class="soft">{stamp(one.time, desk)} · {desk.named("kind", one.kind ?? "")} · {fill(w.appliedN, { rows: number(one.rows, desk.lang), accepted: number(one.accepted, desk.lang), rejected: number(one.rejected, desk.lang) })}</p>
          <Errors desk={desk} errors={one.errors} seen={one.seen !== false} />
        </section>
      )}</Wait>
    </>
  );
}
