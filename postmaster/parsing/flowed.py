"""Text with format=flowed (RFC 3676): lines that belong together are one again."""

from __future__ import annotations

_SIGNATURE = "-- "


def unflow(text: str, *, delsp: bool) -> str:
    """``text`` with its paragraphs on a line each. Quotes of another depth, and the signature, stay apart."""
    out: list[str] = []
    open_depth = -1  # of a line that goes on
    for line in text.split("\n"):
        content = line.lstrip(">")
        depth = len(line) - len(content)
        content = content.removeprefix(" ")
        flows = content.endswith(" ") and content != _SIGNATURE
        if flows and delsp:
            content = content[:-1]
        if open_depth == depth and content != _SIGNATURE:
            out.append(content)
        else:
            out.append("\n" if out else "")
            out.append(f"{'>' * depth} {content}" if depth else content)
        open_depth = depth if flows else -1
    return "".join(out)
