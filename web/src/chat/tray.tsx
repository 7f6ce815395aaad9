import { useEffect, useState } from "preact/hooks";
import { Dialog } from "../shared/dialog";
import { Drawing } from "../shared/drawing";
import { fill } from "../shared/format";
import { Icon } from "../shared/icons";
import { colourOf, kindOf, titleOf } from "./facts";
import type { Chat } from "./store";
import type { Comparison } from "./types";

/** What was picked to be compared. */
export function Tray({ chat, compare }: { chat: Chat; compare: () => void }) {
  const w = chat.words.value;
  const lang = chat.look.lang.value;
  const cards = chat.tray.value;
  if (!cards.length) return null;
  return (
    <div class="tray" role="group" aria-label={w.tray}>
      {cards.map((card) => (
        <button type="button" class="pill picked" key={card.id} aria-label={`${w.remove}: ${titleOf(card, lang)}`} onClick={() => chat.toggleTray(card)}>
          <Drawing title={card.title} kind={kindOf(card)} colour={colourOf(card)} name={titleOf(card, lang)} /><span>{titleOf(card, lang)}</span><Icon sign="close" size={13} />
        </button>
      ))}
      {cards.length > 1 ? <button type="button" class="main" onClick={compare}>{fill(w.compareNow, { n: cards.length })}</button> : <span class="label">{w.pickMore}</span>}
    </div>
  );
}

/** Items side by side: a row a fact, what differs marked, and a verdict a wish. */
export function Compare({ chat, close }: { chat: Chat; close: () => void }) {
  const w = chat.words.value;
  const lang = chat.look.lang.value;
  const [found, set] = useState<Comparison | null>(null);
  const [only, setOnly] = useState(false);
  useEffect(() => {
    const body = { items: chat.tray.value.map((card) => card.id), session_id: chat.session.value || undefined, locale: lang };
    void chat.reach(() => chat.api.json<Comparison>("/v1/compare", "POST", body)).then((answer) => (answer ? set(answer) : close()));
  }, [lang]);
  const verdict = (holds: boolean | null) => (
    <span class={holds === null ? "unsure" : holds ? "yes" : "no"}><span aria-hidden="true">{holds === null ? "–" : holds ? "✓" : "✕"}</span> {holds === null ? w.unknown : holds ? w.yes : w.no}</span>
  );
  return (
    <Dialog title={w.compare} closing={w.close} close={close} kind="wide">
      {found ? (
        <>
          {found.rows.some((row) => !row.differs) ? <label class="check"><input type="checkbox" checked={only} onChange={(event) => setOnly(event.currentTarget.checked)} /> {w.onlyDiffers}</label> : null}
          <div class="scroll" tabIndex={0} role="region" aria-label={w.compare}>
            <table>
              <thead>
                <tr>
                  <th scope="col"><span class="sr">{w.feature}</span></th>
                  {found.items.map((card) => <th scope="col" key={card.id}><Drawing title={card.title} kind={kindOf(card)} colour={colourOf(card)} name={titleOf(card, lang)} /><span>{titleOf(card, lang)}</span></th>)}
                </tr>
              </thead>
              {found.verdicts.length ? (
                <tbody class="verdicts">
                  <tr><th scope="colgroup" colSpan={found.items.length + 1}>{w.verdict}</th></tr>
                  {found.verdicts.map((row) => (
                    <tr key={row.constraint}><th scope="row">{row.label}{row.source ? <small>{w.said} “{row.source}”</small> : null}</th>{row.holds.map((holds, n) => <td key={n}>{verdict(holds)}</td>)}</tr>
                  ))}
                </tbody>
              ) : null}
              <tbody>
                <tr><th scope="colgroup" colSpan={found.items.length + 1}>{w.details}</th></tr>
                {found.rows.filter((row) => row.differs || !only).map((row) => (
                  <tr key={row.field} class={row.differs ? "differs" : undefined}>
                    <th scope="row">{row.label}</th>
                    {row.values.map((cell, n) => <td key={n} class={row.best === n ? "best" : undefined}>{cell ? cell.text : <span class="unsure">{w.unknown}</span>}{row.best === n ? <small> {w.best}</small> : null}</td>)}
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        </>
      ) : <p class="label">{w.waiting}</p>}
    </Dialog>
  );
}
