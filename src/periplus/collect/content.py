"""The bytes of a request's body as they were before they were packed: by their content, not by what a header says.

gzip, zlib (deflate), raw deflate and zstd are unpacked up to a limit, so that a small body cannot become a
large one; clients that pack without saying so, or say so without packing, are understood. A body packed
twice (by the client and by something on the way) is unpacked twice.
"""

from __future__ import annotations

import zlib

import pyarrow as pa

from periplus.errors import InputError

_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
_WINDOWS = {"gzip": 31, "zlib": 15, "deflate": -15}
_PIECE = 256 << 10
TWICE = 2


def unpacked(body: bytes, encoding: str, limit: int) -> bytes:
    """The body unpacked; `encoding` is the header Content-Encoding, a hint only.

    Raises InputError: `too_large` beyond `limit` bytes, `malformed` where what is packed is damaged.

    >>> unpacked(zlib.compress(b"{}"), "", 100)
    b'{}'
    """
    for _ in range(TWICE):
        form = _form(body, encoding)
        if form is None:
            break
        body = _zstd(body, limit) if form == "zstd" else _zlib(body, form, limit)
    return body


def _form(body: bytes, encoding: str) -> str | None:
    if body.startswith(_GZIP):
        return "gzip"
    if body.startswith(_ZSTD):
        return "zstd"
    # A zlib header: its first two bytes are a multiple of 31, and no JSON or form begins with an `x` and such a sign.
    if len(body) > 2 and body[0] == 0x78 and body[1] in (0x01, 0x5E, 0x9C, 0xDA):
        return "zlib"
    if "deflate" in encoding.lower() and body[:1] not in (b"{", b"[", b" ", b"\n", b""):
        return "deflate"
    return None


def _zlib(body: bytes, form: str, limit: int) -> bytes:
    machine = zlib.decompressobj(_WINDOWS[form])
    try:
        found = machine.decompress(body, limit + 1)
        while form == "gzip" and machine.eof and machine.unused_data.startswith(_GZIP):  # several members
            rest = machine.unused_data
            machine = zlib.decompressobj(_WINDOWS[form])
            found += machine.decompress(rest, limit + 1 - min(len(found), limit))
            if len(found) > limit:
                break
    except zlib.error as problem:
        raise _damaged(f"{problem}") from None
    if len(found) > limit:
        raise _too_large(limit)
    if not machine.eof:
        raise _damaged("it ends too early")
    return found


def _zstd(body: bytes, limit: int) -> bytes:
    pieces, size = [], 0
    try:
        with pa.CompressedInputStream(pa.BufferReader(body), "zstd") as stream:
            while piece := stream.read(_PIECE):
                pieces.append(piece)
                size += len(piece)
                if size > limit:
                    raise _too_large(limit)
    except (OSError, pa.ArrowException) as problem:
        raise _damaged(str(problem).splitlines()[0][:100]) from None
    return b"".join(pieces)


def _damaged(what: str) -> InputError:
    return InputError(
        f"The body cannot be unpacked: {what}.",
        code="malformed",
        hint="Send it whole, packed with gzip, deflate or zstd.",
    )


def _too_large(limit: int) -> InputError:
    return InputError(
        f"The body is larger than {limit:,} bytes when it is unpacked.",
        code="too_large",
        hint="Send smaller batches.",
    )
