export const en = {
  // the page
  name: "Zhiyin", lead: "What do you feel like?", try: "For example", menu: "Menu", close: "Close", skipTo: "To the message field",
  fresh: "New chat", history: "Conversations", me: "What we know about you", settings: "Settings", conversation: "Conversation",
  // saying
  placeholder: "Say what you are looking for…", send: "Send", stop: "Stop", you: "You", tooLong: "{n} characters left", retry: "Try again", discard: "Discard",
  failed: "This could not be sent.", stopped: "Stopped.", waiting: "Looking…", newer: "New below", earlier: "Show {n} earlier",
  ai: "Zhiyin is a program. Items and prices come from the catalogue.", byModel: "Worded by an AI model ({model})", byRules: "Worded by rules, no AI model",
  results: "{n} results", oneResult: "1 result", ofTotal: "{n} of {total}", noResults: "Nothing found",
  // wishes
  wishes: "What we understood", said: "you said", must: "must", nice: "nice to have", toNice: "make it a nice-to-have", toMust: "make it a must", remove: "Remove", removed: "Removed: {label}",
  clear: "Clear all", cleared: "All wishes cleared", undo: "Undo", undone: "Taken back", changed: "Changed: {label}", changeValue: "Change the value", apply: "Apply", edit: "You changed your wishes",
  // cards
  why: "Why this", basis: "From the row", like: "Like", dislike: "Not for me", skip: "Skip", save: "Save", compare: "Compare", more: "More like this", moreText: "More like {title}",
  whatWrong: "What is wrong with it?", noReason: "No reason", details: "More facts", matched: "as you asked", generated: "Description written by an AI model", price: "Price",
  price_sensitivity: "Price", product_fit: "Not my thing", trust_security: "I do not trust it", comparison: "I saw something better", timing_deferred: "Not now", other: "Something else",
  wish: "your wish", similar: "similar", behaviour: "what others chose", popular: "well known", quality: "quality",
  // question, offers
  skipQuestion: "Skip", question: "Question", offers: "What could give way", matches: "{n} items",
  // comparing
  tray: "To compare", compareNow: "Compare {n}", pickMore: "Pick one more", full: "Four at most: take one out first", verdict: "Your wishes", yes: "yes", no: "no", unknown: "not known", best: "ahead",
  onlyDiffers: "Only what differs", feature: "Feature", same: "same",
  // history
  noHistory: "Your conversations will be here.", open: "Open", delete: "Delete", deleteSure: "Delete this conversation?", deleted: "Conversation deleted", exportOne: "Save as a file", cancel: "Cancel", loadMore: "More",
  // known
  knownIntro: "All of it was said or tapped by you on this browser. It is used to rank for you, and you can take back any of it.", likes: "You like", dislikes: "Not for you", wishesSaid: "You asked for", nothingKnown: "Nothing yet.",
  personal: "Rank by my taste", personalHint: "Off: what we know is kept, and not used.", counts: "Conversations: {sessions}. Events: {events}.", export: "Export my data", erase: "Erase everything", eraseSure: "Erase every conversation and all we know about you? This cannot be undone.",
  erased: "Everything is erased.", forget: "Take back",
  // settings
  theme: "Theme", light: "Light", dark: "Dark", system: "System", language: "Language", size: "Text size", s: "Small", m: "Normal", l: "Large", xl: "Largest", keys: "Keyboard",
  kSend: "Send", kBreak: "New line", kStop: "Stop, or close a window", kNew: "New chat", kField: "To the message field", kUndo: "Undo", kTurns: "Previous or next message", kLast: "Last message again (in the empty field)", kKeys: "Settings and this list",
  // state
  offline: "No connection. What you do is kept and sent when it is back.", gone: "This conversation is not there any more, or belongs to another browser.", unreached: "The service does not answer yet.", noModel: "Rule mode",
};
export type Words = Record<keyof typeof en, string>;
