"""Names of folders: encoded and decoded without loss, and read from any answer in little time."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from imapclient.imap_utf7 import encode

from postmaster.sources.imap_names import decode_name, encode_name, quoted, read_folders


@given(st.text(st.characters(exclude_categories=("Cs",))))
def test_a_name_is_read_as_it_was_written(name: str) -> None:
    assert decode_name(encode_name(name)) == name
    assert encode_name(name).isascii()


@given(st.text(st.characters(exclude_categories=("Cs",))))
def test_a_name_is_written_as_others_write_it(name: str) -> None:
    assert encode_name(name) == encode(name)


@given(st.lists(st.binary() | st.tuples(st.binary(), st.binary())))
def test_any_answer_can_be_read(answer: list[bytes | tuple[bytes, bytes]]) -> None:
    list(read_folders(answer))


@given(st.binary(min_size=1).filter(lambda raw: raw.strip() == raw))
def test_a_quoted_name_comes_back_as_it_is(raw: bytes) -> None:
    [folder] = read_folders([b'() "/" ' + quoted(raw)])
    assert folder.raw == raw


@pytest.mark.parametrize("part", [b" ", b"\t", b'"', b"\\", b"&", b"&A", b"(", b"{1}", b'" '])
def test_a_long_answer_is_read_in_little_time(part: bytes) -> None:
    began = time.process_time()
    list(read_folders([b'() "/" x' + part * (900_000 // len(part)) + b"x"]))
    list(read_folders([part * (900_000 // len(part))]))
    assert time.process_time() - began < 20
