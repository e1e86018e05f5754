// Who is here: an anonymous id in a first-party cookie, and the user id once the page has named it.

import { read, write } from "./cookies.js";

/** Thirteen months from the day it was made: an id is not renewed by coming back. */
const LIFE = 395 * 86400;

let user = ""; // named, and not stored yet

/** Letters and digits nobody can guess, the same everywhere, also where a page is not served over https. */
export const random = () => Array.from(crypto.getRandomValues(new Uint32Array(4)), (part) => part.toString(36)).join("");

/** The ids of the visitor, stored from now on. */
export function who() {
  if (user) write("user", user, LIFE);
  user = "";
  return { anonymousId: read("id") || write("id", random(), LIFE), userId: read("user") || undefined };
}

/** The user id, stored with the first event that may be. */
export function know(userId) {
  if (userId) user = `${userId}`;
}

export function forget() {
  user = "";
  ["id", "user", "arrival"].forEach((name) => write(name, ""));
}
