// Rows of rules and variants without a round to the server. As they are, the same buttons send the
// form and get it back with the rows changed.
(() => {
  "use strict";
  const form = document.querySelector("[data-editor]");
  if (!form) return;
  const NAMED = ["name", "id", "for", "aria-describedby", "aria-labelledby"];
  const said = document.createElement("p");
  said.className = "visually-hidden";
  said.setAttribute("role", "status");
  form.append(said);

  function number(row, kind, place) {
    const pattern = new RegExp(`\\b${kind}-(\\d+|__prefix__)-`, "g");
    for (const element of row.querySelectorAll("*")) {
      for (const name of NAMED) {
        const value = element.getAttribute(name);
        if (value) element.setAttribute(name, value.replaceAll(pattern, `${kind}-${place}-`));
      }
      if (element.name === "deed") {
        element.value = element.value.replace(/(\d+|__prefix__)$/, place);
      }
    }
  }

  function renumber(group, kind) {
    const rows = [...group.querySelector("[data-routes-rows]").children];
    rows.forEach((row, place) => number(row, kind, place));
    form.elements[`${kind}-total`].value = rows.length;
    return rows;
  }

  function add(group, list) {
    const row = group.querySelector("template").content.firstElementChild.cloneNode(true);
    list.append(row);
    return () => row.querySelector("input").focus();
  }

  function remove(row) {
    const next = row.nextElementSibling ?? row.previousElementSibling;
    const list = row.closest("[data-routes]");
    row.remove();
    return () => (next?.querySelector("input") ?? list.querySelector("[value$=':add']")).focus();
  }

  function move(row, button, up) {
    if (up) row.previousElementSibling?.before(row);
    else row.nextElementSibling?.after(row);
    return () => button.focus();
  }

  form.addEventListener("click", (event) => {
    const button = event.target.closest("button[name=deed]");
    const [kind, verb] = button?.value.split(":") ?? [];
    const group = button?.closest(`[data-routes="${kind}"]`);
    if (!group) return;
    event.preventDefault();
    const row = button.closest("[data-route]");
    const focus = {
      add: () => add(group, group.querySelector("[data-routes-rows]")),
      remove: () => remove(row),
      up: () => move(row, button, true),
      down: () => move(row, button, false),
    }[verb]();
    const rows = renumber(group, kind);
    focus();
    const place = rows.indexOf(row) + 1;
    said.textContent = place ? `Now number ${place} of ${rows.length}.` : `${rows.length} in all.`;
  });
})();
