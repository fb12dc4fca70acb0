// Swagger UI has a dark scheme, with its switch on a bar that this page has no use for.
if (matchMedia("(prefers-color-scheme: dark)").matches) document.documentElement.classList.add("dark-mode");
