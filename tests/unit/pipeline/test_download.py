"""Downloads, from a server on loopback: what is fetched, what is refused, and to where nothing is ever sent."""

import gzip
import socket
from collections.abc import AsyncIterator, Callable, Iterator

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from scriptrun.errors import Rejected, TryLater
from scriptrun.pipeline.download import Downloader
from scriptrun.pipeline.settings import PipelineSettings
from scriptserver import ScriptServer, serve_scripts

LOOPBACK = "127.0.0.0/8"
Fetch = Callable[..., AsyncIterator[bytes]]


class Names(AbstractResolver):
    """Resolves names as a test says; counts how often."""

    def __init__(self, **addresses: list[str]) -> None:
        self.addresses = {name.replace("_", "."): found for name, found in addresses.items()}
        self.asked: list[str] = []

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        self.asked.append(host)
        found = self.addresses[host]
        # One address after the other, where a name changes its mind.
        chosen = [found.pop(0)] if len(found) > 1 and found[0] != "both" else [item for item in found if item != "both"]
        return [
            ResolveResult(hostname=host, host=item, port=port, family=socket.AF_INET, proto=0, flags=0)
            for item in chosen
        ]

    async def close(self) -> None:
        return


@pytest.fixture
def server() -> Iterator[ScriptServer]:
    with serve_scripts() as server:
        yield server


def build_settings(server: ScriptServer, **changes: object) -> PipelineSettings:
    common = {"allowed_hosts": f"127.0.0.1:{server.port}", "allowed_networks": LOOPBACK, "download_seconds": 5}
    return PipelineSettings(**{**common, **changes})  # type: ignore[arg-type]


async def fetch(server: ScriptServer, url: str, names: Names | None = None, **changes: object) -> bytes:
    async with Downloader(build_settings(server, **changes), names) as downloader:
        return await downloader.fetch(url)


async def test_a_script(server: ScriptServer) -> None:
    url = server.add("/a.py", "print('hi')")
    assert await fetch(server, url) == b"print('hi')"
    assert "Authorization" not in server.asked[0].headers


async def test_a_redirect_within_the_list(server: ScriptServer) -> None:
    url = server.add("/there.py", "print('hi')")
    server.locations |= {"/here.py": url, "/before.py": "/here.py"}
    assert await fetch(server, f"{server.url}/before.py") == b"print('hi')"


async def test_a_redirect_off_the_list_is_not_followed(server: ScriptServer) -> None:
    with serve_scripts() as other:
        server.locations["/a.py"] = other.add("/a.py", "print('evil')")
        with pytest.raises(Rejected, match=f"127.0.0.1:{other.port}"):
            await fetch(server, f"{server.url}/a.py")
        assert other.asked == []


@pytest.mark.parametrize("target", ["file:///etc/passwd", "http://169.254.169.254/latest/", "ftp://127.0.0.1/", "//["])
async def test_a_redirect_to_anything_else(server: ScriptServer, target: str) -> None:
    server.locations["/a.py"] = target
    with pytest.raises((Rejected, TryLater)):
        await fetch(server, f"{server.url}/a.py")


async def test_redirects_in_a_circle(server: ScriptServer) -> None:
    server.locations["/a.py"] = "/a.py"
    with pytest.raises(Rejected, match="more than 3 times"):
        await fetch(server, f"{server.url}/a.py")
    assert len(server.asked) == 4


async def test_loopback_is_refused_unless_it_is_allowed(server: ScriptServer) -> None:
    url = server.add("/a.py", "print('hi')")
    with pytest.raises(Rejected, match="SCRIPTRUN_SCHEDULER_ALLOWED_NETWORKS"):
        await fetch(server, url, allowed_networks="")
    assert server.asked == []


async def test_a_name_for_a_private_address_is_refused(server: ScriptServer) -> None:
    names = Names(tables_example=["127.0.0.1"])
    url = f"http://tables.example:{server.port}/a.py"
    hosts = f"tables.example:{server.port}"
    with pytest.raises(Rejected, match="SCRIPTRUN_SCHEDULER_ALLOWED_NETWORKS"):
        await fetch(server, url, names, allowed_hosts=hosts, allowed_networks="10.0.0.0/8")
    assert server.asked == []
    server.add("/a.py", "print('hi')")
    assert await fetch(server, url, names, allowed_hosts=hosts) == b"print('hi')"


