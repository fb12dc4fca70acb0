// Wallets of this browser: who they are (EIP-6963, and window.ethereum for older ones), and what
// they sign (EIP-1193 `personal_sign`).

const ANNOUNCED_WITHIN = 200;
// What wallets answer when a person says no, or when they wait for her already.
const REFUSED = 4001;
const UNAUTHORIZED = 4100;
const BUSY = -32002;

export class WalletError extends Error {}

// [{ name, icon, provider }]
export async function findWallets() {
  const found = new Map();
  const hear = ({ detail }) => {
    if (detail?.info?.uuid && detail.provider) {
      found.set(detail.info.uuid, { ...detail.info, provider: detail.provider });
    }
  };
  addEventListener("eip6963:announceProvider", hear);
  dispatchEvent(new Event("eip6963:requestProvider"));
  await new Promise((wake) => setTimeout(wake, ANNOUNCED_WITHIN));
  removeEventListener("eip6963:announceProvider", hear);
  const wallets = [...found.values()];
  const known = wallets.some(({ provider }) => provider === globalThis.ethereum);
  if (globalThis.ethereum && !known && !wallets.length) {
    wallets.push({ name: "your wallet", icon: "", provider: globalThis.ethereum });
  }
  return wallets;
}

export async function addressOf(wallet) {
  if (!wallet) throw new WalletError("There is no wallet in this browser. Install one, or open this page in the wallet's own browser.");
  const [address] = await wallet.provider.request({ method: "eth_requestAccounts" });
  if (!address) throw new WalletError("The wallet named no account.");
  return address;
}

export async function sign(wallet, message) {
  const address = await addressOf(wallet);
  const params = [hex(message), address];
  return { address, signature: await wallet.provider.request({ method: "personal_sign", params }) };
}

// The number of the chain that it is on; null when it does not say.
export async function chainOf(wallet) {
  try {
    return Number(await wallet.provider.request({ method: "eth_chainId" }));
  } catch {
    return null;
  }
}

export function say(error) {
  if (error instanceof WalletError) return error.message;
  if (error?.code === REFUSED) return "You have refused to sign in the wallet. Nothing has happened.";
  if (error?.code === UNAUTHORIZED) return "The wallet is locked, or does not know this page. Open it and try again.";
  if (error?.code === BUSY) return "The wallet is asking you already: open it and answer there.";
  return "The wallet gave no answer that helps. Open it, and try again.";
}

const hex = (text) => `0x${[...new TextEncoder().encode(text)].map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
