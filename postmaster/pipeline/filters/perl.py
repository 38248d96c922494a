"""Patterns are written as in Perl (perlre, perlrebackslash), since the filters of OTRS, Znuny and OTOBO are.

The regex library reads most of it, a few things differently, and some of these without an error: ``\\g{name}`` and
``\\N{U+41}`` as letters, ``\\m`` and ``\\z`` as something else, ``a{e}`` as "about a". So each pattern is put into the
library's words before it is compiled, and what has no such words is refused: none is accepted to match nothing.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import regex

from postmaster.resources.readers import InvalidValue

_QUANTIFIER = re.compile(r"\{\s*(?:\d+\s*(?:,\s*\d*)?|,\s*\d+)\s*\}")
_GROUP = re.compile(r"\((?!\?|\*)|\(\?(?:P?<(?![=!])|')")
_FLAGS = re.compile(r"\(\?(?!R\))(\^?)([a-zA-Z][a-zA-Z0-9]*|)(-[a-zA-Z]*)?([:)])")
_QUOTED_NAME = re.compile(r"\(\?'(\w+)'")
_CONDITION = re.compile(r"\(\?\((?:<(\w+)>|'(\w+)')\)")
_VERB = re.compile(r"\(\*([A-Za-z_]*)[^)]*\)")
_REFERENCE = re.compile(r"\\g(?:\{\s*([+-]?\w+)\s*\}|(-?\d+))|\\k(?:<(\w+)>|'(\w+)'|\{\s*(\w+)\s*\})")
_CODE_POINT = re.compile(
    r"\\(?:x\{\s*([0-9a-fA-F_]*)\s*\}|x([0-9a-fA-F]{0,2})|o\{\s*([0-7_]+)\s*\}|N\{U\+([0-9a-fA-F]+)\})"
)
_PROPERTY = re.compile(r"\\[pP](?:\{[^}]*\}|.)", re.DOTALL)
_CONTROL = re.compile(r"\\c([@-_a-z?])")
_CLASS_NAME = re.compile(r"\[[:.=][^\]]*\]")

# What the letter after a backslash means in Perl, in the library's words: outside a class of characters, and in one.
# None has no such words. Letters that stand in neither table mean the same in both; see _SAME.
_VERTICAL = r"\n\x0b\f\r\x85\u2028\u2029"
_OUTSIDE: Mapping[str, str | None] = {
    "z": r"\Z", "Z": r"(?=\n?\Z)", "H": r"[^\h]", "v": f"[{_VERTICAL}]", "V": f"[^{_VERTICAL}]", "N": r"[^\n]",
    "e": r"\x1b", "E": "", "C": None, "l": None, "u": None, "L": None, "U": None, "F": None,
}  # fmt: skip
_INSIDE: Mapping[str, str | None] = {
    "v": _VERTICAL, "e": r"\x1b", "E": "", "H": None, "V": None, "N": None, "R": None, "X": None,
    "l": None, "u": None, "L": None, "U": None, "F": None,
}  # fmt: skip
_SAME = "AGKXRBbdDwWsShnrtfa"

# Flags that mean the same in both, and those that change nothing here.
_KNOWN_FLAGS, _IDLE_FLAGS = set("imsx"), set("adlpu")
_VERBS = {"FAIL": "(?!)", "F": "(?!)", "SKIP": "(*SKIP)", "PRUNE": "(*PRUNE)"}


@dataclass
class Translation:
    """A pattern in the library's words, and where each of its pieces comes from."""

    source: str
    pieces: list[str] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    origins: list[int] = field(default_factory=list)
    length: int = 0
    groups: int = 0

    def add(self, piece: str, origin: int) -> None:
        """Put ``piece`` behind the others; it comes from the place ``origin`` of the source."""
        self.pieces.append(piece)
        self.starts.append(self.length)
        self.origins.append(origin)
        self.length += len(piece)

    @property
    def text(self) -> str:
        """The whole pattern."""
        return "".join(self.pieces)

    def origin(self, position: int) -> int:
        """Which place of the source the place ``position`` of the text comes from."""
        if position >= self.length:
            return len(self.source)
        number = bisect_right(self.starts, position) - 1
        is_verbatim = self.source.startswith(self.pieces[number], self.origins[number])
        return self.origins[number] + (position - self.starts[number] if is_verbatim else 0)


def from_perl(source: str) -> Translation:
    """``source`` in the words of the regex library. Raises InvalidValue for what it has no words for."""
    translation = Translation(source)
    place = 0
    while place < len(source):
        step = _STEPS.get(source[place], _literal)
        place = step(translation, place)
    return translation


def _literal(translation: Translation, place: int) -> int:
    translation.add(translation.source[place], place)
    return place + 1


def _escape(translation: Translation, place: int) -> int:
    if found := _REFERENCE.match(translation.source, place):
        translation.add(_reference(translation, next(filter(None, found.groups()))), place)
        return found.end()
    return _one_escape(translation, place, _OUTSIDE)


def _quoted(translation: Translation, place: int) -> int:
    """``\\Q…\\E``: each character stands for itself."""
    source = translation.source
    end = source.find("\\E", place)
    end = len(source) if end < 0 else end
    translation.add(regex.escape(source[place + 2 : end], special_only=False), place)
    return min(end + 2, len(source))


