"""Where a link may point, and in which form it is kept."""

import pytest

from links.addresses import AddressError, OwnAddresses, normalize_address

OWN = OwnAddresses(frozenset({"rally.test", "go.example"}), frozenset({8000}))


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("https://example.com", "https://example.com/"),
        (" HTTP://Example.COM/A?b=c#d ", "http://example.com/A?b=c#d"),
        ("https://münchen.example/straße?ä=ö", "https://xn--mnchen-3ya.example/stra%C3%9Fe?%C3%A4=%C3%B6"),
        ("https://example.com/a b%20c", "https://example.com/a%20b%20c"),
        ("https://example.com:8443/", "https://example.com:8443/"),
        ("http://[2001:DB8::1]/", "http://[2001:db8::1]/"),
        ("mailto:a@example.com?subject=Hi there", "mailto:a@example.com?subject=Hi%20there"),
        ("tg://resolve?domain=rally", "tg://resolve?domain=rally"),
    ],
)  # fmt: skip
def test_an_address_is_kept_in_one_ascii_form(given: str, kept: str) -> None:
    assert normalize_address(given) == kept
    assert normalize_address(kept) == kept


@pytest.mark.parametrize(
    ("address", "code"),
    [
        ("", "url_empty"),
        ("javascript:alert(1)", "url_scheme"),
        ("JaVaScRiPt:alert(1)", "url_scheme"),
        ("java\tscript:alert(1)", "url_characters"),
        ("data:text/html,x", "url_scheme"),
        ("vbscript:x", "url_scheme"),
        ("file:///etc/passwd", "url_scheme"),
        ("//evil.example/", "url_scheme"),
        ("/\\evil.example", "url_characters"),
        ("example.com", "url_scheme"),
        ("https://example.com/\r\nSet-Cookie: a=b", "url_characters"),
        ("https://example.com/\0", "url_characters"),
        ("https://example.com/\ud800", "url_characters"),
        ("https://user:secret@example.com/", "url_credentials"),
        ("https://rally.test@evil.example/", "url_credentials"),
        ("https://", "url_host"),
        ("https:///path", "url_host"),
        ("https://exa mple.com/", "url_host"),
        ("https://-bad.example/", "url_host"),
        ("https://[::1", "url_malformed"),
        ("https://[v1.x]/", "url_host"),
        ("https://example.com:99999/", "url_malformed"),
        ("https://example.com/" + "x" * 100_000, "url_too_long"),
        ("https://example.com/" + "ö" * 3_000, "url_too_long"),
        ("https://rally.test/x", "url_own_domain"),
        ("https://RALLY.test./x", "url_own_domain"),
        ("http://rally.test:80/x", "url_own_domain"),
        ("http://rally.test:8000/x", "url_own_domain"),
        ("https://go.example/x", "url_own_domain"),
        ("http://0.0.0.0:8000/", "url_own_domain"),
        ("http://[::]:8000/", "url_own_domain"),
        ("http://127.1:8000/", "url_own_domain"),
        ("http://2130706433:8000/", "url_own_domain"),
        ("http://0x7f.1:8000/", "url_own_domain"),
        ("http://0177.0.0.1:8000/", "url_own_domain"),
        ("http://[::ffff:127.0.0.1]:8000/", "url_own_domain"),
        ("http://a.localhost:8000/", "url_own_domain"),
        ("http://[::1%25lo]:8000/", "url_host"),
        ("http://1.2.3.4.5/", "url_host"),
        ("mailto:", "url_host"),
    ],
)
def test_what_cannot_be_a_target_is_refused_with_a_code(address: str, code: str) -> None:
    with pytest.raises(AddressError) as refused:
        normalize_address(address, own=OWN)

    assert refused.value.code == code


def test_another_service_on_our_host_is_no_loop() -> None:
    assert normalize_address("http://rally.test:9000/", own=OWN)
