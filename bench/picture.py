"""A result as a picture: bars in SVG, in light and in dark."""

from __future__ import annotations

from html import escape

from bench.results import Result, figure

WIDTH, LABEL, ROW, BAR = 720, 260, 30, 18
STYLE = """
text { font: 13px system-ui, sans-serif; fill: #24292f }
.value { font-variant-numeric: tabular-nums }
.bar { fill: #0969da } .spread { stroke: #24292f; stroke-width: 1.5 }
@media (prefers-color-scheme: dark) { text { fill: #e6edf3 } .bar { fill: #4493f8 } .spread { stroke: #e6edf3 } }
""".strip().replace("\n", " ")


def picture(title: str, result: Result) -> str:
    """The lines of ``result`` as bars, with a stroke from the lowest round to the highest."""
    most = max((max(line.values) for line in result.lines), default=0) or 1
    scale = (WIDTH - LABEL - 90) / most
    height = ROW * (len(result.lines) + 1) + 8
    rows = []
    for place, line in enumerate(result.lines, start=1):
        top, length = place * ROW, line.median * scale
        low, high, middle = LABEL + min(line.values) * scale, LABEL + max(line.values) * scale, top + BAR / 2
        rows.append(
            f'<text x="{LABEL - 8}" y="{top + 14}" text-anchor="end">{escape(line.name)}</text>'
            f'<rect class="bar" x="{LABEL}" y="{top}" width="{length:.1f}" height="{BAR}" rx="3"/>'
            f'<path class="spread" d="M{low:.1f} {middle:.0f}H{high:.1f}"/>'
            f'<text class="value" x="{max(high, LABEL + length) + 6:.1f}" y="{top + 14}">{figure(line.median)}</text>'
        )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">'
        f"<title>{escape(title)}, {escape(result.unit)}</title><style>{STYLE}</style>"
        f'<text x="0" y="16">{escape(result.unit)}</text>\n' + "\n".join(rows) + "\n</svg>\n"
    )
