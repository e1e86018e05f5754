// The envelope: a message in the Segment spec, with its context. What may not be sent yet waits here, in memory only.

/* global BUILD: the hash of this source, by build.mjs */

import { arrival, campaign } from "./arrival.js";
import { allowed, choice } from "./consent.js";
import { post } from "./outbox.js";
import { place } from "./places.js";
import { random, who } from "./who.js";

const MOST = 100;
let held = [];
let count = 1296;

/** Says something now: sent, held until consent, or dropped for good. */
export function say(type, parts) {
  const page = place();
  const message = {
    type,
    // The time and a count come first, so that the order of ids is that of the events.
    messageId: Date.now().toString(36) + (count++).toString(36) + random(),
    timestamp: new Date().toISOString(),
    ...parts,
    context: {
      library: { name: "periplus.js", version: BUILD },
      page,
      ...campaign(page.search),
      userAgent: navigator.userAgent,
      locale: navigator.language,
      timezone: Intl.DateTimeFormat().resolvedOptions().timeZone,
    },
  };
  // A copy: what the page does to its objects afterwards is not what it said.
  held = [...held, JSON.parse(JSON.stringify(message))].slice(-MOST);
  release();
}

export const track = (event, properties) => say("track", { event, properties });

/** Sends what was held, with the ids and the consent of this moment; forgets it where the answer is no. */
export function release() {
  const chosen = choice();
  if (allowed()) {
    for (const message of held) {
      const { context } = message;
      Object.assign(message, who());
      context.arrival = arrival(context);
      if (chosen) {
        context.consent = { categoryPreferences: chosen };
        // The kind of click names the channel; its id serves advertising alone.
        if (!chosen.marketing && context.referrer) delete context.referrer.id;
      }
      post(message.messageId, JSON.stringify(message));
    }
    held = [];
  } else if (chosen && !chosen.analytics) held = [];
}
