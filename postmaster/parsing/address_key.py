"""What an address is: without what surrounds it, and as it is compared (RFC 5322 section 3.4.1, RFC 6532, RFC 5890).

Everything that asks whether two addresses are the same one asks ``address_key``: dispatching, system addresses,
follow-ups, limits and search.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

MAX_ADDRESS = 320
"""Characters of an address that are compared, and kept in columns (RFC 3696 erratum 1690)."""

MAX_LABEL = 63
"""Characters of a label of a domain (RFC 1035 section 2.3.4)."""

BLANKS = " \t\r\n\f\v"
"""The ASCII blanks: all that may be stripped off undecoded text, where 0x85 and 0xA0 are bytes of letters."""

# Quotes and brackets that programs put around an address, or leave behind at one end of it.
_AROUND = "\"'`<>()‘’‚‛“”„‟‹›«»「」『』＜＞（）＂＇" + BLANKS
_AFTER = f"{_AROUND}.,;:]。．｡，；"
_PLAIN = re.compile(r"[a-z0-9!#$%&*+/=?^_{|}~-][a-z0-9.!#$%&'*+/=?^_{|}~-]*@[a-z0-9.-]*[a-z0-9]", re.IGNORECASE)
_MAILTO = re.compile(r"(?:mailto|smtp|email|e-mail|rfc822)\s*[:;]\s*", re.IGNORECASE)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_DOTS = re.compile("[.。．｡]+")
_ATOMS = re.compile(r'[^\s"(),:;<>@\[\\\]]+')

# Characters that show as nothing, besides those of the category “format” (Unicode, Default_Ignorable_Code_Point).
_INVISIBLE = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u3164\uffa0")


def clean_address(text: str) -> str:
    """An address of decoded text as it was written, but without the quotes, brackets, blanks and invisible characters
    around and within it, and without a dot behind it.
    """
    if _PLAIN.fullmatch(text):
        return text
    text = "".join(char for char in text if not _shows_as_nothing(char))
    if "@" not in text and "＠" in text:
        text = text.replace("＠", "@")
    local, at, domain = _MAILTO.sub("", text.strip(_AROUND_START), count=1).rpartition("@")
    if not at:
        return text.strip(_AROUND)
    domain = _clean_domain(domain)
    return f"{_clean_local(local)}@{domain}" if domain else text.strip(_AROUND)


# A quoted local part begins with a quote of its own.
_AROUND_START = _AROUND.replace('"', "[")


def _clean_domain(domain: str) -> str:
    if domain.lstrip().startswith("["):  # an address of a machine
        return "".join(domain.partition("]")[:2]).strip()
    return "".join(_DOTS.sub(".", domain.rstrip(_AFTER)).split()).lstrip(".")


def _clean_local(local: str) -> str:
    """A local part, with its quotes only if it needs them; those that were opened before it go."""
    quoted = len(local) > 1 and local[0] == local[-1] == '"'
    text = _ESCAPED.sub(r"\1", local[1:-1]) if quoted else local.strip(_AROUND)
    if quoted and not _ATOMS.fullmatch(text):
        return local
    return text if quoted else "".join(text.split()) if '"' not in text else text


def _shows_as_nothing(char: str) -> bool:
    if char in BLANKS or (char.isascii() and char.isprintable()):
        return False
    selector = "\ufe00" <= char <= "\ufe0f" or "\U000e0000" <= char <= "\U000e0fff"
    return selector or char in _INVISIBLE or unicodedata.category(char) in ("Cf", "Cc")


def address_key(address: str) -> str:
    """``address`` as it is compared: without what ``clean_address`` takes away, case, compatibility forms, and the
    form of an international domain. Empty if nothing is left. The key of a key is that key.
    """
    return _usual_key(address) if len(address) <= MAX_ADDRESS else _key(address[: 2 * MAX_ADDRESS])[:MAX_ADDRESS]


def _key(address: str) -> str:
    text = clean_address(address)
    if text.isascii() and "xn--" not in text.lower():
        return text.lower()
    local, at, domain = clean_address(_fold(text)).rpartition("@")
    return f"{local}{at}{'.'.join(map(_readable, domain.split('.')))}" if at else domain


# Most have written, or were written to, before.
_usual_key = lru_cache(maxsize=1 << 13)(_key)


def domain_key(domain: str) -> str:
    """A domain as it is compared."""
    return address_key(f"x@{domain}").removeprefix("x@")


def _fold(text: str) -> str:
    """Compatibility forms and case; twice, since each may bring the other about (Unicode, definition 146)."""
    folded = unicodedata.normalize("NFKC", text).lower()
    return unicodedata.normalize("NFKC", folded).lower()


def _readable(label: str) -> str:
    """The U-label of an A-label (RFC 5890 section 2.3.2.1), if it stands for one that can be written."""
    if not label.startswith("xn--") or len(label) > MAX_LABEL or not label.isascii():
        return label
    try:
        readable = label[4:].encode().decode("punycode")
    except (UnicodeError, ValueError, OverflowError):
        return label
    usual = _fold(readable) == readable and not readable.isascii() and not any(map(_unfit, readable))
    return readable if usual else label


def _unfit(char: str) -> bool:
    """Whether ``char`` can be in no label."""
    return _shows_as_nothing(char) or char.isspace() or char in "@.。" or "\ud800" <= char <= "\udfff"
