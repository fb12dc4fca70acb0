"""Signing in with a wallet (EIP-4361). Needs requests and eth-account; a page asks the wallet of
its visitor for the signature instead."""

import os
from datetime import UTC, datetime

import requests
from eth_account import Account
from eth_account.messages import encode_defunct

RALLYPOINT = os.environ.get("RALLYPOINT", "http://127.0.0.1:8000")
browser = requests.Session()  # a nonce is for one browser: its cookie must come back
wallet = Account.from_key(os.environ["PRIVATE_KEY"])

# For one attempt, within some minutes. It says what the message must hold.
asked = browser.post(f"{RALLYPOINT}/api/auth/nonce", timeout=10).json()
now = datetime.now(UTC)
message = (
    f"{asked['domain']} wants you to sign in with your Ethereum account:\n"
    f"{wallet.address}\n\n{asked['statement']}\n\n"
    f"URI: {asked['uri']}\nVersion: 1\nChain ID: {asked['chainId']}\n"
    f"Nonce: {asked['nonce']}\nIssued At: {now:%Y-%m-%dT%H:%M:%SZ}"
)
signed = wallet.sign_message(encode_defunct(text=message))
proof = {"message": message, "signature": "0x" + bytes(signed.signature).hex()}
pair = browser.post(f"{RALLYPOINT}/api/auth/login", json=proof, timeout=10).json()

# `token` goes into `Authorization: Bearer`; `refreshToken` is good for one new pair.
bearer = {"Authorization": f"Bearer {pair['token']}"}
me = browser.get(f"{RALLYPOINT}/api/auth/me", headers=bearer, timeout=10).json()
print("Signed in as", me["user"]["username"])
