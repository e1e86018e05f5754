// The Periplus tracker: what people do in the shop, told to the shop's own server in Segment's wire form.
//
//   <script async src="https://stats.shop.example/periplus.js" data-key="WRITE KEY"></script>
//   periplus("track", "Product Viewed", { product_id: "p-1", price: 39 })
//
// This file is the surface: the calls a page may make, and what happens by itself. The modules beside it are about
// one thing each: settings, consent, cookies, who (identity), arrival (what brought them), places (pages), attention
// (time and scroll), message (the envelope), outbox (queue and delivery), shop (names of shop events).

import { attend, leave } from "./periplus/attention.js";
import { allowed, choose } from "./periplus/consent.js";
import { release, say, track } from "./periplus/message.js";
import { collect } from "./periplus/outbox.js";
import { enter, follow } from "./periplus/places.js";
import { settings } from "./periplus/settings.js";
import { SHOP } from "./periplus/shop.js";
import { forget, know } from "./periplus/who.js";

/** Arguments whose first, a text, may be left out. */
const named = (first, second) => (first === Object(first) ? [undefined, first] : [first, second]);

const calls = {
  /** Begins: `{key, url, consent, domain, page}`; only the first one counts. */
  init(options) {
    if (settings.key) return;
    Object.assign(settings, options);
    if (document.prerendering) document.addEventListener("prerenderingchange", begin);
    else begin();
  },

  page(...rest) {
    const [name, properties] = named(...rest);
    enter();
    say("page", { name, properties });
  },

  track,

  identify(...rest) {
    const [userId, traits] = named(...rest);
    know(userId);
    say("identify", { traits });
  },

  group(groupId, traits) {
    say("group", { groupId, traits });
  },

  alias(userId, previousId) {
    know(userId);
    say("alias", { previousId });
  },

  /** Somebody signed out: what follows is of somebody new. */
  reset: forget,

  /** What the visitor allows: `{analytics, personalisation, marketing}`, each true or false. */
  consent(given) {
    const before = allowed();
    choose(given);
    if (before) track("Consent Preference Updated");
    release();
  },
};

for (const name in SHOP) calls[name] = (properties) => track(SHOP[name], properties);

function begin() {
  collect();
  attend();
  if (settings.page != "off") {
    calls.page();
    follow(leave, calls.page);
  }
  release();
}

/** One call of the page; whatever goes wrong stays here, and the shop's own scripts go on. */
function periplus(name, ...rest) {
  try {
    calls[name](...rest);
  } catch (problem) {
    console.warn("periplus", name, problem);
  }
}

const stub = window.periplus || {};
const script = document.currentScript;
if (!stub.live) {
  window.periplus = periplus;
  periplus.live = true;
  if (script) {
    settings.url = script.src.replace(/\/[^/]*$/, "");
    if (script.dataset.key) periplus("init", script.dataset);
  }
  for (const call of stub.q || []) periplus(...call);
}
