"""What tests in a browser share: Debian's chromium, and a wallet as pages meet one."""

import shutil
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
SECONDS = 20.0
needs_chromium = pytest.mark.skipif(
    CHROMIUM is None, reason="there is no chromium: see deploy/chromium.sh"
)
Open = Callable[..., Page]
# A wallet as pages meet one: EIP-1193, announced by EIP-6963, signing outside of the page.
WALLET = """
window.answers = {
  eth_chainId: async () => "0x1",
  eth_requestAccounts: async () => [await walletAddress()],
  personal_sign: async ([message]) => walletSign(message),
};
const provider = { request: async ({ method, params }) => {
  if (window.refuses) throw Object.assign(new Error("no"), { code: 4001 });
  return window.answers[method](params);
} };
window.ethereum = provider;
const info = { uuid: "1f0e7c3a-0000-4000-8000-000000000000", name: "Test Wallet", icon: "" };
const detail = Object.freeze({ info, provider });
addEventListener("eip6963:requestProvider", () => {
  dispatchEvent(new CustomEvent("eip6963:announceProvider", { detail }));
});
"""


def sign_in(page: Page, path: str) -> None:
    page.goto(f"/login?next={path}")
    page.get_by_role("button", name="Sign in with Test Wallet").click()
    page.wait_for_url(lambda url: urlsplit(url).path == path)
