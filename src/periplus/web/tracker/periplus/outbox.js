// The outbox: what was said and is not confirmed, in the browser's storage until the server has answered for it.
//
// Each message has an entry of its own, so that several tabs never write over each other. What was sent as a page closed
// and got no answer is sent again by the next one; the server knows it by its messageId and counts it once.

import { parsed, read, write } from "./cookies.js";
import { settings } from "./settings.js";

const PREFIX = "periplus:";
const MOST = 500; // messages that wait; beyond, the oldest go
const BATCH = 20000; // characters of one request: browsers let 64 KB outlive their page
const LONGEST_PAUSE = 3600; // seconds

/** Whether nobody sees the page: it may not come back. */
export const hidden = () => document.visibilityState == "hidden";

const waiting = new Map(); // messageId → JSON, in order
const flying = new Set(); // the ids under way
let timer;
let failures = 0;

/** Does something with the browser's storage; without it, or when it is full, a message lives as long as the page. */
function shelf(act) {
  try {
    act(localStorage);
  } catch {}
}

function drop(id) {
  waiting.delete(id);
  flying.delete(id);
  shelf((storage) => storage.removeItem(PREFIX + id));
}

function keep(id, text) {
  waiting.set(id, text);
  for (const oldest of waiting.keys()) if (waiting.size > MOST) drop(oldest);
}

/** Takes up what earlier pages could not deliver. */
export function collect() {
  shelf((storage) => {
    for (const key of Object.keys(storage).sort()) {
      // What is not of our writing, or not whole, would spoil the batch.
      if (key.startsWith(PREFIX) && parsed(storage[key])) keep(key.slice(PREFIX.length), storage[key]);
    }
  });
  addEventListener("online", () => {
    write("pause", "");
    send();
  });
  soon(0);
}

/** Forgets everything: consent was refused. */
export const discard = () => [...waiting.keys()].forEach(drop);

export function post(id, text) {
  keep(id, text);
  shelf((storage) => (storage[PREFIX + id] = text));
  // Once whoever spoke has said all: of several requests begun as a page goes, browsers lose the later ones.
  if (hidden()) Promise.resolve(true).then(send);
  else soon(0);
}

function soon(milliseconds) {
  clearTimeout(timer);
  timer = setTimeout(send, milliseconds);
}

/** Sends what is not under way yet; `leaving` where the page may be gone before the answer. */
export function send(leaving) {
  const pause = read("pause") - Date.now();
  if (pause > 0) return soon(pause);
  const ids = [];
  let batch = "";
  for (const [id, text] of waiting) {
    if (flying.has(id) || (batch && batch.length + text.length > BATCH)) continue;
    batch += (batch && ",") + text;
    ids.push(id);
    flying.add(id);
  }
  if (!batch) return;
  const url = settings.url.replace(/\/?$/, "/v1/batch");
  const body = `{"batch":[${batch}],"sentAt":"${new Date().toISOString()}","writeKey":${JSON.stringify(settings.key)}}`;
  // Text, no credentials, no header of our own: a request that no browser asks permission for.
  if (leaving && !("keepalive" in Request.prototype)) return navigator.sendBeacon(url, body);
  fetch(url, { method: "POST", body, credentials: "omit", keepalive: batch.length <= BATCH })
    .then((reply) => {
      if (!reply.ok && ![400, 401, 413].includes(reply.status)) throw reply.headers.get("retry-after");
      failures = 0;
      ids.forEach(drop);
      send();
    })
    .catch((after) => {
      ids.forEach((id) => flying.delete(id));
      const told = +after || (Date.parse(after) - Date.now()) / 1000 || 0;
      const wait = Math.min(LONGEST_PAUSE, Math.max(told, 0.5 + Math.random() * 2 ** Math.min(8, failures++)));
      write("pause", Date.now() + wait * 1000, wait);
      soon(wait * 1000);
    });
}
