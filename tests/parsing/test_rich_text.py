"""Rich text: letters in the character sets of their fonts, and nothing but the words."""

from __future__ import annotations

import pytest

from tests.parsing.messages import message, multipart, part, text
from tests.parsing.test_reading import names, read
from tests.support import Desk

CYRILLIC = rb"{\fonttbl{\f0\fnil\fcharset204 Arial;}{\f1\fcharset0 Times;}{\f2\fcharset128{\*\fname MS;}Gothic;}}"


@pytest.mark.parametrize(
    ("rtf", "said"),
    [
        (rb"\ansi\ansicpg1251 \'cf\'f0\'e8\'e2\'e5\'f2", "Привет"),  # xberg-io/xberg#934
        (rb"\ansi\ansicpg1252\deff0" + CYRILLIC + rb"\f0 \'cf\'f0", "Пр"),  # xberg-io/xberg#1326
        (rb"\ansi\ansicpg1252\deff0" + CYRILLIC + rb" \'cf\'f0", "Пр"),
        (rb"\ansi\ansicpg1251\deff0" + CYRILLIC + rb"\f0 \'cf{\f1 caf\'e9}\'f0", "Пcaféр"),
        (rb"\ansi" + CYRILLIC + rb"\f2 \'93\'fa\'96\'7b\plain \'cf", "日本П"),
        (rb"\ansi{\fonttbl\f0\fcharset238 A;\f1\fcharset186 B;\f2\cpg1250 C;}\f0 \'b3\f1 \'e0\f2 \'b9", "łąą"),
        (rb"\ansi\ansicpg1250 W\'b3odarczyk", "Włodarczyk"),  # harshankur/officeParser#89
        (rb"\ansi\ansicpg936 \'d6\'d0\'ce\'c4", "中文"),  # bbottema/outlook-message-parser#3
        (rb"\ansi\ansicpg65001 \'c3\'a5", "å"),  # bbottema/outlook-message-parser#17
        (rb"\ansi\ansicpg99999 \'e9", "é"),
        (rb"\mac caf\'8e", "café"),
        (rb"\pc caf\'82", "café"),
        (rb"\ansi \u-10179?\u-8704? {\uc2\u26085\'93\'fa}x{\uc0\u26085 y}\u26085?z", "😀 日x日y日z"),
        (rb"\ansi {\uc3\u26085 abc z}", "日 z"),
        (rb"\ansi a\u8211\endash b", "a–b"),
        (rb"\ansi{\pict\bin4 }}}}x}ok", "ok"),
        (rb"\ansi one\par two\line three{\field{\*\fldinst HYPERLINK x}{\fldrslt four}}", "one\ntwo\nthreefour"),
        (rb"\ansi a{\*\unknown b}{\stylesheet c;}d", "ad"),
    ],
)
@pytest.mark.parametrize("kind", [b"text/rtf", b"application/rtf"])
def test_rich_text_alone_is_read_as_text(desk: Desk, rtf: bytes, said: str, kind: bytes) -> None:
    fields = (b"Content-Type: " + kind, b"Content-Disposition: attachment; filename=letter.rtf")
    shown = read(desk, message(*fields, body=rb"{\rtf1" + rtf + b"}"))
    assert shown["text"].strip() == said
    assert names(shown) == ["letter.rtf"]


def test_rich_text_beside_a_text_is_a_file(desk: Desk) -> None:
    letter = part(b"Content-Type: text/rtf; name=letter.rtf", body=rb"{\rtf1 Hello}")
    shown = read(desk, multipart(b"mixed", text(b"see"), letter))
    assert (shown["text"].strip(), names(shown)) == ("see", ["letter.rtf"])
