// The little that needs a script. Everything here also works without it, only with more page loads.
(function () {
  "use strict";
  const panel = () => document.getElementById("panel");

  // A step or a ribbon of the picture opens beside it; its link leads to the same thing as a page.
  document.addEventListener("click", (event) => {
    const link = event.target.closest && event.target.closest(".picture a, a[data-panel]");
    if (!link || !panel() || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    const address = link.getAttribute("href") || link.getAttributeNS("http://www.w3.org/1999/xlink", "href");
    event.preventDefault();
    open(address, link);
  });

  let opener = null;
  function open(address, link) {
    opener = link;
    htmx.ajax("GET", address, { target: "#panel", swap: "innerHTML", source: panel() }).then(() => {
      history.pushState({ panel: true }, "", address);
      mark();
      const title = panel().querySelector("h2");
      if (title) title.focus({ preventScroll: true });
    });
  }

  function close() {
    const place = panel();
    if (!place || !place.children.length) return;
    const back = place.dataset.back;
    place.replaceChildren();
    if (back) history.pushState({}, "", back);
    mark();
    if (opener && opener.isConnected) opener.focus({ preventScroll: true });
  }

  // The open step keeps its frame in the picture.
  function mark() {
    const place = panel();
    if (!place) return;
    const shown = place.querySelector("[data-shows]");
    document.body.classList.toggle("with-panel", Boolean(shown));
    for (const name of ["chosen-card", "own"])
      for (const old of document.querySelectorAll(".picture ." + name)) old.classList.remove(name);
    for (const flow of document.querySelectorAll(".picture .flow")) flow.classList.toggle("faint", Boolean(shown));
    if (!shown) return;
    const from = shown.dataset.shows, to = shown.dataset.to;
    for (const part of document.querySelectorAll(".picture [data-step], .picture [data-source]")) {
      const of = part.dataset;
      if (of.step === from || (to && of.step === to)) part.classList.add("chosen-card");
      else if (to ? of.source === from && of.target === to : of.source === from || of.target === from)
        part.classList.add("own");
    }
  }

  // A sheet that would leave the page moves back into it.
  document.addEventListener("toggle", (event) => {
    const sheet = event.target.matches && event.target.matches("details.pop[open]") && event.target.querySelector(".sheet");
    if (!sheet) return;
    sheet.style.translate = "";
    const at = sheet.getBoundingClientRect(), width = document.documentElement.clientWidth;
    const over = Math.max(at.right + 8 - width, 0) || Math.min(at.left - 8, 0);
    if (over) sheet.style.translate = `${-over}px`;
  }, true);

  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    const sheet = document.querySelector("details.pop[open]");
    if (sheet) {
      sheet.removeAttribute("open");
      sheet.querySelector("summary").focus();
    } else close();
  });
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-close]")) {
      event.preventDefault();
      close();
    }
    for (const sheet of document.querySelectorAll("details.pop[open]")) {
      if (!sheet.contains(event.target)) sheet.removeAttribute("open");
    }
  });
  window.addEventListener("popstate", () => location.reload());

  // Copy: the text stands in the button.
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    const text = button.dataset.copy === "link" ? location.href : button.dataset.copy;
    navigator.clipboard.writeText(text).then(() => {
      const before = button.textContent;
      button.textContent = button.dataset.copied;
      setTimeout(() => (button.textContent = before), 1200);
    });
  });

  // A word that is pressed goes into its field, where the writing mark stands.
  const left = new Map();
  document.addEventListener("focusout", (event) => {
    if (event.target.matches(".wide-text")) left.set(event.target.id, event.target.selectionEnd);
  });
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-into]");
    if (!button) return;
    const field = document.getElementById(button.dataset.into);
    const at = Math.min(left.get(field.id) ?? field.value.length, field.value.length);
    const before = field.value.slice(0, at), after = field.value.slice(at);
    const word = (/\S$/.test(before) ? " " : "") + button.dataset.word + (/^\S/.test(after) ? " " : "");
    field.setRangeText(word, at, at, "end");
    left.set(field.id, field.selectionEnd);
  });

  // A file that is too large is told so before it travels.
  document.addEventListener("change", (event) => {
    const input = event.target;
    if (!input.matches || !input.matches("input[type=file][data-limit]")) return;
    let size = 0;
    for (const file of input.files) size += file.size;
    const over = size > Number(input.dataset.limit);
    input.setCustomValidity(over ? input.dataset.over : "");
    if (over) input.reportValidity();
  });

  // What is newest stands at the end.
  function toEnd() {
    for (const wide of document.querySelectorAll("[data-to-end]")) {
      const way = document.documentElement.dir === "rtl" ? -1 : 1;
      wide.scrollLeft = way * wide.scrollWidth;
    }
  }

  // What helps to write stays open while what was written is counted.
  let helping = [];
  document.addEventListener("htmx:beforeSwap", () => {
    helping = [...document.querySelectorAll("details.help[open]")].map((one) => one.id);
  });
  document.addEventListener("htmx:afterSettle", () => {
    for (const id of helping.splice(0)) document.getElementById(id)?.setAttribute("open", "");
  });

  // On a narrow page the kinds of question stand in one line; the one that is shown is moved into sight.
  function toCurrent() {
    const line = document.querySelector(".kinds"), here = line && line.querySelector("[aria-current]");
    if (here) line.scrollLeft += here.getBoundingClientRect().left - line.getBoundingClientRect().left - 48;
  }
  document.addEventListener("htmx:afterSettle", toCurrent);

  document.addEventListener("DOMContentLoaded", () => {
    toCurrent();
    mark();
    toEnd();
  });
})();
