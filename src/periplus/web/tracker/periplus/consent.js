// What the visitor allows. A choice made on the page is kept and goes with every event.
//
// Without a choice: a browser that says Global Privacy Control or Do Not Track is taken at its word, as is a page that
// requires consent; nothing is stored and nothing is sent. A choice made on the page itself is the more particular
// word and wins, in what it names.

import { parsed, read, write } from "./cookies.js";
import { discard } from "./outbox.js";
import { settings } from "./settings.js";
import { forget } from "./who.js";

const HALF_A_YEAR = 182 * 86400;

/** The choice as it was made, `{analytics, personalisation, marketing}`, or null. */
export const choice = () => parsed(read("consent"));

const unasked = () =>
  settings.consent != "required" &&
  !navigator.globalPrivacyControl &&
  navigator.doNotTrack != "1";

/** Whether events may be stored and sent: by the visitor, and by a page that somebody sees. */
export function allowed() {
  const chosen = choice();
  return settings.key && !document.prerendering && (chosen ? chosen.analytics : unasked());
}

/** Keeps a choice; what it leaves open stays as it was. Without analytics, all that was kept is forgotten. */
export function choose(given) {
  const open = unasked();
  const chosen = { analytics: open, personalisation: open, marketing: open, ...choice(), ...given };
  write("consent", JSON.stringify(chosen), HALF_A_YEAR);
  if (!chosen.analytics) {
    discard();
    forget();
  }
}
