"""Patterns mean what they mean in Perl, which OTRS, Znuny and OTOBO are written in: Perl itself is asked."""

from __future__ import annotations

import subprocess

import pytest
import regex
from hypothesis import given, settings
from hypothesis import strategies as st

from postmaster.pipeline.filters.perl import from_perl
from postmaster.resources.readers import InvalidValue
from tests.support import Desk

# Sources: perlre and perlrebackslash (Perl 5.36), each kind with what the regex library reads in another way, or not.
PATTERNS = [
    # ends
    r"a\z", r"a\Z", r"a$", r"^a", r"\Aa",
    # references: by number, relative, by name
    r"(a)\1", r"(a)\g1", r"(a)\g{1}1", r"(a)(b)\g{-1}", r"(a)(b)\g-2", r"(?<x>a)\g{x}", r"(?<x>a)\k<x>",
    r"(?<x>a)\k'x'", r"(?<x>a)\k{x}", r"(?P<y>a)(?P=y)", r"(?|(a)|(b))\1", r"(?P>n)(?<n>a)", r"(?&n)(?<n>a)",
    r"(?'n'a)b", r"(a)?(?(1)b|c)", r"(?<n>a)?(?(<n>)b|c)", r"(?<n>a)?(?('n')b|c)",
    # classes
    r"[[:alpha:]]+\d", r"[^[:space:]]+", r"[[:^digit:]]+", r"[]a]", r"[^]a]+", r"[a&&b]", r"[[a]b]", r"[\z]", r"[\e]",
    r"[\v]", r"[\cA]", r"[\x{41}-\x{43}]", r"[\w.-]+@[\w.-]+", r"\p{L}+", r"\pL", r"\P{L}",
    # kinds of characters
    r"\h+", r"\H", r"\v", r"\V+", r"\R", r"a\Nb", r"\X", r"\bword\b",
    # characters by their number
    r"\x{41}", r"\x41", r"\x4", r"\e", r"\o{101}", r"\101", r"\N{U+41}", r"\cA", r"\ca",
    # letters that only the library takes for something
    r"\m", r"\M", r"\y",
    # repetition, and braces that are none
    r"a++b", r"a{2}+b", r"a*+", r"a?+b", r"(?>a+)b", r"a{1,2}", r"a{ 1 , 2 }", r"a{e}", r"(?:cats){e<=1}", r"a{,}",
    r"x{2", r"{a}",
    # flags
    r"(?^:A)", r"(?^i:A)", r"(?-i:A)", r"(?i)A", r"(?a:a)", r"(?aa:a)", r"(?x: a b )", r"(?#c)a",
    # looking about, and giving up
    r"(?<!a)b", r"(?<=a)b", r"a\Kb", r"a(*FAIL)|b", r"a(*F)|b",
    # what filters are made of
    r"^\s*\[.*?\]\s*$", r"^(?:re|aw|fwd?):\s*(.*)", r"\$\{x\}",
]  # fmt: skip
SUBJECTS = [
    "a", "aa", "a\n", "ab", "AB", "a.b", "axb", "x(y", "aab", "abb", "aba", "aa1", "abc1", "  \t", "a b", "a\nb",
    "\r\n", "\x0b", "A", "B", "\x04", "\x1b", "e", "b", "c", "cb", "m", "word", "y", "z", "]a", "^", "&", "[ab]", "ab]",
    "a{e}", "cats{e<=1}", "cat", "a{,}", "x{2", "[x] ", "foo@bar.de", "Re: hello", "${x}", "aabb", "\x01", "{a}",
    "a\\nb", "é",
]  # fmt: skip

# Reads a pattern and then subjects, a line each, in hexadecimal; prints what was found, or "-".
PERL = r"""
no warnings; my ($p, @s) = map { chomp; my $t = pack "H*", $_; utf8::decode($t); $t } <STDIN>;
for my $s (@s) { my $f = $s =~ /$p/i ? $& : undef; utf8::encode($f) if defined $f;
                 print defined $f ? unpack("H*", $f) : "-", "\n" }
"""


def found_by_perl(pattern: str) -> list[str | None]:
    """What Perl finds in each subject."""
    lines = "".join(f"{text.encode().hex()}\n" for text in (pattern, *SUBJECTS))
    output = subprocess.run(["perl", "-e", PERL], input=lines, capture_output=True, text=True, check=True).stdout
    return [None if line == "-" else bytes.fromhex(line).decode() for line in output.splitlines()]


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_pattern_finds_what_it_finds_in_perl(pattern: str) -> None:
    compiled = regex.compile(from_perl(pattern).text, regex.IGNORECASE)
    found = [match.group() if (match := compiled.search(subject)) else None for subject in SUBJECTS]
    assert found == found_by_perl(pattern)


@pytest.mark.parametrize(
    ("pattern", "subject"),
    [(r"^\QRe: [x]\E \d", "Re: [x] 7"), (r"\Qa.b", "a.b"), (r"[\Q^]\E]+!", "]^!"), (r"\Q(\E1\Q)\E", "(1)")],
)
def test_quoted_text_stands_for_itself(pattern: str, subject: str) -> None:
    compiled = regex.compile(from_perl(pattern).text)
    assert compiled.search(subject)
    assert not compiled.search("axb")


@pytest.mark.parametrize(
    ("pattern", "what"),
    [
        (r"a(?{ print })", "(?{"),
        (r"(??{ $x })", "(??"),
        (r"\C", r"\C"),
        (r"\Lx\E", r"\L"),
        (r"\u0041", r"\u"),
        (r"\b{wb}", r"\b{"),
        (r"\N{SPACE}", r"\N{"),
        (r"[\H]", r"\H"),
        (r"(*ACCEPT)", "(*ACCEPT)"),
        (r"(?n:a)", "the flag n"),
        (r"(?e:a)", "the flag e"),
        (r"\x{110000}", "which does not exist"),
        (r"\E", "no pattern"),
    ],
)
def test_what_has_no_words_here_is_refused_when_it_is_saved(desk: Desk, pattern: str, what: str) -> None:
    result = desk.run("filter", "add", "--name", "x", "--match", f"Subject={pattern}")
    assert result.exit_code == 2
    assert what in result.stderr


def test_the_position_of_a_flaw_is_the_one_in_what_was_entered(desk: Desk) -> None:
    result = desk.run("filter", "add", "--name", "x", "--match", r"Subject=\x{41}\Qa.b\E\e(b")
    assert "missing ) at position 18, at its end" in result.stderr
    result = desk.run("filter", "add", "--name", "x", "--match", r"Subject=\x{41}\e**a")
    assert "at position 10, before “*a”" in result.stderr


@settings(max_examples=300, deadline=None)
@given(st.text(r"\QEgkxzoNpP{}[]()?<>:^-+*|,ab1 #=!U", max_size=16))
def test_any_text_is_translated_or_refused(pattern: str) -> None:
    try:
        translation = from_perl(pattern)
    except InvalidValue:
        return
    places = [translation.origin(position) for position in range(translation.length + 2)]
    assert all(0 <= place <= len(pattern) for place in places)
