"""Docstrings as the documentation shows them: examples as code, names of the package as links."""

import re
import textwrap

import griffe

_DOCTEST = re.compile(r"^>>> .*(?:\n(?!\n).*)*", re.MULTILINE)

_RETURNS = re.compile(r"^Returns:\n((?:  .*\n?|\n(?=  ))+)", re.MULTILINE)


class Docstrings(griffe.Extension):
    """Changes the text of each docstring once, when its object has been read."""

    def on_package(self, *, pkg: griffe.Module, **_: object) -> None:
        """Goes through all objects of a package."""
        public = {
            name: {
                member: value.path
                for member, value in module.members.items()
                if isinstance(value, griffe.Alias) and not member.startswith("_")
            }
            for name, module in pkg.modules.items()
        }
        for name, module in pkg.modules.items():
            self._visit(module, public[name])

    def _visit(self, found: griffe.Object | griffe.Alias, names: dict[str, str]) -> None:
        if isinstance(found, griffe.Alias):
            return
        if found.docstring is not None:
            links = {name: path for name, path in names.items() if name != found.name}
            found.docstring.value = shown(found.docstring.value, links)
        for member in found.members.values():
            self._visit(member, names)


def shown(text: str, links: dict[str, str]) -> str:
    """A docstring in Markdown: names as links, what returns as a text, doctests as code.

    griffe would take the words before a colon of what returns for its type.
    """
    text = re.sub(
        r"(?<!\[)`(\w+)`",
        lambda match: f"[{match[0]}][{links[match[1]]}]" if match[1] in links else match[0],
        text,
    )
    text = _RETURNS.sub(lambda match: f"**Returns:**\n\n{textwrap.dedent(match[1])}", text)
    text = re.sub(r"^Example:$", "Examples:", text, flags=re.MULTILINE)
    return _DOCTEST.sub(lambda match: f"```pycon\n{match[0]}\n```", text)
