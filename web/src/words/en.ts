export const en = {
  tagline: "Say what you feel like.", greeting: "Tell me what you feel like; I show what there really is.", try: "For example",
  placeholder: "What do you feel like?", send: "Send", stop: "Stop", you: "You", said: "you said", wishes: "What I understood", remove: "Remove", clear: "Clear all", must: "must", nice: "nice to have",
  makeNice: "make it a nice-to-have", makeMust: "make it a must", undo: "Undo", undone: "Taken back", removed: "Removed", why: "Why this", like: "Like", dislike: "Not for me", skip: "Skip", save: "Save", compare: "Compare",
  more: "More like this", moreText: "More like {title}", compareNow: "Compare {n}", compareHint: "Pick two to four", close: "Close", skipQuestion: "Skip", history: "Conversations", fresh: "New chat", delete: "Delete",
  noHistory: "No conversations yet.", me: "What I know about you", meNone: "Nothing yet. Likes, dislikes and clicks would be here.", likes: "You like", dislikes: "You do not like", personal: "Use my taste in new conversations", export: "Export my data", erase: "Erase everything about me",
  eraseSure: "Really erase everything? This cannot be undone.", erased: "Erased.", settings: "Look", theme: "Theme", light: "Light", dark: "Dark", system: "As the system", language: "Language", size: "Text size", offline: "No connection. What you do is kept and sent later.",
  failed: "That did not arrive.", retry: "Try again", newer: "New messages", generated: "Written by a language model", ai: "Answers come from the catalogue; a program wrote them.", reason_why: "What was wrong with it?", price_sensitivity: "Price", product_fit: "Not my thing", trust_security: "I do not trust it", comparison: "Something else is better", other: "Something else", noReason: "No reason",
  verdict: "Your wishes", yes: "yes", no: "no", unknown: "unknown", from: "from", items: "{n} results", edit: "You changed your wishes", stopped: "Stopped.", keys: "Enter sends · Shift+Enter new line · Esc stops · Ctrl+K new chat", menu: "Menu", best: "best", notUsed: "off", working: "Looking…",
};
export type Words = typeof en;