def _one_escape(translation: Translation, place: int, meanings: Mapping[str, str | None]) -> int:
    """An escape that stands for a character or a kind of them."""
    source = translation.source
    if source.startswith("\\Q", place):
        return _quoted(translation, place)
    if found := _PROPERTY.match(source, place):
        translation.add(found[0], place)
        return found.end()
    if found := _CODE_POINT.match(source, place) or _CONTROL.match(source, place):
        translation.add(_code_point(found), place)
        return found.end()
    if source.startswith(("\\N{", "\\b{", "\\B{"), place):
        raise _unknown(source[place : place + 3] + "…}")
    letter = source[place + 1 : place + 2]
    if letter in meanings:
        meaning = meanings[letter]
        if meaning is None:
            raise _unknown(f"\\{letter}")
        translation.add(meaning, place)
    elif letter.isascii() and letter.isalpha() and letter not in _SAME:
        translation.add(letter, place)  # an escape that nobody knows is the letter itself
    else:
        translation.add(source[place : place + 2], place)
    return place + 1 + len(letter)


def _code_point(found: re.Match[str]) -> str:
    if found.re is _CONTROL:
        return f"\\x{ord(found[1].upper()) ^ 64:02x}"
    braced, plain, octal, named = found.groups()
    digits = (braced or plain or octal or named or "0").replace("_", "") or "0"
    number = int(digits, 8 if octal else 16)
    if number > 0x10FFFF:
        raise InvalidValue(f"has the character {found[0]}, which does not exist")
    return f"\\U{number:08x}"


def _reference(translation: Translation, name: str) -> str:
    """A reference to what a group has matched, by its name or number; a signed one counts from here."""
    number = int(name) if name.lstrip("+-").isdigit() else None
    if number is None:
        return f"(?P={name})"
    if name[0] in "+-":
        number += translation.groups + (number < 0)
    return f"(?:\\{number})"


def _bracket(translation: Translation, place: int) -> int:
    """A class of characters. A ``]`` right at its beginning is one of them."""
    source = translation.source
    inside = place + 1 + source.startswith("^", place + 1)
    inside += source.startswith("]", inside)
    translation.add(source[place:inside].replace("]", r"\]"), place)
    place = inside
    while place < len(source) and source[place] != "]":
        if source[place] == "\\":
            place = _one_escape(translation, place, _INSIDE)
        elif found := _CLASS_NAME.match(source, place):
            translation.add(found[0], place)
            place = found.end()
        else:  # the library may one day read sets of sets, "&&" and the like
            translation.add("\\[" if source[place] == "[" else source[place], place)
            place += 1
    return _literal(translation, place) if place < len(source) else place


def _parenthesis(translation: Translation, place: int) -> int:
    source = translation.source
    if source.startswith("(?#", place):
        end = source.find(")", place)
        return len(source) if end < 0 else end + 1
    translation.groups += bool(_GROUP.match(source, place))
    for pattern, write in _PARENTHESES:
        if found := pattern.match(source, place):
            translation.add(write(found), place)
            return found.end()
    if source.startswith(("(?{", "(??{", "(?p{"), place):
        raise _unknown(f"{source[place : place + 3]}…")
    return _literal(translation, place)


def _flags(found: re.Match[str]) -> str:
    """Flags for what follows. The library knows others by the same letters, and ``^`` means those of Perl's default."""
    caret, on, off, end = found[1], found[2], (found[3] or "-")[1:], found[4]
    if unknown := {*on, *off} - _KNOWN_FLAGS - _IDLE_FLAGS:
        raise _unknown(f"the flag {min(unknown)}")
    on = "".join(flag for flag in on if flag in _KNOWN_FLAGS)
    off = "".join(flag for flag in ("imsx" if caret else off) if flag in _KNOWN_FLAGS and flag not in on)
    flags = on + (f"-{off}" if off else "")
    return f"(?{flags}{end}" if flags or end == ":" else ""


def _verb(found: re.Match[str]) -> str:
    meaning = _VERBS.get(found[1])
    if meaning is None:
        raise _unknown(found[0])
    return meaning


def _brace(translation: Translation, place: int) -> int:
    """A quantifier, or a brace: what the library takes for a number of errors to allow is a brace in Perl."""
    found = _QUANTIFIER.match(translation.source, place)
    translation.add("".join(found[0].split()) if found else "\\{", place)
    return found.end() if found else place + 1


def _unknown(what: str) -> InvalidValue:
    return InvalidValue(f"has {what}, which cannot be used here", "Write it in another way.")


_PARENTHESES: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str]], ...] = (
    (_VERB, _verb),
    (_QUOTED_NAME, lambda found: f"(?P<{found[1]}>"),
    (_CONDITION, lambda found: f"(?({found[1] or found[2]})"),
    (_FLAGS, _flags),
)
_STEPS: Mapping[str, Callable[[Translation, int], int]] = {
    "\\": _escape,
    "[": _bracket,
    "(": _parenthesis,
    "{": _brace,
}
