import { useId, useState } from "preact/hooks";
import { type Desk, fill, useLoaded } from "./desk";
import { shown, sourceTone, Stack, titleOf, Wait } from "./parts";
import { Legend } from "./replay";
import { hashOf, pathOf } from "./route";
import { addsUp, ends, type Part, stacked, sum, weighed } from "./sums";
import type { Item, Why, WhyCard } from "./types";

/** Why a turn showed what it showed: a verdict for each wish and what each source gave, card by card; and of an item that it did not show, why not. */
export function WhyPanel({ desk, session, turn }: { desk: Desk; session: string; turn: number }) {
  const w = desk.words.value;
  const item = desk.route.value.query["item"] ?? "";
  const loaded = useLoaded<Why>(desk, pathOf(`/v1/admin/sessions/${encodeURIComponent(session)}/turns/${turn}/why`, { item_id: item }));
  const ask = (id: string): void => void (location.hash = hashOf("talks", [session, turn, "why"], { item: id }));
  return (
    <section class="why-panel" aria-label={w.whyThese}>
      <WhyNot desk={desk} item={item} ask={ask} />
      <Wait desk={desk} of={loaded}>{(why) => <Cards desk={desk} why={why} />}</Wait>
    </section>
  );
}

/** An id, or words that name an item; the best that the catalogue finds is asked about. */
function WhyNot({ desk, item, ask }: { desk: Desk; item: string; ask: (id: string) => void }) {
  const w = desk.words.value;
  const [typed, type] = useState(item);
  const [fault, tell] = useState("");
  const name = useId();
  const find = async (): Promise<void> => {
    tell("");
    const query = typed.trim();
    if (!query) return ask("");
    try {
      const { items } = await desk.json<{ items: Item[] }>(pathOf("/v1/items", { query, limit: 1 }));
      const best = items[0];
      if (best) ask(best.id);
      else tell(fill(w.noSuchItem, { query }));
    } catch (error) {
      tell(desk.sentence(error));
    }
  };
  return (
    <form class="find" onSubmit={(event) => { event.preventDefault(); void find(); }}>
      <label for={name}>{w.whyNot}</label>
      <input id={name} type="search" value={typed} placeholder={w.idOrTitle} onInput={(event) => type(event.currentTarget.value)} />
      <button type="submit" class="pill">{w.ask}</button>
      {fault ? <p class="fault" role="alert">{fault}</p> : null}
    </form>
  );
}

/** What gave an item its score: as the log has it for one that was shown, else as it would be now. */
function partsOf(card: WhyCard): { score: number; parts: Part[]; then: boolean } | null {
  if (card.then) {
    const rest = Math.abs(card.then.rest) > 0.0005 ? [{ source: "rest", score: 0, weight: null, contribution: card.then.rest }] : [];
    return { score: card.then.score, parts: [...weighed(card.then.contributions), ...rest], then: true };
  }
  return card.now ? { score: card.now.score, parts: weighed(card.now.contributions), then: false } : null;
}

function Cards({ desk, why }: { desk: Desk; why: Why }) {
  const w = desk.words.value;
  const extra = why.item && !why.item.shown ? [why.item] : [];
  const cards = [...extra, ...why.cards];
  const all = cards.map((card) => partsOf(card)?.parts ?? []);
  const names = [...new Set(all.flat().map(({ source }) => source))];
  const limits = ends(all);
  return (
    <>
      {why.notes.length ? <ul class="plain note">{why.notes.map((note) => <li key={note.code}>{note.text[desk.lang]}</li>)}</ul> : <p class="soft">{w.nothingChanged}</p>}
      <p class="soft">{fill(w.passing, { n: why.passing, all: why.items })}</p>
      {cards.length === 0 ? <p class="soft">{w.noCardsToExplain}</p> : <Legend desk={desk} names={names} />}
      <ol class="whys">{cards.map((card, n) => <Card key={card.id} desk={desk} card={card} limits={limits} open={n === 0 || card.id === why.item?.id} />)}</ol>
    </>
  );
}

interface CardProps { desk: Desk; card: WhyCard; limits: [number, number]; open: boolean }

