// Signs in as a front end does: the answer of POST /api/auth/nonce in, with the key and the time
// to write; {message, signature} out.
import { text } from "node:stream/consumers";
import { privateKeyToAccount } from "viem/accounts";
import { createSiweMessage } from "viem/siwe";

const asked = JSON.parse(await text(process.stdin));
const account = privateKeyToAccount(asked.privateKey);
const message = createSiweMessage({
  address: account.address,
  chainId: asked.chainId,
  domain: asked.domain,
  issuedAt: new Date(asked.issuedAt),
  nonce: asked.nonce,
  statement: asked.statement,
  uri: asked.uri,
  version: "1",
});
const signature = await account.signMessage({ message });
process.stdout.write(JSON.stringify({ message, signature }));
