import { useState } from "preact/hooks";
import type { Chat } from "./chat";
import { cover } from "./cover";
import { fill, kind, title } from "./text";
import type { Card, Exchange } from "./types";

const REASONS = ["price_sensitivity", "product_fit", "trust_security", "comparison", "other"] as const;

function Picture({ card }: { card: Card }) {
  const art = cover(card.title, kind(card));
  const id = `g-${card.id}`;
  const shapes = [
    <circle key="a" cx="60" cy="74" r="42" />, <rect key="b" x="22" y="36" width="76" height="76" rx="10" transform={`rotate(${art.turn} 60 74)`} />,
    <path key="c" d="M60 24 104 112H16z" transform={`rotate(${art.turn % 60} 60 74)`} />, <path key="d" d="M0 96c30-34 46 22 120-20v84H0z" />,
    <g key="e"><circle cx="44" cy="66" r="30" /><circle cx="78" cy="88" r="30" /></g>,
  ];
  return (
    <svg class="cover" viewBox="0 0 120 160" preserveAspectRatio="xMidYMid slice" aria-hidden="true" focusable="false">
      <defs><linearGradient id={id} x1="0" y1="0" x2="1" y2="1"><stop offset="0" stop-color={art.from} /><stop offset="1" stop-color={art.to} /></linearGradient></defs>
      <rect width="120" height="160" fill={`url(#${id})`} />
      <g fill={art.ink} opacity="0.16">{shapes[art.shape]}</g>
      <text x="60" y="88" text-anchor="middle" fill={art.ink} font-size="30" font-weight="600">{art.letter}</text>
    </svg>
  );
}

export function CardView({ chat, turn, card, place }: { chat: Chat; turn: Exchange; card: Card; place: number }) {
  const [asking, ask] = useState(false);
  const w = chat.words.value;
  const lang = chat.lang.value;
  const name = title(card, lang);
  const other = lang === "zh" ? card.titles.en : card.titles.zh;
  const now = turn.feedback[card.id];
  const text = card.description[lang] ?? card.description[lang === "zh" ? "en" : "zh"];
  const inTray = chat.tray.value.some((c) => c.id === card.id);
  const toggle = (value: string, label: string, sign: string) => (
    <button type="button" class="chipbutton" aria-pressed={now === value} aria-label={`${label}: ${name}`} title={label} onClick={() => (value === "dislike" && now !== value ? ask(!asking) : chat.judge(turn, card, value))}>
      <span aria-hidden="true">{sign}</span> {label}
    </button>
  );
  return (
    <li class={`card${now === "dislike" || now === "skip" ? " gone" : ""}`} data-item={card.id}>
      <Picture card={card} />
      <div class="body">
        <h3><span class="place">{place}</span> {name}{other && other !== name ? <small lang={lang === "zh" ? "en" : "zh"}>{other}</small> : null}</h3>
        {card.facts?.[lang] ? <p class="facts">{card.facts[lang].join(" · ")}</p> : null}
        {text ? <p class="text">{text}</p> : null}
        {!text && card.generated ? <p class="text">{card.generated.description} <em class="label">{w.generated}</em></p> : null}
        {card.reasons.length ? (
          <details class="why" open={place === 1}>
            <summary>{w.why}</summary>
            <ul>{card.reasons.map((r) => <li key={r.text} class={r.kind}>{r.text}</li>)}</ul>
          </details>
        ) : null}
        <div class="acts">
          {toggle("like", w.like, "♥")}
          {toggle("dislike", w.dislike, "✕")}
          {toggle("skip", w.skip, "↷")}
          {toggle("favourite", w.save, "★")}
          <button type="button" class="chipbutton" aria-pressed={inTray} aria-label={`${w.compare}: ${name}`} onClick={() => chat.toggleTray(card)}><span aria-hidden="true">⇄</span> {w.compare}</button>
          <button type="button" class="chipbutton" aria-label={`${w.more}: ${name}`} onClick={() => void chat.send(fill(w.moreText, { title: name }))}><span aria-hidden="true">≈</span> {w.more}</button>
        </div>
        {asking ? (
          <div class="acts" role="group" aria-label={w.reason_why}>
            <span class="hint">{w.reason_why}</span>
            {REASONS.map((reason) => (
              <button type="button" class="pill" key={reason} onClick={() => { ask(false); chat.judge(turn, card, "dislike", reason); }}>{w[reason]}</button>
            ))}
            <button type="button" class="pill" onClick={() => { ask(false); chat.judge(turn, card, "dislike"); }}>{w.noReason}</button>
          </div>
        ) : null}
      </div>
    </li>
  );
}
