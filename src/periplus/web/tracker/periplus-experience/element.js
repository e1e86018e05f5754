// What an element is called: by its place in the document, never by its words, which may be somebody's own.

const LONGEST = 120;

/** Such as `#checkout button.pay`: the nearest id above it, then its own tag, name or first class. */
export function described(element) {
  const own = element.tagName.toLowerCase();
  if (element.id) return `${own}#${element.id}`.slice(0, LONGEST);
  const mark = element.getAttribute("name") ? `[name=${element.getAttribute("name")}]` : element.classList.length ? `.${element.classList[0]}` : "";
  const above = element.parentElement && element.parentElement.closest("[id]");
  return `${above ? `#${above.id} ` : ""}${own}${mark}`.slice(0, LONGEST);
}
