"""What a User-Agent says: browser, system, kind of device, and whether it is a bot.

Browsers and systems by ua-parser (uap-core's rules); bots by the maintained list of
crawler-user-agents, by uap-core's own "Spider", and by the bare names of HTTP libraries.
"""

import re
from functools import lru_cache
from typing import Literal, NamedTuple

import crawleruseragents
import ua_parser

Device = Literal["desktop", "mobile", "tablet", "bot", "other"]
MAX_AGENT_LENGTH = 512

# Libraries and tools are no crawlers, so that list leaves them out; but nobody reads with them.
_TOOLS = re.compile(
    r"^(curl|wget|python|aiohttp|httpx|okhttp|java|go-http-client|libwww|node|axios|undici|ruby|php|"
    r"apache-httpclient|dart|postman|insomnia|powershell|winhttp|lwp|guzzle)\b",
    re.IGNORECASE,
)
_TABLET = re.compile(
    r"ipad|tablet|kindle|silk(?!.*mobile)|playbook|nexus (7|9|10)|sm-t\d", re.IGNORECASE
)
_MOBILE = re.compile(
    r"mobi|iphone|ipod|android|blackberry|bb10|windows (phone|ce)|opera m(ini|obi)|symbian|"
    r"palm|nokia|series ?60|midp|j2me|webos|fennec",
    re.IGNORECASE,
)
_DESKTOP = re.compile(r"windows|macintosh|x11|linux|cros|freebsd|openbsd", re.IGNORECASE)


class Agent(NamedTuple):
    browser: str
    os: str
    device: Device
    is_bot: bool


@lru_cache(maxsize=8192)
def parse_agent(text: str) -> Agent:
    """The agent behind `text`; unknown parts are "". An empty text is a bot: browsers send one."""
    text = text[:MAX_AGENT_LENGTH]
    parsed = ua_parser.parse(text)
    browser = parsed.user_agent.family if parsed.user_agent else ""
    system = parsed.os.family if parsed.os else ""
    spider = parsed.device is not None and parsed.device.family == "Spider"
    if not text or spider or _TOOLS.match(text) or crawleruseragents.is_crawler(text):
        return Agent(browser[:60], system[:60], "bot", is_bot=True)
    return Agent(browser[:60], system[:60], _device(text), is_bot=False)


def _device(text: str) -> Device:
    if _TABLET.search(text) or ("Android" in text and "Mobile" not in text and "Mini" not in text):
        return "tablet"
    if _MOBILE.search(text):
        return "mobile"
    return "desktop" if _DESKTOP.search(text) else "other"
