// What brought the session: campaign, click id, referrer. Each event of it says so, and the server names the channel by it.
//
// A session ends with half an hour of silence, as long as its cookie lives. A campaign begins a new one at once; a bare
// referrer does not, or every payment page would take the credit for the order.

import { parsed, read, write } from "./cookies.js";
import { settings } from "./settings.js";

const PAUSE = 1800;
/** The ids advertising systems add to addresses. Which channel each stands for is told by the server's table. */
const CLICK = /[?&](\w*clk?id|[gw]braid|li_fat_id|ScCid|rdt_cid|epik)=([^&]+)/;

let begun = false;

const clip = (text) => text.slice(0, 200);

/** The campaign and the click id of an address, as the Segment spec has them in the context. */
export function campaign(search) {
  let found;
  new URLSearchParams(search).forEach((value, key) => {
    if (value && key.startsWith("utm_")) found = { ...found, [key == "utm_campaign" ? "name" : key.slice(4)]: clip(value) };
  });
  const click = search.match(CLICK);
  return { campaign: found, referrer: click ? { type: click[1], id: clip(click[2]) } : undefined };
}

/** The referrer, if it is another site. */
function outside() {
  const host = document.referrer.split("/")[2];
  const own = settings.domain || location.host;
  return host && !`.${host}`.endsWith(`.${own}`) ? clip(document.referrer) : undefined;
}

/** What brought the session, by the context of a message; kept for the rest of it. */
export function arrival({ campaign: named, referrer: click }) {
  let brought = read("arrival");
  if (!brought || (!begun && (named || click))) {
    // An address keeps its campaign while somebody is away for lunch; only a page just loaded was brought by it.
    brought = JSON.stringify(begun ? {} : { campaign: named, click: click && click.type, referrer: outside() });
  }
  begun = true;
  return parsed(write("arrival", brought, PAUSE));
}
