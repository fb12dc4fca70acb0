"""Real browsers: one a module, wallets in them, and no error of a page that nobody hears of."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.accounts.siwe import TestWallet
from tests.journeys.browsers import CHROMIUM, SECONDS, WALLET, Keyboard, Open
from tests.stack import Stack

PASSWORD = "the keys of the house"


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


@pytest.fixture(scope="module")
def name(stack: Stack) -> str:
    """Of an operator, who is a creator and a player too."""
    made = f"keys-{uuid4().hex[:8]}"
    stack.manage(
        "shell", "-c",
        "from accounts.models import User\n"
        f"User.objects.create_superuser(username={made!r}, password={PASSWORD!r})",
    )  # fmt: skip
    return made


@pytest.fixture
def keys(stack: Stack, browser: Browser, name: str) -> Iterator[Keyboard]:
    """Signed in, by a password."""
    context = browser.new_context(base_url=stack.url)
    keyboard = Keyboard(context.new_page())
    keyboard.page.goto("/login")
    keyboard.press("Shift+Tab")  # the name has the focus already
    keyboard.fill("Username", name)
    keyboard.fill("Password", PASSWORD)
    keyboard.press("Enter")
    expect(keyboard.page.locator(".menu__name")).to_have_text(name)
    yield keyboard
    context.close()
