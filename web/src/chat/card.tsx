import { Fragment } from "preact";
import { memo } from "preact/compat";
import { useState } from "preact/hooks";
import { Drawing } from "../shared/drawing";
import type { Lang } from "../shared/format";
import { Icon, type Sign } from "../shared/icons";
import type { Words } from "../words/en";
import { colourOf, type Facts, factsOf, kindOf, otherTitle, titleOf, valueText } from "./facts";
import type { Chat } from "./store";
import type { Card, Opinion, Reason, Turn } from "./types";

const REASONS = ["price_sensitivity", "product_fit", "trust_security", "comparison", "timing_deferred", "other"] as const;
const KINDS = ["wish", "similar", "behaviour", "popular", "quality"] as const;

interface Props {
  chat: Chat;
  turn: Turn;
  card: Card;
  place: number;
  opinion: Opinion | undefined;
  saved: boolean;
  inTray: boolean;
  lang: Lang;
}

/** One item: what it is, why it is here, and what can be done with it. */
export const CardView = memo(function CardView({ chat, turn, card, place, opinion, saved, inTray, lang }: Props) {
  const w = chat.words.value;
  const name = titleOf(card, lang);
  const other = otherTitle(card, lang);
  const facts = factsOf(card, lang);
  return (
    <li class={`card${opinion === "dislike" || opinion === "skip" ? " gone" : ""}`} data-item={card.id}>
      <Drawing title={card.title} kind={kindOf(card)} colour={colourOf(card)} name={name} />
      <div class="body">
        <h3>
          <span class="place" aria-hidden="true">{place}</span>
          <span>{name}</span>
          {other ? <small lang={other.lang === "zh" ? "zh-CN" : "en"}>{other.text}</small> : null}
        </h3>
        <KeyFacts facts={facts} lang={lang} w={w} />
        <About card={card} lang={lang} w={w} />
        <Why card={card} facts={facts} lang={lang} w={w} open={place === 1 && !chat.narrow.value} />
        <Acts chat={chat} turn={turn} card={card} name={name} opinion={opinion} saved={saved} inTray={inTray} w={w} />
      </div>
    </li>
  );
});

function KeyFacts({ facts, lang, w }: { facts: Facts; lang: Lang; w: Words }) {
  return (
    <ul class="facts">
      {facts.price ? (
        <li class="price">
          <b class={facts.price.matched ? "matched" : undefined}>{facts.price.text}</b>{facts.price.note ? <small> {facts.price.note}</small> : null}
          {facts.price.matched ? <span class="sr"> ({w.matched})</span> : null}
        </li>
      ) : null}
      {facts.key.map((fact) => (
        <li key={fact.parts.map((part) => part.text).join()}>
          {fact.parts.map((part, n) => (
            <Fragment key={part.text}>
              {n ? (lang === "zh" ? "、" : ", ") : null}<span class={part.matched ? "matched" : undefined}>{part.text}{part.matched ? <span class="sr"> ({w.matched})</span> : null}</span>
            </Fragment>
          ))}
        </li>
      ))}
    </ul>
  );
}

function About({ card, lang, w }: { card: Card; lang: Lang; w: Words }) {
  const other = lang === "zh" ? "en" : "zh";
  const text = card.description[lang] ?? card.description[other];
  if (text) return <p class="text" lang={card.description[lang] ? undefined : other}>{text}</p>;
  return card.generated ? <p class="text">{card.generated.description} <em class="label">{w.generated}</em></p> : null;
}

function Why({ card, facts, lang, w, open }: { card: Card; facts: Facts; lang: Lang; w: Words; open: boolean }) {
  if (!card.reasons.length && !facts.rest.length) return null;
  const label = (reason: Reason): string => w[KINDS.find((kind) => kind === reason.kind) ?? "other"];
  return (
    <details class="why" open={open}>
      <summary>{card.reasons.length ? w.why : w.details}</summary>
      <ul>
        {card.reasons.map((reason) => (
          <li key={reason.text} class={reason.kind}>
            {reason.text} <small>{reason.kind === "wish" ? null : <><span class="kind">{label(reason)}</span> </>}{basis(reason, lang) ? <span class="basis" title={w.basis}>{basis(reason, lang)}</span> : null}</small>
          </li>
        ))}
        {facts.rest.length ? <li class="rest">{facts.rest.join(" · ")}</li> : null}
      </ul>
    </details>
  );
}

/** What a reason rests on, in words; the row's own names only where the service has none. */
function basis({ evidence }: Reason, lang: Lang): string {
  return evidence.text?.[lang] ?? [evidence.field, valueText(evidence.value, lang)].filter(Boolean).join(lang === "zh" ? "：" : ": ");
}

/** One function for all, so that it is called when the element comes, not with every drawing. */
const inSight = (element: HTMLElement | null): void => element?.scrollIntoView({ block: "nearest" });

interface ActsProps { chat: Chat; turn: Turn; card: Card; name: string; opinion: Opinion | undefined; saved: boolean; inTray: boolean; w: Words }

function Acts({ chat, turn, card, name, opinion, saved, inTray, w }: ActsProps) {
  const [asking, ask] = useState(false);
  const toggle = (sign: Sign, label: string, pressed: boolean, act: () => void, worded = false, expanded?: boolean) => (
    <button type="button" class={worded ? "act worded" : "act"} aria-pressed={pressed} aria-expanded={expanded} aria-label={`${label}: ${name}`} title={label} onClick={act}>
      <Icon sign={sign} />{worded ? <span>{label}</span> : null}
    </button>
  );
  const dislike = (): void => {
    if (opinion !== "dislike") return ask(!asking);
    ask(false);
    chat.judge(turn, card, "dislike");
  };
  const because = (reason?: string): void => {
    ask(false);
    chat.judge(turn, card, "dislike", reason);
  };
  return (
    <>
      <div class="acts" role="group" aria-label={name}>
        {toggle("like", w.like, opinion === "like", () => { ask(false); chat.judge(turn, card, "like"); }, true)}
        {toggle("dislike", w.dislike, opinion === "dislike", dislike, true, asking)}
        {toggle("save", w.save, saved, () => chat.judge(turn, card, "favourite"))}
        {toggle("skip", w.skip, opinion === "skip", () => { ask(false); chat.judge(turn, card, "skip"); })}
        {toggle("compare", w.compare, inTray, () => chat.toggleTray(card))}
        <button type="button" class="act" aria-label={`${w.more}: ${name}`} title={w.more} onClick={() => void chat.moreLike(card)}><Icon sign="more" /></button>
      </div>
      {asking ? (
        <div class="reasons" role="group" aria-label={w.whatWrong} ref={inSight}>
          <p>{w.whatWrong}</p>
          {REASONS.map((reason) => <button type="button" class="pill" key={reason} onClick={() => because(reason)}>{w[reason]}</button>)}
          <button type="button" class="pill quiet" onClick={() => because()}>{w.noReason}</button>
        </div>
      ) : null}
    </>
  );
}
