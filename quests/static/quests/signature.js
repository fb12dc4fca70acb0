// The step "wallet signature": its words go to the wallet, and what it gives goes with the form.

const version = new URL(import.meta.url).search;
const { findWallets, say, sign } = await import(`../accounts/wallets.js${version}`);

// On the document, because the steps of a page are replaced while it is open.
document.addEventListener("submit", async (event) => {
  const form = event.target;
  const message = form.dataset.sign;
  if (message === undefined || form.elements.answer.value) return;
  event.preventDefault();
  const note = form.querySelector("[data-say]");
  const button = form.querySelector("[type=submit]");
  note.hidden = button.disabled = true;
  try {
    const [wallet] = await findWallets();
    form.elements.answer.value = (await sign(wallet, message)).signature;
    button.disabled = false;
    form.requestSubmit(button);
  } catch (error) {
    note.textContent = say(error);
    note.hidden = button.disabled = false;
  }
});
