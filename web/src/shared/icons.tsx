// Strokes on a 24 x 24 grid; the colour is the text's.

const STROKES = {
  like: "M7 10v11H3V10zM7 10l4-8a3 3 0 0 1 3 3v4h5.6a2 2 0 0 1 2 2.3l-1.3 8A2 2 0 0 1 18.3 21H7",
  dislike: "M17 14V3h4v11zM17 14l-4 8a3 3 0 0 1-3-3v-4H4.4a2 2 0 0 1-2-2.3l1.3-8A2 2 0 0 1 5.7 3H17",
  save: "M6 3h12v18l-6-4.5L6 21z",
  skip: "M5 5l8 7-8 7zM18 5v14",
  compare: "M12 3v18M4 7h4M4 12h4M4 17h4M16 7h4M16 12h4M16 17h4",
  more: "M12 3l2 5.5L19.5 10 14 12l-2 5.5L10 12l-5.5-2L10 8.5zM19 16v5M16.5 18.5h5",
  send: "M12 20V4M5 11l7-7 7 7",
  stop: "M7 7h10v10H7z",
  undo: "M9 14L4 9l5-5M4 9h10a6 6 0 0 1 0 12h-3",
  add: "M12 5v14M5 12h14",
  menu: "M4 7h16M4 12h16M4 17h10",
  close: "M6 6l12 12M18 6L6 18",
  person: "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM4 21a8 8 0 0 1 16 0",
  look: "M4 7h10M18 7h2M4 17h2M10 17h10M16 4.5v5M8 14.5v5",
  trash: "M4 7h16M9 7V4h6v3M6 7l1 13h10l1-13M10 11v5M14 11v5",
  file: "M12 4v11M7 10l5 5 5-5M4 20h16",
  check: "M5 12.5l4.5 4.5L19 7",
  down: "M6 9l6 6 6-6",
  edit: "M4 20l1-4L16 5l3 3L8 19zM14 7l3 3",
} as const;
export type Sign = keyof typeof STROKES;

export function Icon({ sign, size = 18 }: { sign: Sign; size?: number }) {
  return (
    <svg class="icon" width={size} height={size} viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="1.7" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true" focusable="false">
      <path d={STROKES[sign]} />
    </svg>
  );
}
