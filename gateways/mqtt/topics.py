"""Topic templates: `fleet/{product}/{device}/up` → the filter to subscribe to, and who speaks on a topic."""

import re
from collections.abc import Mapping
from typing import Final

PLACEHOLDERS: Final = ("product", "device", "firmware")
_PLACEHOLDER: Final = re.compile(r"\{([a-z]+)\}")


class TopicTemplate:
    """Levels that are each a name, `{product}`, `{device}`, `{firmware}` or `+`; the last may be `#`.

    Raises ValueError where the text is no template.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        levels = text.split("/")
        self.names = tuple(name for level in levels if (name := _placeholder(level)) is not None)
        _check(text, levels, self.names)
        self._levels = ["+" if _placeholder(level) else level for level in levels]
        self._pattern = re.compile(_pattern(levels), re.DOTALL)

    @property
    def filter(self) -> str:
        """What a broker is asked for."""
        return "/".join(self._levels)

    def match(self, topic: str) -> Mapping[str, str] | None:
        """What stands at each placeholder, never an empty text; None where the topic is of another form."""
        found = self._pattern.fullmatch(topic)
        return None if found is None else found.groupdict()

    def overlaps(self, other: "TopicTemplate") -> bool:
        """Whether a topic may match both filters."""
        mine, others = self._levels, other._levels
        if mine[0] != others[0] and "$" in (mine[0][:1], others[0][:1]):
            return False  # no wildcard of a first level stands for topics of the broker's own
        for level, opposite in zip(mine, others, strict=False):
            if "#" in (level, opposite):
                return True
            if level != opposite and "+" not in (level, opposite):
                return False
        longer = max(mine, others, key=len)
        shorter = min(len(mine), len(others))
        return len(longer) == shorter or longer[shorter:] == ["#"]  # `a/#` stands for `a`, too


def _placeholder(level: str) -> str | None:
    found = _PLACEHOLDER.fullmatch(level)
    return found[1] if found else None


def _check(text: str, levels: list[str], names: tuple[str, ...]) -> None:
    for name in names:
        if name not in PLACEHOLDERS:
            raise ValueError(
                f"unknown placeholder `{{{name}}}` in `{text}`: it may be one of {', '.join(PLACEHOLDERS)}"
            )
        if names.count(name) > 1:
            raise ValueError(f"`{{{name}}}` stands twice in `{text}`")
    if "device" not in names:
        raise ValueError(f"`{text}` has no level `{{device}}`: nothing would tell whose payload it is")
    if levels[0] == "$share":
        raise ValueError(f"`{text}` begins with $share: name the group in the broker's key `share`")
    for place, level in enumerate(levels):
        if level == "#" and place < len(levels) - 1:
            raise ValueError(f"`#` stands in the middle of `{text}`: it may be the last level only")
        if level not in ("+", "#") and _placeholder(level) is None and re.search(r"[+#{}\0]", level):
            raise ValueError(f"`{level}` in `{text}`: a level is a name, a placeholder in braces, `+` or `#`")


def _pattern(levels: list[str]) -> str:
    parts = []
    for place, level in enumerate(levels):
        slash = "/" if place else ""
        if level == "#":
            parts.append(r"(?:/.*)?" if place else ".*")
        elif level == "+":
            parts.append(slash + "[^/]*")
        else:
            name = _placeholder(level)
            parts.append(slash + (f"(?P<{name}>[^/]+)" if name else re.escape(level)))
    return "".join(parts)
