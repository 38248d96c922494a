"""Whoever follows a pointer finds something: in documents, comments and docstrings alike."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.documents import PACKAGE, TOP, anchors, documents, headings, texts

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
MENTION = re.compile(r"\b((?:docs|bench)/[\w./-]+\.(?:md|sql)|[A-Z]{6,}\.md)(#[\w-]*\w)?")
NAMED_SECTION = re.compile(r"\b((?:docs/)?[\w-]+\.md), [\"“]([^\"”]+)[\"”]")
BARE_DOCUMENT = re.compile(r"\b(?:README|ARCHITECTURE|CONTRIBUTING|SECURITY), [\"“]")
ELSEWHERE = re.compile(r"\b(?:REFERENCE|DESIGN|LAYOUT|WORDING)\b|\bthe seed\b|\(seed,")
FILE = re.compile(r"`([\w.-]+(?:/[\w.-]+)*(?:/|\.(?:py|html|css|js|md|toml|conf)))`")
DOTTED = re.compile(r"``((?:\w+\.)+\w+)(?:\(\))?``")

HERE = Path(__file__)
DATED = {TOP / "CHANGELOG.md"}  # it speaks of what was


def name_of(path: Path) -> str:
    return path.relative_to(TOP).as_posix()


@pytest.mark.parametrize("document", documents(), ids=name_of)
def test_each_link_of_a_document_leads_somewhere(document: Path) -> None:
    broken = []
    for target in LINK.findall(document.read_text()):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (document.parent / path).resolve() if path else document
        if not file.exists() or (anchor and anchor not in anchors(file)):
            broken.append(target)
    assert broken == []


def test_each_document_that_is_mentioned_is_there() -> None:
    broken = []
    for path in texts():
        for target, anchor in MENTION.findall(path.read_text()):
            file = next((each for each in (TOP / target, path.parent / target) if each.is_file()), None)
            if file is None or (anchor and anchor[1:] not in anchors(file)):
                broken.append((name_of(path), target + anchor))
    assert broken == []


def test_each_section_that_is_named_is_there() -> None:
    broken = []
    for path in texts():
        if path == HERE:
            continue
        for target, heading in NAMED_SECTION.findall(path.read_text()):
            file = next((each for each in (TOP / target, path.parent / target) if each.is_file()), None)
            if file is None or heading not in headings(file):
                broken.append((name_of(path), target, heading))
    assert broken == []


def test_nothing_points_outside_the_repository() -> None:
    found = {
        name_of(path): [match[0] for match in pattern.finditer(path.read_text())]
        for path in texts()
        for pattern in (ELSEWHERE, BARE_DOCUMENT)
        if path != HERE and "soak" not in path.parts and pattern.search(path.read_text())
    }
    assert found == {}


@pytest.mark.parametrize("document", [each for each in documents() if each not in DATED], ids=name_of)
def test_each_file_that_a_document_names_is_there(document: Path) -> None:
    places = (TOP, PACKAGE, document.parent)
    missing = [
        name for name in FILE.findall(document.read_text()) if not any((place / name).exists() for place in places)
    ]
    assert missing == []


def resolves(dotted: str) -> bool:
    """Whether a dotted name that begins with a module of ours ends in a module, or in a name that one has."""
    names = dotted.removeprefix("postmaster.").split(".")
    if PACKAGE.joinpath(*names).with_suffix(".py").exists() or PACKAGE.joinpath(*names).is_dir():
        return True
    for depth in range(len(names) - 1, 0, -1):
        base = PACKAGE.joinpath(*names[:depth])
        for file in (base.with_suffix(".py"), base / "__init__.py"):
            if file.exists():
                return bool(re.search(rf"\b{re.escape(names[depth])}\b", file.read_text()))
    return False


def test_each_module_that_a_docstring_names_is_there() -> None:
    rooms = {path.stem for path in PACKAGE.iterdir()}
    broken = [
        (name_of(path), dotted)
        for path in texts()
        if path.suffix == ".py" and PACKAGE in path.parents
        for dotted in DOTTED.findall(path.read_text())
        if dotted.removeprefix("postmaster.").split(".")[0] in rooms and not resolves(dotted)
    ]
    assert broken == []


def test_each_name_of_the_map_is_in_the_file_that_it_gives() -> None:
    places = re.findall(r"((?:`\w+`(?:, | and )?)+) in `([\w/]+\.py)`", (TOP / "ARCHITECTURE.md").read_text())
    pairs = [(name, file) for names, file in places for name in re.findall(r"`(\w+)`", names)]
    assert len(pairs) > 10
    missing = [
        pair for pair in pairs if not re.search(rf"^(def |class )?{pair[0]}\b", (PACKAGE / pair[1]).read_text(), re.M)
    ]
    assert missing == []
