// Where the events of this shop go: the write key that `periplus source add web-shop` printed, and the address of
// Periplus. For a quick try both may stand in the address instead: http://127.0.0.1:8766/?key=WRITE_KEY

const asked = new URLSearchParams(location.search);
for (const name of ["key", "url"]) {
  if (asked.get(name)) sessionStorage.setItem(name, asked.get(name));
}

export const KEY = sessionStorage.getItem("key") ?? "";
export const URL_OF_PERIPLUS = sessionStorage.getItem("url") ?? "http://127.0.0.1:8765";
