// Signing in with a wallet: ask for a nonce, have the message signed, begin a session with it.

const version = new URL(import.meta.url).search;
const { WalletError, addressOf, chainOf, findWallets, say, sign } = await import(`./wallets.js${version}`);

const $ = (id) => document.getElementById(id);
const form = $("wallet-login");
const note = $("wallet-says");
const chains = form.dataset.chains.split(",").map(Number);

function tell(text, kind = "") {
  note.className = `message${kind && ` message--${kind}`}`;
  note.textContent = text;
  note.hidden = !text;
}

async function ask(url, options) {
  const answer = await fetch(url, { method: "POST", headers: { Accept: "application/json" }, ...options });
  const body = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new WalletError(body.detail ?? "The server gave no answer. Try again.");
  return body;
}

// EIP-4361, of exactly the parts that the server has named.
function compose(asked, address, chain) {
  return [
    `${asked.domain} wants you to sign in with your Ethereum account:`,
    address,
    "",
    asked.statement,
    "",
    `URI: ${asked.uri}`,
    "Version: 1",
    `Chain ID: ${chain}`,
    `Nonce: ${asked.nonce}`,
    `Issued At: ${new Date().toISOString()}`,
  ].join("\n");
}

async function signIn(wallet) {
  tell("Look at your wallet: it asks you to sign one sentence.");
  const address = await addressOf(wallet);
  const [asked, current] = await Promise.all([ask(form.dataset.nonceUrl), chainOf(wallet)]);
  const chain = current ?? asked.chainId;
  if (!chains.includes(chain)) {
    throw new WalletError(`The wallet is on chain ${chain}, which is not one of ours. Switch it to chain ${asked.chainId} and try again.`);
  }
  const message = compose(asked, address, chain);
  const { signature } = await sign(wallet, message);
  const body = new FormData(form);
  body.set("message", message);
  body.set("signature", signature);
  const { next } = await ask(form.action, { body });
  tell("You are signed in.", "success");
  location.assign(next);
}

function offer(wallet, isFirst) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = `button button--wide${isFirst ? " button--main" : ""}`;
  if (wallet?.icon?.startsWith("data:image/")) {
    const icon = document.createElement("img");
    icon.src = wallet.icon;
    icon.alt = "";
    button.append(icon);
  }
  button.append(`Sign in with ${wallet?.name ?? "a wallet"}`);
  button.addEventListener("click", async () => {
    for (const one of form.querySelectorAll("button")) one.disabled = true;
    try {
      await signIn(wallet);
    } catch (error) {
      tell(error instanceof TypeError ? "The server does not answer. Try again." : say(error), "error");
    } finally {
      for (const one of form.querySelectorAll("button")) one.disabled = false;
    }
  });
  return button;
}

const wallets = await findWallets();
form.hidden = false;
$("wallets").replaceChildren(...(wallets.length ? wallets : [undefined]).map((wallet, place) => offer(wallet, place === 0)));
