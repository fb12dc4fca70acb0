"""What tests in a browser share: Debian's chromium, and a wallet as pages meet one."""

import shutil
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Error, Page

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


class Keyboard:
    """Somebody who has no mouse, and looks at where the focus is."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.press = page.keyboard.press
        self.write = page.keyboard.type

    def to(self, name: str, *, key: str = "Tab") -> None:
        """With the Tab key, until what has this name has the focus; which is to be seen there."""
        passed = []
        for _ in range(_MOST_TABS):
            self.press(key)
            passed.append(self._focused())
            if name in passed[-1]:
                self.page.wait_for_function(_IS_SEEN, timeout=_SEEN_WITHIN)
                return
        raise AssertionError(f"no way to {name}: {passed}")

    def _focused(self) -> list[str]:
        try:
            return list(self.page.evaluate(_FOCUSED))
        except Error:  # the next page is coming
            self.page.wait_for_load_state()
            return []

    def use(self, name: str) -> None:
        self.to(name)
        self.press("Enter")

    def fill(self, name: str, words: str) -> None:
        self.to(name)
        self.write(words)


_MOST_TABS = 120
_SEEN_WITHIN = 3_000  # ms: a page may scroll there softly
# The lines of the name, without what help and shortcuts say beside it.
_FOCUSED = r"""() => {
  const at = document.activeElement;
  if (at === document.body) return [];
  const said = at.ariaLabel ?? (at.labels?.[0] ?? at).innerText ?? "";
  return said.trim().split("\n").map((line) => line.trim().replace(/( optional| [a-z]|\*)$/, ""));
}"""
_IS_SEEN = """() => {
  const at = document.activeElement, box = at.getBoundingClientRect();
  const styles = [getComputedStyle(at), getComputedStyle(at, "::after")];
  const isMarked = styles.some((style) => style.boxShadow !== "none"
    || style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0);
  return isMarked && box.width > 1 && box.bottom > 0 && box.top < innerHeight;
}"""
