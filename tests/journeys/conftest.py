"""Real browsers: one a module, wallets in them, and no error of a page that nobody hears of."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.accounts.siwe import TestWallet
from tests.journeys.browsers import CHROMIUM, SECONDS, WALLET, Open
from tests.stack import Stack


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Closed after this module: while it lives its event loop runs here, which asynchronous tests
    would stumble over."""
    expect.set_options(timeout=SECONDS * 1000)
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield running
        running.close()


@pytest.fixture
def enter(stack: Stack, browser: Browser) -> Iterator[Open]:
    """`enter(ALICES)`: a browser that has her wallet in it, `enter(None)` one that has none."""
    contexts: list[BrowserContext] = []
    errors: list[Any] = []

    def note(error: Any) -> None:
        errors.append(error)

    def open_browser(wallet: TestWallet | None, **options: Any) -> Page:
        context = browser.new_context(base_url=stack.url, **options)
        contexts.append(context)
        if wallet:
            context.expose_function("walletAddress", lambda: wallet.address)
            context.expose_function(
                "walletSign", lambda message: wallet.sign(bytes.fromhex(message[2:]).decode())
            )
            context.add_init_script(WALLET)
        page = context.new_page()
        page.set_default_timeout(SECONDS * 1000)
        page.on("pageerror", note)
        return page

    yield open_browser
    for context in contexts:
        context.close()
    assert errors == []
