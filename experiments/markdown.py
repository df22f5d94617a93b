"""Tables in Markdown."""

from collections.abc import Sequence


def table(header: Sequence[str], rows: Sequence[Sequence[str]], *, rule: str = "---:") -> str:
    """Names in the first column and figures in the others, or by another rule."""
    rules = ["---", *[rule] * (len(header) - 1)]
    return "\n".join(f"| {' | '.join(row)} |" for row in (header, rules, *rows))
