"""Charsets of bodies: what is declared, if it can be right; else what the bytes say."""

from __future__ import annotations

import pytest

from postmaster.parsing import parse_message
from postmaster.parsing.charset import codec_of, decode_text
from tests.parsing.messages import message, text


@pytest.mark.parametrize(
    ("label", "data", "expected"),
    [
        (b"utf-8", "Grüße".encode(), "Grüße"),
        (b"UTF8", "Grüße".encode(), "Grüße"),
        (b'"utf-8"', b"\xef\xbb\xbfGr\xc3\xbc\xc3\x9fe", "Grüße"),
        (b"iso-8859-1", b"10 \x80", "10 €"),
        (b"us-ascii", "Grüße".encode(), "Grüße"),
        (b"us-ascii", "Grüße".encode("latin-1"), "Grüße"),
        (b"utf-8", "Grüße".encode("latin-1"), "Grüße"),
        (b"utf-8", "Grüße, ".encode() + b"\xc3", "Grüße, �"),
        (b"koi8-r", "Привет".encode("koi8-r"), "Привет"),
        (b"windows-1251", "Привет".encode("cp1251"), "Привет"),
        (b"gb2312", "中文".encode("gb18030"), "中文"),
        (b"x-sjis", "日本".encode("cp932"), "日本"),
        (b"iso-2022-jp", "日本".encode("iso2022_jp"), "日本"),
        (b"ks_c_5601-1987", "한국".encode("cp949"), "한국"),
        (b"utf-16", "Grüße".encode("utf-16"), "Grüße"),
        (b"utf-16", b"plain all the same", "plain all the same"),
        (b"x-user-defined", "Grüße".encode(), "Grüße"),
        (b"unknown-8bit", "Grüße".encode("latin-1"), "Grüße"),
        (b"unicode_escape", b"\\ud800", "\\ud800"),
        (b"rot_13", b"abc", "abc"),
        (b"base64", b"YWJj", "YWJj"),
        (b"utf-7", b"+2AA-", "�"),
        (b"", "Grüße".encode(), "Grüße"),
        (b"\xff\x00", b"abc", "abc"),
    ],
)
def test_text_is_decoded_as_declared_or_as_it_must_be(label: bytes, data: bytes, expected: str) -> None:
    assert parse_message(text(data, charset=label)).text == expected


def test_a_byte_that_no_charset_explains_is_replaced() -> None:
    assert decode_text(b"a\x81b", "iso-8859-1") == "a\N{REPLACEMENT CHARACTER}b"


@pytest.mark.parametrize("label", ["rot13", "hex", "zlib", "idna", "punycode", "unicode_escape", "undefined", "mbcs"])
def test_codecs_that_are_no_charsets_are_not_known(label: str) -> None:
    assert codec_of(label) is None


def test_html_may_declare_its_charset_itself() -> None:
    body = '<meta http-equiv="Content-Type" content="text/html; charset=koi8-r"><p>Привет</p>'.encode("koi8-r")
    assert parse_message(message(b"Content-Type: text/html", body=body)).text == "Привет"
