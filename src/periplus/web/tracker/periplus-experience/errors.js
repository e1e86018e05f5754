// Script Failed: each error of the page's scripts once, at most ten a page.

const MOST = 10;
const LONGEST = 300;

export function errors(track) {
  const seen = new Set();
  const tell = (message, source, line, column) => {
    const found = {
      message: `${message}`.slice(0, LONGEST),
      // What stands behind the question mark is the visitor's.
      source: source ? `${source}`.split(/[?#]/)[0].slice(0, LONGEST) : undefined,
      line: line || undefined,
      column: column || undefined,
    };
    const key = JSON.stringify(found);
    if (seen.has(key) || seen.size >= MOST) return;
    seen.add(key);
    track("Script Failed", found);
  };

  addEventListener("error", (event) => {
    const { target } = event;
    if (target && target.tagName == "SCRIPT") tell("could not be loaded", target.src);
    else if (event instanceof ErrorEvent) tell(event.message, event.filename, event.lineno, event.colno);
  }, true);
  addEventListener("unhandledrejection", ({ reason }) => {
    const [, source, line, column] = /\(?([a-z]+:\/\/[^\s()]+?):(\d+):(\d+)\)?/.exec((reason && reason.stack) || "") || [];
    tell((reason && reason.message) || reason, source, +line, +column);
  });
}
