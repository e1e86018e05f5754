// Which page this is. Pages of single-page shops begin with a change of the address.

const address = () => location.href.split("#")[0];

let here = address();
let before = document.referrer;

/** The page as the Segment spec has it in the context; the title is the one it has by now. */
export const place = () => {
  const { pathname: path, search } = new URL(here);
  return { url: here, path, search, referrer: before, title: document.title };
};

/** Takes the present address for the page we are on; the one before is where we come from. */
export function enter() {
  if (here != address()) {
    before = here;
    here = address();
  }
}

/** Watches the address: `left` is called while we still are on the old page, `arrived` soon after. */
export function follow(left, arrived) {
  const changed = () => {
    if (here == address()) return;
    left();
    enter();
    const moment = here;
    // A moment's patience, so that the page has its own title.
    setTimeout(() => moment == here && arrived(), 50);
  };
  for (const name of ["pushState", "replaceState"]) {
    const plain = history[name];
    history[name] = function (...rest) {
      plain.apply(this, rest);
      changed();
    };
  }
  addEventListener("popstate", changed);
  // Back from the browser's memory: the same page is seen again.
  addEventListener("pageshow", (event) => event.persisted && arrived());
}
