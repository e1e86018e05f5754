// Form Field Left: how long a field was in focus, how often it was corrected, how often it was refused. Each time a field
// is left it tells what was new; the parts add up. Never what is in it, nor how much of it.

import { leaving } from "./leaving.js";

const FIELDS = "input, select, textarea";
const UNTOLD = /^(hidden|button|submit|reset|image|file)$/;
const LONGEST = 80;

const clip = (text) => (text ? `${text}`.slice(0, LONGEST) : undefined);
const isField = (target) => target instanceof Element && target.matches(FIELDS) && !UNTOLD.test(target.type);

/** A form by its id or name, else by where it leads, without the query. */
function formOf(field) {
  const { form } = field;
  if (!form) return;
  const action = form.getAttribute("action");
  return clip(form.id || form.getAttribute("name") || (action && action.split(/[?#]/)[0]));
}

export function forms(track) {
  const open = new Map(); // field → {since, corrections, errors}
  const of = (field) => {
    if (!open.has(field)) open.set(field, { since: 0, corrections: 0, errors: 0 });
    return open.get(field);
  };
  const tell = (field) => {
    const { since, corrections, errors } = of(field);
    open.delete(field);
    track("Form Field Left", {
      form: formOf(field),
      field: clip(field.name || field.id || field.autocomplete),
      field_type: field.type,
      focus_seconds: since ? Math.round((performance.now() - since) / 100) / 10 : 0,
      corrections,
      errors,
    });
  };

  const on = (name, act) => addEventListener(name, (event) => isField(event.target) && act(event.target, event), true);
  on("focus", (field) => (of(field).since = performance.now()));
  on("blur", (field) => of(field).since && tell(field));
  on("input", (field, event) => {
    if (/^(delete|historyUndo)/.test(event.inputType || "")) of(field).corrections++;
  });
  on("invalid", (field) => of(field).errors++);
  leaving(() => [...open.keys()].forEach(tell));
}
