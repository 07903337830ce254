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

    def device(self, *paths: str) -> str:
        """The device that the paths of a file tell, as an archive's member has two; raises BadFile."""
        matches = [match for path in paths if (match := self._pattern.fullmatch(path)) is not None]
        devices = sorted({match["device"] for match in matches})
        if not devices:
            message = f"the name `{paths[-1]}` does not fit `{self._template}`: rename it, or mend the template"
            raise BadFile("name", message)
        if len(devices) > 1:
            message = f"`{paths[-1]}` is of {' or '.join(devices)} by `{self._template}`: end it in .zip, or in .csv"
            raise BadFile("name", message)
        return devices[0]
