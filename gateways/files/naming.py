"""Which device a file is of, where its path tells it: a template such as `{device}/{date}.csv`."""

import re
from typing import Final

from gateways.files.errors import BadFile

_PLACEHOLDER: Final = re.compile(r"\{(\w+)\}")


class NameTemplate:
    """A template that is compared with the end of a path; `{device}` is the device, other words are passed over."""

    def __init__(self, template: str) -> None:
        """Raises ValueError where it has no `{device}`, or has it twice."""
        self._template = template
        if _PLACEHOLDER.findall(template).count("device") != 1:
            raise ValueError(f"the template `{template}` must have {{device}} once, such as {{device}}/{{date}}.csv")
        pieces = _PLACEHOLDER.split(template)
        words = [
            ("(?P<device>[^/]+)" if piece == "device" else "[^/]+") if index % 2 else re.escape(piece)
            for index, piece in enumerate(pieces)
        ]
        self._pattern = re.compile("(?:.*/)?" + "".join(words))

    def device(self, path: str) -> str:
        """The device of the file; raises BadFile."""
        match = self._pattern.fullmatch(path)
        if match is None:
            raise BadFile("name", f"the name `{path}` does not fit `{self._template}`: rename it, or mend the template")
        return match["device"]
