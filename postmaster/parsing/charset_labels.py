"""Names of character sets: those of the WHATWG Encoding Standard, of Python, and of programs that write mail.

A label is compared without case and punctuation, so ``Windows-31J``, ``windows_31j`` and ``WINDOWS31J`` are one.
"""

from __future__ import annotations

import re
from encodings.aliases import aliases
from functools import lru_cache

from webencodings.labels import LABELS as WHATWG

# Python's codecs that are character sets of mail. The others are no text encodings (rot13), no mail (idna), or harm
# (unicode_escape). A label is looked up here only: the codec registry would import a module of that name.
_CODECS = """
    big5 big5hkscs cp037 cp424 cp437 cp500 cp720 cp737 cp775 cp850 cp852 cp855 cp856 cp857 cp858 cp860 cp861 cp862
    cp863 cp864 cp865 cp866 cp869 cp874 cp875 cp932 cp949 cp950 cp1006 cp1026 cp1125 cp1140 cp1250 cp1251 cp1252
    cp1253 cp1254 cp1255 cp1256 cp1257 cp1258 euc_jis_2004 euc_jisx0213 euc_jp euc_kr gb18030 gb2312 gbk hp_roman8 hz
    iso2022_jp iso2022_jp_1 iso2022_jp_2 iso2022_jp_2004 iso2022_jp_3 iso2022_jp_ext iso2022_kr iso8859_2 iso8859_3
    iso8859_4 iso8859_5 iso8859_6 iso8859_7 iso8859_8 iso8859_9 iso8859_10 iso8859_11 iso8859_13 iso8859_14 iso8859_15
    iso8859_16 johab koi8_r koi8_t koi8_u kz1048 latin_1 mac_cyrillic mac_greek mac_iceland mac_latin2 mac_roman
    mac_turkish ptcp154 shift_jis shift_jis_2004 shift_jisx0213 tis_620 utf_7 utf_8 utf_16 utf_16_be utf_16_le utf_32
    utf_32_be utf_32_le
"""

# What programs write under the label of the smaller set is the larger one (WHATWG Encoding Standard, section 4.2).
_SUPERSETS = {
    "latin_1": "cp1252",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
    "big5": "cp950",
    "big5hkscs": "cp950",
    "iso8859_9": "cp1254",
    "iso8859_11": "cp874",
    "tis_620": "cp874",
} | dict.fromkeys(("iso2022_jp_1", "iso2022_jp_2", "iso2022_jp_2004", "iso2022_jp_3", "iso2022_jp_ext"), "iso2022_jp")

# Names of the standard that Python spells differently, or that mean nothing in mail.
_OF_THE_STANDARD = {
    "iso88598i": "iso8859_8", "xmaccyrillic": "mac_cyrillic", "macintosh": "mac_roman", "windows874": "cp874",
    "koi8u": "koi8_u", "iso2022jp": "iso2022_jp", "utf16": "utf_16", "utf16le": "utf_16_le", "utf16be": "utf_16_be",
}  # fmt: skip
_MEANINGLESS = {"x-user-defined", "replacement"}

# PHP's mbstring, Java, JavaMail, Russian and Asian mailers, and what stands in templates of web forms.
_OF_PROGRAMS = """
    utf8mb4=utf_8 utf8mobile=utf_8 unicode11utf8=utf_8 unicode20utf8=utf_8 utf8utf8=utf_8 utf=utf_8 utf8n=utf_8
    unicode11utf7=utf_7 unicode=utf_16 unicodebig=utf_16_be unicodelittle=utf_16_le unicodebigunmarked=utf_16_be
    unicodelittleunmarked=utf_16_le ucs2=utf_16 ucs2be=utf_16_be ucs2le=utf_16_le iso10646ucs2=utf_16 ucs4=utf_32
    ucs4be=utf_32_be ucs4le=utf_32_le iso10646ucs4=utf_32 csunicode=utf_16 utf16unmarked=utf_16
    iso88598e=iso8859_8 iso88598i=iso8859_8 iso88596i=iso8859_6 iso88596e=iso8859_6 ansi=cp1252 xansi=cp1252
    ansi1251=cp1251 ansix3110=cp1252 latin=cp1252 westerneuropean=cp1252 western=cp1252 cyrillic=iso8859_5
    win31latin1=cp1252 iso88591windows31latin1=cp1252 iso88591windows30latin1=cp1252 iso88592windowslatin2=cp1250
    iso88599windowslatin5=cp1254
    win=cp1251 koi=koi8_r koi8=koi8_r koi8ru=koi8_u koi8unified=koi8_u alt=cp866 dos=cp866 dosrus=cp866 ibm866=cp866
    sjis=cp932 sjiswin=cp932 sjismac=cp932 sjisopen=cp932 mskanji=cp932 shiftjis=cp932 jiscx0201=cp932 pck=cp932
    sjismobiledocomo=cp932 sjismobilekddi=cp932 sjismobilesoftbank=cp932 sjisdocomo=cp932 sjiskddi=cp932
    sjissoftbank=cp932 ms932x0213=cp932 sjis0213=cp932 windows31j=cp932 cswindows31j=cp932 ibm943c=cp932
    sjis2004=shift_jis_2004 eucjp2004=euc_jis_2004
    eucjpwin=euc_jp eucjpms=euc_jp eucjpopen=euc_jp eucjplinux=euc_jp ujis=euc_jp jisautodetect= autodetect= auto=
    jis=iso2022_jp jisms=iso2022_jp iso2022jpms=iso2022_jp iso2022jpkddi=iso2022_jp iso2022jpmobilekddi=iso2022_jp
    windowsiso2022jp=iso2022_jp mswindowsiso2022jp=iso2022_jp iso2022jpopen=iso2022_jp iso2022jp2=iso2022_jp
    junetcode=iso2022_jp csjisencoding=iso2022_jp jisencoding=iso2022_jp jis7=iso2022_jp
    uhc=cp949 korean=cp949 ksc56011987=cp949 ksc5601=cp949 ksc5601win=cp949 wansung=cp949 euckrwin=cp949 xjohab=johab
    euccn=gb18030 gb=gb18030 gb231280=gb18030 gb23121980=gb18030 chinesegb=gb18030 eucgb=gb18030 hzgb2312=hz
    big5win=cp950 big5eten=cp950 big5hkscs=cp950 big5hk=cp950 ms950hkscs=cp950 big5solaris=cp950 big5plus=cp950
    chinesebig5=cp950 big52003=cp950 bigfive=cp950 cnbig5=cp950 cngb=gb18030 big5uao=cp950
    big5hkscs2001=cp950 gb180302022=gb18030 tis6202533=cp874 utf16lebom=utf_16_le
    maccentraleurope=mac_latin2 macce=mac_latin2 macukraine=mac_cyrillic macukrainian=mac_cyrillic
    thai=cp874 hebrew=cp1255 arabic=cp1256 greek=cp1253 turkish=cp1254 baltic=cp1257 vietnamese=cp1258
"""

