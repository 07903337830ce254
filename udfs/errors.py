"""The errors of sluice, by what the caller does next.

SluiceError
├── SpecError      a spec file is wrong: refused at start, with file, line and column
│   └── SpecErrors all of them at once, in `errors`
├── ExpressionError, ExpressionFault   a text that is no expression; one that cannot be computed for these values
├── ReleaseError   a spec changed its meaning and not its version
├── DecodeError    a payload is wrong: goes to the dead letters, never stops the job
└── EncodeError    readings do not fit the spec that should encode them
"""

from collections.abc import Sequence
from typing import Final

REASONS: Final = frozenset(
    {
        "unknown_product",
        "unknown_layout",
        "bad_hex",
        "truncated",
        "too_long",
        "unknown_key",
        "bad_separator",
        "bad_checksum",
        "bad_length",
        "bad_value",
        "missing_field",
        "out_of_range",
        "not_allowed",
        "check_failed",
        "bad_step",
        "timestamp_future",
        "timestamp_old",
        "bad_json",
        "bad_csv",
    }
)
"""Every reason code that decoding gives; stages of the job add their own."""


class SluiceError(Exception):
    """Base of everything that sluice raises on purpose."""


class SpecError(SluiceError):
    """A fault in a spec file; `line` and `column` count from 1, `path` names the key in the document."""

    def __init__(self, message: str, *, file: str, line: int = 1, column: int = 1, path: str = "") -> None:
        self.message = message
        self.file = file
        self.line = line
        self.column = column
        self.path = path
        super().__init__(message)

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}:{self.column}: "
        return f"{where}{self.path}: {self.message}" if self.path else f"{where}{self.message}"

    def __reduce__(self) -> tuple[object, ...]:
        return _spec_error, (self.message, self.file, self.line, self.column, self.path)


class SpecErrors(SpecError):
    """All faults found in all spec files; as one SpecError it stands for the first."""

    def __init__(self, errors: Sequence[SpecError]) -> None:
        first = errors[0]
        super().__init__(first.message, file=first.file, line=first.line, column=first.column, path=first.path)
        self.errors = tuple(errors)

    def __str__(self) -> str:
        return "\n".join(str(error) for error in self.errors)

    def __reduce__(self) -> tuple[object, ...]:
        return SpecErrors, (self.errors,)


class DecodeError(SluiceError):
    """A payload that its spec refuses.

    `reason` is one of REASONS; offsets count from 0 in the payload's bytes, None where no byte is at fault;
    `excerpt` shows at most 64 characters around the offset, as hex for binary formats, else as text.
    """

    def __init__(
        self,
        reason: str,
        message: str,
        *,
        product: str = "",
        spec_version: int = 0,
        field: str = "",
        byte_offset: int | None = None,
        bit_offset: int | None = None,
        excerpt: str = "",
    ) -> None:
        self.reason = reason
        self.message = message
        self.product = product
        self.spec_version = spec_version
        self.field = field
        self.byte_offset = byte_offset
        self.bit_offset = bit_offset
        self.excerpt = excerpt
        super().__init__(message)

    def __str__(self) -> str:
        field = f" in {self.field}" if self.field else ""
        offset = "" if self.byte_offset is None else f" at byte {self.byte_offset}"
        return f"{self.product or 'payload'}: {self.reason}{field}{offset}: {self.message}"

    def __reduce__(self) -> tuple[object, ...]:
        return _decode_error, (self.reason, self.message, self._details())

    def _details(self) -> dict[str, object]:
        names = ("product", "spec_version", "field", "byte_offset", "bit_offset", "excerpt")
        return {name: getattr(self, name) for name in names}


class EncodeError(SluiceError):
    """Readings that the spec cannot write; `field` names the one at fault."""

    def __init__(self, message: str, *, field: str = "") -> None:
        self.message = message
        self.field = field
        super().__init__(message)

    def __str__(self) -> str:
        return f"{self.field}: {self.message}" if self.field else self.message


def _spec_error(message: str, file: str, line: int, column: int, path: str) -> SpecError:
    return SpecError(message, file=file, line=line, column=column, path=path)


def _decode_error(reason: str, message: str, details: dict[str, object]) -> DecodeError:
    error = DecodeError(reason, message)
    for name, value in details.items():
        setattr(error, name, value)
    return error
