import { cover, letterOf } from "./cover";

/** The drawn cover of an item; decoration, so no screen reader is told of it. */
export function Drawing({ title, kind, colour, name = title }: { title: string; kind: string; colour?: string | undefined; name?: string }) {
  const art = cover(title, kind, colour);
  return (
    <svg class="cover" viewBox="0 0 120 160" preserveAspectRatio="xMidYMid slice" aria-hidden="true" focusable="false">
      <rect width="120" height="160" fill={art.ground} />
      {art.shapes.map(({ tag: Tag, ...attributes }, n) => <Tag key={n} {...attributes} />)}
      <text x="11" y="148" fill={art.ink} font-size="25">{letterOf(name)}</text>
    </svg>
  );
}
