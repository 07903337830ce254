"""A line of text as Python's parser reads it, and where in it a fault is. Nothing of it is ever run as Python."""

import ast
import warnings

from udfs.errors import SluiceError

MAX_TEXT = 500
_MAX_SOURCE = 40
_OTHER_LANGUAGES = {"&&": "and", "||": "or", "!": "not", "?": "x if condition else y", "===": "=="}


class ExpressionError(SluiceError):
    """A text that is no expression; `column` counts characters from 0."""

    def __init__(self, message: str, column: int) -> None:
        self.message = message
        self.column = column
        super().__init__(message)

    def __reduce__(self) -> tuple[object, ...]:
        return ExpressionError, (self.message, self.column)


class Syntax:
    """The tree of a text; raises ExpressionError where it has none."""

    def __init__(self, text: str) -> None:
        if len(text) > MAX_TEXT:
            message = f"the expression has {len(text)} characters, at most {MAX_TEXT} are allowed"
            raise ExpressionError(message, MAX_TEXT)
        self._indent = len(text) - len(text.lstrip())
        self._line = text.strip()
        self.tree = self._parse()

    def source(self, node: ast.expr) -> str:
        """The text of a part, cut where it is long."""
        source = ast.get_source_segment(self._line, node) or ""
        return source if len(source) <= _MAX_SOURCE else f"{source[:_MAX_SOURCE]}…"

    def error(self, node: ast.expr, message: str) -> ExpressionError:
        """A fault of a part, at the column where the part begins."""
        before = self._line.encode()[: node.col_offset].decode()
        return ExpressionError(message, self._indent + len(before))

    def _parse(self) -> ast.expr:
        for at, character in enumerate(self._line):
            if character in "\n\r\0":
                raise ExpressionError("an expression is one line of text", self._indent + at)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")  # `1if x` and "\d" are slips
                return ast.parse(self._line, mode="eval").body
        except SyntaxError as fault:
            column = min(fault.offset - 1 if fault.offset else len(self._line), len(self._line))  # 0 is the end
            raise ExpressionError(f"{fault.msg}{self._habit()}", self._indent + column) from None
        except (ValueError, RecursionError, MemoryError) as fault:
            raise ExpressionError(f"cannot be read: {fault}", self._indent) from None

    def _habit(self) -> str:
        found = next((sign for sign in _OTHER_LANGUAGES if sign in self._line.replace("!=", "")), None)
        return f": write `{_OTHER_LANGUAGES[found]}` for `{found}`" if found else ""