@pytest.mark.parametrize("address", ["169.254.169.254", "0.0.0.0"])
async def test_a_name_for_an_address_that_is_never_allowed(server: ScriptServer, address: str) -> None:
    names = Names(tables_example=[address])
    hosts = f"tables.example:{server.port}"
    with pytest.raises(Rejected, match="never allowed"):
        await fetch(server, f"http://{hosts}/a.py", names, allowed_hosts=hosts, allowed_networks="0.0.0.0/0")


async def test_a_name_with_one_bad_address_is_refused(server: ScriptServer) -> None:
    names = Names(tables_example=["both", "127.0.0.1", "10.0.0.1"])
    hosts = f"tables.example:{server.port}"
    with pytest.raises(Rejected, match="SCRIPTRUN_SCHEDULER_ALLOWED_NETWORKS"):
        await fetch(server, f"http://{hosts}/a.py", names, allowed_hosts=hosts)
    assert server.asked == []


async def test_a_name_that_changes_its_mind_is_asked_once(server: ScriptServer) -> None:
    server.add("/a.py", "print('hi')")
    names = Names(tables_example=["127.0.0.1", "10.0.0.1"])
    hosts = f"tables.example:{server.port}"
    assert await fetch(server, f"http://{hosts}/a.py", names, allowed_hosts=hosts) == b"print('hi')"
    assert names.asked == ["tables.example"]
    with pytest.raises(Rejected, match="SCRIPTRUN_SCHEDULER_ALLOWED_NETWORKS"):  # the next download looks again
        await fetch(server, f"http://{hosts}/a.py", names, allowed_hosts=hosts)


@pytest.mark.parametrize("host", ["2130706433", "0x7f.1", "127.1", "0177.0.0.1"])
async def test_an_address_in_disguise(server: ScriptServer, host: str) -> None:
    hosts = f"{host}:{server.port}"
    with pytest.raises((Rejected, TryLater)):
        await fetch(server, f"http://{hosts}/a.py", allowed_hosts=hosts, allowed_networks="")
    assert server.asked == []


async def test_a_script_that_is_too_large(server: ScriptServer) -> None:
    url = server.add("/a.py", b"#" * 1001)
    with pytest.raises(Rejected, match="1,000 bytes"):
        await fetch(server, url, script_limit_bytes=1000)
    assert len(await fetch(server, url, script_limit_bytes=1001)) == 1001


async def test_a_script_that_does_not_say_how_large_it_is(server: ScriptServer) -> None:
    url = server.add("/a.py", b"#" * 50_000_000)
    server.headers["/a.py"] = {"Transfer-Encoding": "chunked"}
    with pytest.raises(Rejected, match="500,000 bytes"):
        await fetch(server, url)


async def test_a_compressed_script_is_not_unpacked(server: ScriptServer) -> None:
    url = server.add("/a.py", gzip.compress(b"#" * 50_000_000))
    server.headers["/a.py"] = {"Content-Encoding": "gzip"}
    with pytest.raises(Rejected, match="compressed"):
        await fetch(server, url)
    assert server.asked[0].headers["Accept-Encoding"] == "identity"


async def test_a_server_that_takes_its_time(server: ScriptServer) -> None:
    url = server.add("/a.py", "print('hi')")
    server.slow["/a.py"] = 0.2
    with pytest.raises(TryLater, match="the download took longer"):
        await fetch(server, url, download_seconds=0.5)


@pytest.mark.parametrize(("status", "error"), [(404, Rejected), (403, Rejected), (500, TryLater), (429, TryLater)])
async def test_what_a_server_may_say(server: ScriptServer, status: int, error: type[Exception]) -> None:
    server.statuses["/a.py"] = [status]
    with pytest.raises(error, match=str(status)):
        await fetch(server, f"{server.url}/a.py")


async def test_a_server_that_is_away_shows_no_ticket(server: ScriptServer) -> None:
    with serve_scripts() as other:
        gone = other.port
    with pytest.raises(TryLater) as error:
        await fetch(server, f"http://127.0.0.1:{gone}/ticket/a.py", allowed_hosts=f"127.0.0.1:{gone}")
    assert "ticket" not in str(error.value)


async def test_a_file_server_of_another_name(server: ScriptServer) -> None:
    server.add("/files/a.py?t=1", "print('hi')")
    assert await fetch(server, "https://outside.example/files/a.py?t=1", file_server_root=server.url) == b"print('hi')"