# Numbers of code pages that are no number of a codec of Python.
_PAGES = {
    31: "cp932", 708: "iso8859_6", 819: "cp1252", 878: "koi8_r", 912: "iso8859_2", 915: "iso8859_5", 920: "cp1254",
    923: "iso8859_15", 936: "gb18030", 942: "cp932", 943: "cp932", 951: "cp950", 954: "euc_jp", 970: "cp949",
    1168: "koi8_u", 1200: "utf_16_le", 1201: "utf_16_be", 1361: "johab", 1363: "cp949", 1370: "cp950",
    1381: "gb18030", 1383: "gb18030", 1386: "gb18030", 1392: "gb18030", 5601: "cp949", 10000: "mac_roman",
    10006: "mac_greek", 10007: "mac_cyrillic", 10029: "mac_latin2", 10079: "mac_iceland", 10081: "mac_turkish",
    12000: "utf_32_le", 12001: "utf_32_be", 20866: "koi8_r", 20932: "euc_jp", 20936: "gb18030",
    20949: "cp949", 21866: "koi8_u", 33722: "euc_jp", 38596: "iso8859_6", 38598: "iso8859_8", 50220: "iso2022_jp",
    50221: "iso2022_jp", 50222: "iso2022_jp", 50225: "iso2022_kr", 51932: "euc_jp", 51936: "gb18030",
    51949: "cp949", 52936: "hz", 54936: "gb18030", 65000: "utf_7", 65001: "utf_8",
    28591: "cp1252", 28599: "cp1254",
} | {28590 + part: f"iso8859_{part}" for part in (*range(2, 9), 10, 13, 14, 15, 16)}  # fmt: skip
_PAGE = re.compile(r"(?:x|cs)?(?:windows|win|wincp|cp|ms|ibm|dos|codepage|ccsid)?0*([0-9]{2,5})[a-z]?")
_PART_OF_8859 = re.compile(r"(?:cs|x)?(?:iso|is|i)?8859([0-9]{1,2})[ie]?(?:[0-9]{4})?")

MAX_LABEL = 60
"""Characters of a charset label that are looked at; no registered one is longer (RFC 2978 section 2.3 says 40)."""


def _simple(label: str) -> str:
    return re.sub(r"[^a-z0-9]", "", label[:MAX_LABEL].lower())


def _labels() -> dict[str, str]:
    codecs = dict.fromkeys(_CODECS.split())
    known = {_simple(label): _OF_THE_STANDARD.get(_simple(name), "") for label, name in WHATWG.items()}
    names = {_simple(codec): codec for codec in codecs} | {
        _simple(alias): codec for alias, codec in aliases.items() if codec in codecs
    }
    for label, name in WHATWG.items():
        if name not in _MEANINGLESS:
            known[_simple(label)] = known[_simple(label)] or names.get(_simple(name), "")
    table = {**known, **names}
    of_programs = dict(pair.split("=") for pair in _OF_PROGRAMS.split())
    table |= of_programs
    # What declares to be ASCII, and is not, has declared nothing.
    ascii_only = {_simple(alias) for alias, codec in aliases.items() if codec == "ascii"} | {"ascii", "isoir6"}
    return {label: _SUPERSETS.get(codec, codec) for label, codec in table.items() if codec and label not in ascii_only}


_LABELS = _labels()


@lru_cache(maxsize=1 << 10)
def codec_of(label: str) -> str | None:
    """Python's codec for a charset label, spelled in any of the usual ways; None if it names no text encoding."""
    simple = _simple(label)
    return _LABELS.get(simple) or _LABELS.get(simple.removeprefix("x")) or _by_number(simple)


def _by_number(simple: str) -> str | None:
    """A code page, or a part of ISO 8859, by its number."""
    if part := _PART_OF_8859.fullmatch(simple):
        return _LABELS.get(f"iso8859{int(part[1])}")
    page = _PAGE.fullmatch(simple)
    if page is None:
        return None
    number = int(page[1])
    return _PAGES.get(number) or _LABELS.get(f"cp{number}") or _LABELS.get(f"cp{number:03}")
