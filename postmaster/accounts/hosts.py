"""The mail servers that a credential may be sent to."""

from __future__ import annotations

from postmaster.resources.readers import InvalidValue, host

ANY_BELOW = "*."


def read_hosts(text: str) -> str:
    """Host names, separated by commas or spaces; ``*.example.com`` are all below that. Raises InvalidValue."""
    names = dict.fromkeys(_read(word) for word in text.replace(",", " ").split())
    read = ", ".join(names)
    if len(read) > 2000:
        raise InvalidValue("has more than 2000 characters", "Use names such as *.example.com.")
    return read


def _read(word: str) -> str:
    if word.startswith(ANY_BELOW):
        return ANY_BELOW + _plain(host(word.removeprefix(ANY_BELOW)))
    return _plain(host(word))


def is_for(hosts: str, name: str) -> bool:
    """Whether a credential with these ``hosts`` may be sent to the server ``name``; without any, to all."""
    wanted = _plain(name)
    return not hosts or any(
        wanted.endswith(f".{known.removeprefix(ANY_BELOW)}") if known.startswith(ANY_BELOW) else wanted == known
        for known in hosts.split(", ")
    )


def widens(before: str, after: str) -> bool:
    """Whether ``after`` lets a credential be used at servers at which ``before`` does not."""
    return bool(before) and (not after or not all(is_for(before, name) for name in after.split(", ")))


def _plain(name: str) -> str:
    return name.lower().rstrip(".")
