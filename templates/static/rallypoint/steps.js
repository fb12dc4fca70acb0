// One more empty step without saving first. The page has one as it is.
(() => {
  "use strict";
  document.addEventListener("DOMContentLoaded", () => {
    const button = document.querySelector("[data-add-step]");
    const rows = document.querySelector("[data-steps]");
    const template = document.querySelector("[data-step-template]");
    const total = document.querySelector("#id_steps-TOTAL_FORMS");
    if (!button || !rows || !template || !total) return;
    button.hidden = false;
    button.addEventListener("click", () => {
      const row = document.createElement("div");
      // rule: html - of this page itself, with a number in it
      row.innerHTML = template.innerHTML.replaceAll("__prefix__", total.value);
      total.value = Number(total.value) + 1;
      const added = rows.appendChild(row.firstElementChild);
      added.querySelector("input").focus();
    });
  });
})();
