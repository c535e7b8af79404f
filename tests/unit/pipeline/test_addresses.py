"""From where scripts may be downloaded: what a caller may name."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scriptrun.errors import Rejected
from scriptrun.pipeline.addresses import check_url

HOSTS = ("tables.example", "scripts.example:8443", "*.cdn.example", "10.0.0.7:80", "[2001:db8::7]:8080")


@pytest.mark.parametrize(
    "url",
    [
        "https://tables.example/seafhttp/files/ticket/a.py?x=1#fragment",
        "http://TABLES.example./a",
        "https://scripts.example:8443/",
        "https://a.b.cdn.example/",
        "http://10.0.0.7/a",
        "http://[2001:db8::7]:8080/a",
    ],
)
def test_an_allowed_host(url: str) -> None:
    assert "#" not in str(check_url(url, HOSTS))


@pytest.mark.parametrize(
    "url",
    [
        "ftp://tables.example/a",
        "file:///etc/passwd",
        "gopher://tables.example/",
        "//tables.example/a",
        "tables.example/a",
        "",
        "http://",
        "http:///a",
        "https://tables.example:8443/a",
        "https://scripts.example/a",
        "https://tables.example.evil.example/",
        "https://eviltables.example/",
        "https://cdn.example/",
        "https://evilcdn.example/",
        "https://tables.example@evil.example/",
        "https://user@tables.example/",
        "https://user:password@tables.example/",
        "https://evil.example/#tables.example",
        "https://evil.example?tables.example",
        "https://evil.example\\@tables.example/",
        "https://tables.example:99999/",
        "https://tables.example:x/",
        "http://10.0.0.7:81/a",
        "http://[2001:db8::8]:8080/a",
        "http://localhost/a",
        "https://tables.example/" + "a" * 9000,
    ],
)
def test_any_other(url: str) -> None:
    with pytest.raises(Rejected) as refusal:
        check_url(url, HOSTS)
    assert "/etc/passwd" not in str(refusal.value)


@given(st.text(max_size=60))
def test_no_text_is_allowed_by_accident(text: str) -> None:
    for url in (text, f"http://{text}", f"https://{text}/a", f"https://{text}@evil.example/"):
        try:
            checked = check_url(url, ("tables.example",))
        except Rejected:
            continue
        assert (checked.raw_host or "").rstrip(".").lower() == "tables.example"
