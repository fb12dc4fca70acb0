// Signing in with a wallet (EIP-4361) on a page: `ethereum` is what the wallet gives to pages, by
// EIP-1193, with the checksummed address of the account that will sign.
export async function signIn(rallypoint, ethereum, address) {
  const post = async (path, body = {}) => {
    const headers = { "Content-Type": "application/json" };
    const signal = AbortSignal.timeout(10_000);
    const answer = await fetch(rallypoint + path, { method: "POST", headers, signal, body: JSON.stringify(body) });
    const data = await answer.json();
    if (!answer.ok) throw new Error(`${data.code}: ${data.detail}`);
    return data;
  };

  // For one attempt, within some minutes. It says what the message must hold.
  const { domain, statement, uri, chainId, nonce } = await post("/api/auth/nonce");
  const message = [
    `${domain} wants you to sign in with your Ethereum account:`,
    `${address}\n\n${statement}\n`,
    `URI: ${uri}`,
    "Version: 1",
    `Chain ID: ${chainId}`,
    `Nonce: ${nonce}`,
    `Issued At: ${new Date().toISOString()}`,
  ].join("\n");
  const signature = await ethereum.request({ method: "personal_sign", params: [message, address] });

  // `token` goes into `Authorization: Bearer`; `refreshToken` is good for one new pair.
  return post("/api/auth/login", { message, signature });
}
