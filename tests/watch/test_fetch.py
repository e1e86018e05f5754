"""An address fetched: what is allowed, what is refused, within which limits, and what is said."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from periplus.errors import InputError
from periplus.watch.fetch import fetch, is_public

Answer = Callable[[BaseHTTPRequestHandler], None]


class Site:
    """A server on loopback; `asked` are the requests it saw."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.answers: dict[str, Answer] = {}
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                site.asked.append((self.path, dict(self.headers)))
                site.answers[self.path.split("?")[0]](self)

            def log_message(self, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def url(self, path: str, login: str = "") -> str:
        return f"http://{login}127.0.0.1:{self.port}{path}"

    def file(self, path: str, content: bytes, status: int = 200, **headers: str) -> None:
        def answer(handler: BaseHTTPRequestHandler) -> None:
            handler.send_response(status)
            for name, value in headers.items():
                handler.send_header(name.replace("_", "-"), value)
            if "Content_Length" not in headers:
                handler.send_header("Content-Length", str(len(content)))
            handler.end_headers()
            handler.wfile.write(content)

        self.answers[path] = answer


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site()
    yield made
    made.server.shutdown()
    made.server.server_close()


def test_a_file_is_fetched_and_asked_for_again_by_its_tag(site: Site, tmp_path: Path) -> None:
    site.file(
        "/orders",
        b"a,b\n1,2\n",
        ETag='"x1"',
        Last_Modified="Mon, 02 Mar 2026 10:00:00 GMT",
        Content_Type="text/csv; charset=utf-8",
    )
    first = fetch(site.url("/orders?key=k"), tmp_path, private=True)
    assert first.path is not None
    assert (first.path.name, first.path.read_bytes()) == ("orders.csv", b"a,b\n1,2\n")
    site.file("/orders", b"", status=304)
    again = fetch(site.url("/orders?key=k"), tmp_path, private=True, etag=first.etag, modified=first.modified)
    assert again.path is None
    assert (again.etag, again.modified) == (first.etag, first.modified)
    path, headers = site.asked[-1]
    assert path == "/orders?key=k"
    assert (headers["If-None-Match"], headers["If-Modified-Since"]) == (first.etag, first.modified)


def test_a_name_and_password_go_to_the_server_and_nowhere_else(site: Site, tmp_path: Path) -> None:
    site.file("/a.csv", b"", status=401)
    with pytest.raises(InputError) as caught:
        fetch(site.url("/a.csv?token=t0ken", login="me:s%40cret@"), tmp_path, private=True)
    assert site.asked[0][1]["Authorization"] == "Basic bWU6c0BjcmV0"
    said = f"{caught.value} {caught.value.to_dict()}"
    assert "401" in said
    assert not any(secret in said for secret in ("s%40cret", "s@cret", "t0ken", "me:"))


def test_redirections_are_followed_within_bounds(site: Site, tmp_path: Path) -> None:
    other = Site()
    try:
        site.file("/1", b"", status=302, Location="/2")
        site.file("/2", b"", status=307, Location=other.url("/3.csv"))
        other.file("/3.csv", b"x")
        found = fetch(site.url("/1", login="me:pw@"), tmp_path, private=True)
        assert found.path is not None
        assert found.path.name == "3.csv"
        assert "Authorization" in site.asked[1][1]
        assert "Authorization" not in other.asked[0][1]
        site.file("/loop", b"", status=302, Location="/loop")
        with pytest.raises(InputError, match="leads on more than 5 times"):
            fetch(site.url("/loop"), tmp_path, private=True)
        assert sum(path == "/loop" for path, _ in site.asked) == 6
        for where in ("file:///etc/passwd", "ftp://127.0.0.1/x", "gopher://127.0.0.1/"):
            site.file("/bad", b"", status=302, Location=where)
            with pytest.raises(InputError, match="leads on"):
                fetch(site.url("/bad"), tmp_path, private=True)
    finally:
        other.server.shutdown()
        other.server.server_close()


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.9.9.9", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
        "224.0.0.1", "255.255.255.255", "::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "ff02::1", "::ffff:127.0.0.1",
        "::ffff:10.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "2001:db8::1", "nonsense", "",
    ],
)  # fmt: skip
def test_ones_own_network_is_refused_unless_it_is_meant(address: str, tmp_path: Path) -> None:
    assert not is_public(address)

    def resolve(host: str, port: int, **more: Any) -> list[Any]:
        return [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("93.184.216.34", port)),
            (0, 0, 0, "", (address, port)),
        ]

    with pytest.raises(InputError) as caught:
        fetch("http://shop.example/a.csv", tmp_path, resolve=resolve)
    assert caught.value.code == "private_address"
    assert "--private" in caught.value.hint


@pytest.mark.parametrize("address", ["93.184.216.34", "8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8"])
def test_the_open_internet_is_not(address: str) -> None:
    assert is_public(address)


