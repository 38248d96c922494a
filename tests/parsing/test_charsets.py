"""Charsets of bodies: what is declared, if it can be right; else what the bytes say."""

from __future__ import annotations

import base64
from typing import Any

import charset_normalizer
import pytest
from webencodings.labels import LABELS

from postmaster.parsing.charset import codec_of, decode_text
from postmaster.parsing.detection import MAX_SAMPLE
from postmaster.parsing.parser import parse_message
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
        (b"Windows-31J", "①請求書㈱髙".encode("cp932"), "①請求書㈱髙"),
        (b"SJIS-win", "ｱｲｳ①".encode("cp932"), "ｱｲｳ①"),
        (b"MS932", "Ⅱ番".encode("cp932"), "Ⅱ番"),
        (b"x-windows-949", "안녕".encode("cp949"), "안녕"),
        (b"MS949", "똠방".encode("cp949"), "똠방"),
        (b"cp936", "中文".encode("gbk"), "中文"),
        (b"win-1251", "Привет".encode("cp1251"), "Привет"),
        (b"koi8", "Привет".encode("koi8-r"), "Привет"),
        (b"cp-866", "Привет".encode("cp866"), "Привет"),
        (b"28592", "Žółw".encode("iso8859_2"), "Žółw"),
        (b"ISO8859_2", "Žółw".encode("iso8859_2"), "Žółw"),
        (b"iso-8859-8-i", "שלום".encode("iso8859_8"), "שלום"),
        (b"65001", "Grüße".encode(), "Grüße"),
        (b"CP50220", b"\x1b$B-!@A\x1b(B", "①請"),
        (b"iso-2022-jp", b"\x1b$B-!-j|b\x1b(B ok \x1b(I1\x1b(B", "①㈱髙 ok ｱ"),
        (b"iso-2022-jp", b"\x1b$B\x24\x7c@A\x1b(B ok", "�請 ok"),
        (b"iso-2022-jp-2", "中文 한국 日本".encode("iso2022_jp_2"), "中文 한국 日本"),
        (b"iso-2022-jp", b"\x1b$BF|K\\\n\x1b(BAnn", "日本\nAnn"),
        (b"euc-jp", b"\xad\xa1\xa4\xce\xb7\xef \xfc\xe2\x8e\xb1", "①の件 髙ｱ"),
        (b"eucJP-ms", b"\xa4\xfc\xa4\xce\xb7\xef", "�の件"),
        (b"big5", "嗰個囉".encode("big5hkscs"), "嗰個囉"),
        (b"Big5-HKSCS", "碁銹 請".encode("big5hkscs"), "碁銹 請"),
        (b"shift_jis", b"\xfc\xfb" + "件".encode("cp932"), "�件"),
        (b"utf-16", "Привет".encode("utf-16-be"), "Привет"),
        (b"utf-16", "Привет".encode("utf-16-le"), "Привет"),
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


UNDECLARED = {
    "cp1251": "Здравствуйте! Не работает принтер в кабинете 12, прошу прислать мастера.",
    "koi8_r": "Здравствуйте! Не работает принтер в кабинете 12, прошу прислать мастера.",
    "cp932": "プリンタが動きません。至急お願いします。",
    "euc_jp": "プリンタが動きません。至急お願いします。",
    "big5": "印表機壞了，請盡快修理。",
    "cp949": "프린터가 고장났습니다. 빨리 고쳐 주세요.",
    "cp1253": "Ο εκτυπωτής δεν λειτουργεί",
    "cp1252": "Grüße aus Köln, à bientôt, señor – 10 €",
    "cp1250": "Zażółć gęślą jaźń, proszę o naprawę drukarki",
    "utf_8": "Привет, Grüße",
}


@pytest.mark.parametrize("codec", UNDECLARED)
def test_undeclared_text_is_recognised_in_the_body_and_in_the_header(codec: str) -> None:
    data = UNDECLARED[codec].encode(codec)
    read = parse_message(message(b"Subject: " + data, body=data))
    assert (read.text, read.subject) == (UNDECLARED[codec], UNDECLARED[codec])


def test_an_undeclared_header_is_in_the_charset_that_the_text_declares() -> None:
    kind = b"Content-Type: text/plain; charset=windows-1251"
    read = parse_message(message(b"Subject: \xc4\xe0", kind))
    assert read.subject == "Да"


def test_only_a_sample_of_undeclared_text_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_at: list[int] = []
    real = charset_normalizer.from_bytes

    def noted(sample: bytes, **options: Any) -> Any:
        looked_at.append(len(sample))
        return real(sample, **options)

    monkeypatch.setattr(charset_normalizer, "from_bytes", noted)
    data = f"{UNDECLARED['cp1251']}\n".encode("cp1251") * 10_000
    assert parse_message(message(body=b"plain\n" * 10_000 + data)).text.endswith(" прислать мастера.\n")
    assert looked_at == [MAX_SAMPLE]
    assert parse_message(message(b"Content-Type: text/plain; charset=koi8-r", body=data)).text
    assert len(looked_at) == 1


@pytest.mark.parametrize("codec", ["utf-16-be", "utf-16-le", "utf-16"])
def test_an_encoded_word_in_utf_16_may_hold_no_ascii(codec: str) -> None:
    word = base64.b64encode("Привет".encode(codec))
    assert parse_message(message(b"Subject: =?utf-16?B?" + word + b"?=")).subject == "Привет"


def test_every_label_of_the_standard_is_known() -> None:
    nothing = {"replacement", "x-user-defined"}
    unknown = {label for label, name in LABELS.items() if name not in nothing and codec_of(label) is None}
    assert unknown == {"ansi_x3.4-1968", "ascii", "us-ascii"}  # which declare nothing about 8-bit text


@pytest.mark.parametrize("label", [b"us-ascii", b"x-unknown", b"unknown-8bit", b"default", b"none"])
def test_text_whose_label_says_nothing_is_recognised(label: bytes) -> None:
    words = "Добрый день, принтер на втором этаже снова не работает. Помогите, пожалуйста."
    raw = message(b"Content-Type: text/plain; charset=" + label, body=words.encode("koi8-r"))
    assert parse_message(raw).text.strip() == words


def test_a_byte_that_begins_no_character_swallows_no_letter_after_it() -> None:
    raw = message(b"Content-Type: text/plain; charset=big5", body=b"\xffA \xa4\xa4")
    assert "A 中" in parse_message(raw).text


@pytest.mark.parametrize(
    ("label", "same"),
    [
        ("tis620-2533", "windows-874"),
        ("gb18030-2022", "gb18030"),
        ("x-utf-16le-bom", "utf-16le"),
        ("x-Big5-HKSCS-2001", "big5"),
    ],
)
def test_labels_with_a_year_or_a_mark_are_known(label: str, same: str) -> None:
    assert codec_of(label) == codec_of(same)
