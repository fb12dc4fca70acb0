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
    return (isField ? "" : element.textContent.trim() || alt) || element.title.trim();
  }

  for (const element of document.querySelectorAll("a[href], button, input:not([type=hidden]), select, textarea, summary, [role=button]"))
    if (isShown(element) && !nameOf(element)) say("name", element, "has no name");
  for (const image of document.querySelectorAll("img:not([alt])")) say("alt", image, "has no alt");
  for (const drawn of document.querySelectorAll("canvas, svg[role=img]"))
    if (isShown(drawn) && !nameOf(drawn) && !drawn.querySelector("title")) say("alt", drawn, "has no text beside it");
  for (const frame of document.querySelectorAll("iframe:not([title])")) say("name", frame, "has no title");

  // --- Structure ---------------------------------------------------------------------------------
  if (!document.documentElement.lang) say("lang", document.documentElement, "has no language");
  if (!document.title.trim()) say("title", document.head, "the page has no title");
  if (!document.querySelector("main, [role=main]")) say("landmark", document.body, "has no main part");
  const headings = [...document.querySelectorAll("h1, h2, h3, h4, h5, h6")].filter((one) => one.checkVisibility());
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

  function ground(element) {
    const layers = [];
    for (let at = element; at; at = at.parentElement) {
      const style = getComputedStyle(at);
      if (style.backgroundImage !== "none") return null; // a picture: nobody can say
      const colour = read(style.backgroundColor);
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
    const ratio = contrast(over(read(style.color), below), below);
    if (ratio < (isLarge ? 3 : 4.5) - 0.01) say("contrast", element, `${ratio.toFixed(2)}`);
  }
  return findings;
})();