def test_other_writings_of_loopback_are_seen_through(tmp_path: Path) -> None:
    for host in ("localhost", "127.1", "2130706433", "0x7f000001", "[::1]", "[::ffff:127.0.0.1]"):
        with pytest.raises(InputError):
            fetch(f"http://{host}:9/x", tmp_path)


def test_the_connection_goes_to_the_address_that_was_checked(site: Site, tmp_path: Path) -> None:
    site.file("/a.csv", b"x")
    names: list[str] = []

    def resolve(host: str, port: int, **more: Any) -> list[Any]:
        names.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    found = fetch(f"http://rebinding.example:{site.port}/a.csv", tmp_path, private=True, resolve=resolve)
    assert found.path is not None
    assert names == ["rebinding.example"]
    assert site.asked[0][1]["Host"] == f"rebinding.example:{site.port}"


def test_a_redirection_into_ones_own_network_is_refused(site: Site, tmp_path: Path) -> None:
    site.file("/a", b"", status=302, Location="http://inside.example/admin")

    def resolve(host: str, port: int, **more: Any) -> list[Any]:
        return [(0, 0, 0, "", ("127.0.0.1" if host == "outside.example" else "10.0.0.7", port))]

    from periplus.watch import fetch as module

    real = module.is_public
    module.is_public = lambda address: address == "127.0.0.1" or real(address)  # loopback plays the internet
    try:
        with pytest.raises(InputError) as caught:
            fetch(f"http://outside.example:{site.port}/a", tmp_path, resolve=resolve)
    finally:
        module.is_public = real
    assert caught.value.code == "private_address"
    assert "inside.example" in caught.value.message


def test_too_large_is_refused_whether_it_is_said_or_not(site: Site, tmp_path: Path) -> None:
    site.file("/said", b"x" * 100)
    with pytest.raises(InputError, match="more than 99 bytes"):
        fetch(site.url("/said"), tmp_path, private=True, largest=99)

    def endless(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        try:
            while True:
                handler.wfile.write(b"x" * 65536)
        except OSError:
            return

    site.answers["/endless"] = endless
    with pytest.raises(InputError, match=r"more than 1,000,000 bytes"):
        fetch(site.url("/endless"), tmp_path, private=True, largest=1_000_000)
    assert fetch(site.url("/said"), tmp_path, private=True, largest=100).path is not None


@pytest.mark.parametrize("seconds", [0.5, 0.0])  # 0: the time is over before there is a connection to cut
@pytest.mark.parametrize("part", ["headers", "body"])
def test_a_server_that_drips_is_left_in_time(site: Site, tmp_path: Path, part: str, seconds: float) -> None:
    def drip(handler: BaseHTTPRequestHandler) -> None:
        if part == "body":
            handler.send_response(200)
            handler.end_headers()
        else:
            handler.wfile.write(b"HTTP/1.0 200 OK\r\nX: ")
        try:
            for _ in range(1200):
                handler.wfile.write(b"x")
                handler.wfile.flush()
                time.sleep(0.05)
        except OSError:
            return

    site.answers["/drip"] = drip
    began = time.monotonic()
    with pytest.raises(InputError, match=f"longer than {seconds:g} seconds"):
        fetch(site.url("/drip"), tmp_path, private=True, seconds=seconds)
    assert time.monotonic() - began < 30  # it would drip for a minute


def test_what_is_cut_off_is_no_file(site: Site, tmp_path: Path) -> None:
    site.file("/cut.csv", b"a,b\n", Content_Length="400")
    with pytest.raises(InputError, match="cut off"):
        fetch(site.url("/cut.csv"), tmp_path, private=True)


@pytest.mark.parametrize(
    ("path", "content_type", "name"),
    [
        ("/export", "application/x-ndjson", "export.jsonl"),
        ("/", "text/plain", "fetched.csv"),
        ("/a/..%2f..%2fetc%2fpasswd", "", "etc_passwd.csv"),
        ("/%00%0a.csv", "", "csv.csv"),
        ("/x.parquet", "", "x.parquet"),
    ],
)
def test_a_name_for_what_was_fetched(
    site: Site, tmp_path: Path, path: str, content_type: str, name: str
) -> None:
    site.answers = {}
    site.file(path, b"x", Content_Type=content_type)
    found = fetch(site.url(path), tmp_path, private=True)
    assert found.path is not None
    assert found.path.parent == tmp_path
    assert found.path.name == name


def test_nobody_there(tmp_path: Path) -> None:
    with socket.socket() as place:
        place.bind(("127.0.0.1", 0))
        port = place.getsockname()[1]
        # The port stays ours, so that nobody else begins to listen there.
        with pytest.raises(InputError, match="could not be fetched: connection refused"):
            fetch(f"http://127.0.0.1:{port}/x", tmp_path, private=True)
    with pytest.raises(InputError, match="no computer is known"):
        fetch("http://shop.invalid/x", tmp_path)
    with pytest.raises(InputError, match="could not be fetched"):
        fetch("https://" + "x" * 300 + ".org/", tmp_path)
