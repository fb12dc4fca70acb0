// What is wrong with the page for somebody who cannot see it well, or has no mouse. Gives a list of
// sentences; none is good. The rules are those of WCAG 2.2, level AA, that a program can judge.

(() => {
  const findings = [];
  const say = (rule, element, text) => findings.push(`${rule}: ${text} ${describe(element)}`);

  function describe(element) {
    if (!element) return "";
    const classes = typeof element.className === "string" ? element.className.trim().split(/\s+/).join(".") : "";
    const words = (element.textContent ?? "").trim().slice(0, 40).replace(/\s+/g, " ");
    return `<${element.localName}${element.id ? `#${element.id}` : ""}${classes ? `.${classes}` : ""}> “${words}”`;
  }

  function isShown(element) {
    if (!element.checkVisibility({ opacityProperty: true, visibilityProperty: true })) return false;
    if (element.closest("[aria-hidden=true], [inert]")) return false;
    const box = element.getBoundingClientRect();
    return box.width > 1 && box.height > 1; // what is smaller is for screen readers
  }

  // --- Names -------------------------------------------------------------------------------------
  function heard(element) {
    const copy = element.cloneNode(true);
    for (const silent of copy.querySelectorAll("[aria-hidden=true], script, template")) silent.remove();
    return copy.textContent.trim();
  }

  function nameOf(element) {
    const label = element.getAttribute("aria-label")?.trim();
    if (label) return label;
    const ids = element.getAttribute("aria-labelledby")?.split(/\s+/) ?? [];
    const named = ids.map((id) => document.getElementById(id)?.textContent.trim() ?? "").join(" ").trim();
    if (named) return named;
    const labels = [...(element.labels ?? [])].map((one) => one.textContent.trim()).join(" ").trim();
    if (labels) return labels;
    const alt = [...element.querySelectorAll("img[alt]")].map((one) => one.alt.trim()).join(" ").trim();
    const isField = /^(input|select|textarea)$/.test(element.localName);
    if (isField && ["submit", "button", "reset"].includes(element.type)) return element.value;
    const title = element.title.trim() || (element.querySelector("[title]")?.title.trim() ?? "");
    return (isField ? "" : heard(element) || alt) || title;
  }

  for (const element of document.querySelectorAll("a[href], button, input:not([type=hidden]), select, textarea, summary, [role=button], [role=combobox]"))
    if (isShown(element) && !nameOf(element)) say("name", element, "has no name");
  for (const spot of document.querySelectorAll("[onclick], [x-on\\:click]"))
    if (isShown(spot) && (spot.tabIndex < 0 || spot.matches("a:not([href], [tabindex])")) && spot.textContent.trim()) say("keyboard", spot, "is for a mouse alone");
  for (const symbol of document.querySelectorAll(".material-symbols-outlined"))
    if (isShown(symbol) && !symbol.ariaLabel) say("name", symbol, "is a symbol that is read out as a word");
  for (const image of document.querySelectorAll("img:not([alt])")) say("alt", image, "has no alt");
  for (const drawn of document.querySelectorAll("canvas, svg[role=img]"))
    if (isShown(drawn) && !nameOf(drawn) && !drawn.querySelector("title")) say("alt", drawn, "has no text beside it");
  for (const frame of document.querySelectorAll("iframe:not([title])")) say("name", frame, "has no title");

  // --- Structure ---------------------------------------------------------------------------------
  if (!document.documentElement.lang) say("lang", document.documentElement, "has no language");
  if (!document.title.trim()) say("title", document.head, "the page has no title");
  if (!document.querySelector("main, [role=main]")) say("landmark", document.body, "has no main part");
  const headings = [...document.querySelectorAll("h1, h2, h3, h4, h5, h6")]
    .filter((one) => one.checkVisibility() && one.role !== "presentation");
  if (headings.filter((one) => one.localName === "h1").length !== 1) say("heading", headings[0], "there is not exactly one h1");
  headings.reduce((before, one) => {
    const level = Number(one.localName[1]);
    if (level > before + 1) say("heading", one, `h${level} follows h${before}`);
    return level;
  }, 0);
  const ids = [...document.querySelectorAll("[id]")].map((one) => one.id);
  for (const id of new Set(ids.filter((one, place) => ids.indexOf(one) !== place))) say("id", document.getElementById(id), "is there twice");
  for (const element of document.querySelectorAll("[tabindex]"))
    if (element.tabIndex > 0) say("focus order", element, "has a tabindex of its own");
  for (const element of document.querySelectorAll("[aria-labelledby], [aria-describedby], [aria-controls]"))
    for (const attribute of ["aria-labelledby", "aria-describedby", "aria-controls"])
      for (const id of element.getAttribute(attribute)?.split(/\s+/).filter(Boolean) ?? [])
        if (!document.getElementById(id)) say("aria", element, `${attribute} names ${id}, which is not there`);
  if (document.documentElement.scrollWidth > innerWidth + 1) {
    const wide = [...document.querySelectorAll("body *")].find((one) => isShown(one) && one.getBoundingClientRect().right > innerWidth + 1);
    say("reflow", wide, `the page is ${document.documentElement.scrollWidth} px wide on ${innerWidth};`);
  }

  // --- Targets -----------------------------------------------------------------------------------
  // 24 px in both directions (2.5.8), or so much room around: a circle of 24 px touches no other.
  const SMALLEST = 24;
  const TARGETS = "a[href], button, input:not([type=hidden]), select, textarea, summary, [role=button], [role=tab]";

  function boxOf(element) {
    const parts = [element, ...(/^(checkbox|radio)$/.test(element.type) ? element.labels : [])];
    const boxes = parts.map((part) => part.getBoundingClientRect());
    const [left, top] = ["left", "top"].map((side) => Math.min(...boxes.map((box) => box[side])));
    const [right, bottom] = ["right", "bottom"].map((side) => Math.max(...boxes.map((box) => box[side])));
    return { left, top, right, bottom, x: (left + right) / 2, y: (top + bottom) / 2, width: right - left, height: bottom - top };
  }

  // A word of a sentence is as high as the sentence; what a link spreads over its card is its target.
  function isExempt(element) {
    const style = getComputedStyle(element);
    const words = element.closest("p, li, dd, td, figcaption, label, blockquote")?.textContent.trim() ?? "";
    const isWord = style.display === "inline" && words.length > element.textContent.trim().length;
    return isWord || getComputedStyle(element, "::after").position === "absolute";
  }

  const targets = [...document.querySelectorAll(TARGETS)]
    .filter((one) => isShown(one) && !one.disabled)
    .map((element) => ({ element, box: boxOf(element) }));
  const isSmall = ({ box }) => box.width < SMALLEST - 0.5 || box.height < SMALLEST - 0.5;
  const gap = ({ x, y }, box) => Math.hypot(Math.max(box.left - x, 0, x - box.right), Math.max(box.top - y, 0, y - box.bottom));
  for (const one of targets.filter((target) => isSmall(target) && !isExempt(target.element))) {
    const near = targets.find((other) => other.element !== one.element && !other.element.contains(one.element) &&
      (gap(one.box, other.box) < SMALLEST / 2 || (isSmall(other) && Math.hypot(one.box.x - other.box.x, one.box.y - other.box.y) < SMALLEST)));
    if (near) say("target", one.element, `${Math.round(one.box.width)} x ${Math.round(one.box.height)} px, close to another;`);
  }

  // --- Contrast ----------------------------------------------------------------------------------
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const known = new Map();

  // Any colour of CSS as four numbers from 0 to 1.
  function read(colour) {
    if (!known.has(colour)) {
      canvas.clearRect(0, 0, 1, 1);
      canvas.fillStyle = colour;
      canvas.fillRect(0, 0, 1, 1);
      known.set(colour, [...canvas.getImageData(0, 0, 1, 1).data].map((one) => one / 255));
    }
    return known.get(colour);
  }

  const over = ([r, g, b, a], [R, G, B]) => [r * a + R * (1 - a), g * a + G * (1 - a), b * a + B * (1 - a), 1];

  // Of an element and all that it is in.
  function opacity(element) {
    return element ? Number(getComputedStyle(element).opacity) * opacity(element.parentElement) : 1;
  }

  function faded([r, g, b, a], element) {
    return [r, g, b, a * opacity(element)];
  }

  function ground(element) {
    const layers = [];
    for (let at = element; at; at = at.parentElement) {
      const style = getComputedStyle(at);
      if (style.backgroundImage !== "none") return null; // a picture: nobody can say
      const colour = faded(read(style.backgroundColor), at);
      if (colour[3] > 0) layers.push(colour);
      if (colour[3] === 1) break;
    }
    const dark = matchMedia("(prefers-color-scheme: dark)").matches;
    return layers.reduceRight((below, layer) => over(layer, below), dark ? [0.07, 0.07, 0.07, 1] : [1, 1, 1, 1]);
  }

  function luminance([r, g, b]) {
    const [R, G, B] = [r, g, b].map((one) => (one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4));
    return 0.2126 * R + 0.7152 * G + 0.0722 * B;
  }

  function contrast(one, other) {
    const [light, dark] = [luminance(one), luminance(other)].sort((a, b) => b - a);
    return (light + 0.05) / (dark + 0.05);
  }

  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const judged = new Set();
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || judged.has(element) || !isShown(element)) continue;
    judged.add(element);
    if (element.closest(":disabled, [aria-disabled=true], script, style, noscript, option")) continue;
    const style = getComputedStyle(element);
    const below = ground(element);
    if (!below) continue;
    const size = parseFloat(style.fontSize);
    const isLarge = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    const ratio = contrast(over(faded(read(style.color), element), below), below);
    if (ratio < (isLarge ? 3 : 4.5) - 0.01) say("contrast", element, `${ratio.toFixed(2)}`);
  }

  // What is not yet filled in says what to fill in, and where its edge is (1.4.11).
  const FIELDS = "input:not([type=hidden], [type=checkbox], [type=radio], [type=submit], [type=range], [type=file]), select, textarea";
  for (const field of document.querySelectorAll(FIELDS)) {
    const [below, beside] = [ground(field), ground(field.parentElement)];
    if (!isShown(field) || field.disabled || !below || !beside) continue;
    const colour = faded(read(getComputedStyle(field, "::placeholder").color), field);
    if (field.placeholder && contrast(over(colour, below), below) < 4.49) say("contrast", field, `${contrast(over(colour, below), below).toFixed(2)} of the placeholder`);
    const edge = over(faded(read(getComputedStyle(field).borderBottomColor), field), beside);
    const seen = Math.max(contrast(edge, beside), contrast(below, beside));
    if (seen < 2.99) say("edge", field, `${seen.toFixed(2)}`);
  }
  return findings;
})();