function Card({ desk, card, limits, open }: CardProps) {
  const w = desk.words.value;
  const rank = (place: number | null | undefined): string => (place ? `#${place}` : "–");
  const told = partsOf(card);
  const pieces = told ? stacked(told.parts, ...limits) : [];
  return (
    <li>
      <details open={open}>
        <summary>
          <b>{titleOf(card, desk)}</b>
          <span class="soft">{card.shown ? fill(w.rankThen, { then: rank(card.then?.rank), now: rank(card.now?.rank) }) : card.now?.rank ? fill(w.notShownRank, { now: rank(card.now.rank) }) : w.notShown}</span>
          <span class="num">{told ? told.score.toFixed(3) : "–"}</span>
          <Stack pieces={pieces} tones={sourceTone} label={pieces.map((piece) => `${desk.named("src", piece.name)} ${piece.value.toFixed(3)}`).join(", ") || w.noScore} />
        </summary>
        {card.kept_out ? <p class="kept-out">{w.keptOut} {card.kept_out.text[desk.lang]}</p> : null}
        {card.changed.length ? <p class="soft">{w.fieldsChanged} {card.changed.join(", ")}</p> : null}
        <div class="side"><Verdicts desk={desk} card={card} />{told ? <Sums desk={desk} card={card} told={told} /> : null}</div>
      </details>
    </li>
  );
}

function Sums({ desk, card, told }: { desk: Desk; card: WhyCard; told: { score: number; parts: Part[]; then: boolean } }) {
  const w = desk.words.value;
  const now = told.then && card.now && Math.abs(card.now.score - told.score) > 0.0005 ? card.now.score : null;
  return (
    <table class="sums"><caption>{told.then ? w.contributions : w.contributionsNow}</caption>
      <thead><tr><th scope="col">{w.source}</th><th scope="col" class="num">{w.score}</th><th scope="col" class="num">× {w.weight}</th><th scope="col" class="num">= {w.contribution}</th></tr></thead>
      <tbody>{told.parts.map((part) => (
        <tr key={part.source}><th scope="row"><i class={`key tone${sourceTone(part.source)}`} /> {desk.named("src", part.source)}</th><td class="num">{part.weight === null ? "" : part.score.toFixed(3)}</td><td class="num">{part.weight === null ? "" : part.weight.toFixed(2)}</td><td class="num">{part.contribution.toFixed(3)}</td></tr>
      ))}</tbody>
      <tfoot>
        <tr><th scope="row">{w.sum}</th><td colSpan={3} class="num"><b>{sum(told.parts.map((part) => part.contribution)).toFixed(3)}</b></td></tr>
        {addsUp(told.parts, told.score) ? null : <tr><th scope="row">{w.score}</th><td colSpan={3} class="num">{told.score.toFixed(3)}</td></tr>}
        {now === null ? null : <tr><th scope="row">{w.scoreNow}</th><td colSpan={3} class="num">{now.toFixed(3)}</td></tr>}
      </tfoot>
    </table>
  );
}

const MARKS: Record<string, string> = { holds: "✓", fails: "✗", unknown: "?", ranks: "↕" };

function Verdicts({ desk, card }: { desk: Desk; card: WhyCard }) {
  const w = desk.words.value;
  if (!card.verdicts.length) return <p class="soft">{w.noWishes}</p>;
  return (
    <table class="verdicts"><caption>{w.wishes}</caption>
      <thead><tr><th scope="col">{w.wish}</th><th scope="col">{w.verdict}</th><th scope="col">{w.inRow}</th></tr></thead>
      <tbody>{card.verdicts.map((one) => (
        <tr key={one.constraint}>
          <th scope="row">{one.label[desk.lang] ?? one.field}<small>{one.hard ? w.must : w.nice}{one.source ? <> · <q>{one.source}</q></> : null}</small></th>
          <td class={one.verdict}>{MARKS[one.verdict] ?? ""} {desk.named("verdict", one.verdict)}</td><td>{shown(one.value)}</td>
        </tr>
      ))}</tbody>
    </table>
  );
}
