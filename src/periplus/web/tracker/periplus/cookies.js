// A small first-party jar. Where cookies are blocked, it lasts as long as the page.

import { settings } from "./settings.js";

const memory = {};

export function read(name) {
  const [, found] = document.cookie.match(`(?:^|; )periplus_${name}=([^;]*)`) || [];
  return decodeURIComponent(found || (!navigator.cookieEnabled && memory[name]) || "");
}

/** What a value in the jar, or in storage, says; null where it is not of our writing. */
export function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** Keeps a value for some seconds; none at all forgets it. */
export function write(name, value, seconds = 0) {
  memory[name] = encodeURIComponent(value);
  document.cookie =
    `periplus_${name}=${memory[name]}; path=/; samesite=lax; max-age=${Math.ceil(seconds)}` +
    (location.protocol == "https:" ? "; secure" : "") +
    (settings.domain ? `; domain=${settings.domain}` : "");
  return value;
}
