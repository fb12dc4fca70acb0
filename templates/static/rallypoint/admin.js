// unfold's frame of a page has no main part, which those who hear a page jump to.
addEventListener("DOMContentLoaded", () => {
  document.getElementById("content")?.setAttribute("role", "main");
});
