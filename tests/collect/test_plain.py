"""Any text file as plain UTF-8; what is cut off is refused whole."""

from __future__ import annotations

import gzip
from pathlib import Path

import pyarrow as pa
import pytest

from periplus.collect.plain import plain
from periplus.errors import InputError

TEXT = "name,city\nJosé,Αθήνα\n" * 2000


def read(path: Path, encoding: str = "utf-8") -> str:
    with plain(path, encoding=encoding, folder=path.parent) as text:
        return text.text.tobytes().decode()


@pytest.mark.parametrize("pack", ["plain", "gzip", "two members", "zstd"])
def test_compression_is_told_by_the_bytes(tmp_path: Path, pack: str) -> None:
    raw = TEXT.encode()
    half = len(raw) // 2
    packed = {
        "plain": raw, "gzip": gzip.compress(raw), "two members": gzip.compress(raw[:half]) + gzip.compress(raw[half:]),
        "zstd": pa.compress(raw, codec="zstd", asbytes=True),
    }[pack]  # fmt: skip
    (tmp_path / "t.csv").write_bytes(packed)
    assert read(tmp_path / "t.csv") == TEXT
    assert [child.name for child in tmp_path.iterdir()] == ["t.csv"]


@pytest.mark.parametrize("pack", ["gzip", "zstd", "broken gzip"])
def test_a_cut_file_is_refused_and_says_how_far_it_went(tmp_path: Path, pack: str) -> None:
    raw = "".join(f"{i},{i * 7919 % 1000003}\n" for i in range(200_000)).encode()
    packed = pa.compress(raw, codec="zstd", asbytes=True) if pack == "zstd" else gzip.compress(raw)
    if pack == "broken gzip":
        packed = packed[: len(packed) // 2] + bytes(100) + packed[len(packed) // 2 + 100 :]
    else:
        packed = packed[: len(packed) // 2]
    (tmp_path / "t.csv").write_bytes(packed)
    with pytest.raises(
        InputError, match=r"t\.csv is cut off or damaged: only the first [0-9,]+ unpacked bytes"
    ) as caught:
        read(tmp_path / "t.csv")
    assert caught.value.code == "truncated"
    assert [child.name for child in tmp_path.iterdir()] == ["t.csv"]


@pytest.mark.parametrize(
    "encoding", ["latin-1", "cp1252", "utf-16", "utf-16-le", "utf-8-sig", "big5", "shift_jis"]
)
def test_encodings(tmp_path: Path, encoding: str) -> None:
    text = {"big5": "名,城\n小明,台北\n", "shift_jis": "名,市\n太郎,東京\n"}.get(
        encoding, "name,city\nJosé,Köln\n"
    ) * 500
    (tmp_path / "t.csv").write_bytes(text.encode(encoding))
    assert read(tmp_path / "t.csv", encoding) == text


def test_a_byte_order_mark_is_not_part_of_the_first_name(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(b"\xef\xbb\xbfa,b\n1,2\n")
    assert read(tmp_path / "t.csv").startswith("a,b")


def test_the_wrong_encoding(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(b"abc")
    with pytest.raises(InputError, match="utf-16"):
        read(tmp_path / "t.csv", "utf-16-le")
    with pytest.raises(InputError, match="no encoding 'utf8x'"):
        read(tmp_path / "t.csv", "utf8x")
