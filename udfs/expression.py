"""Expressions over field names, such as `remaining >= 2` or `10 ** (level / 20)`, compiled to closures.

Python's parser reads the text; only the nodes named here are part of the language. A name without a value is absent:
what is computed from it is absent too, and as a condition it is false. `present(x)` and `coalesce(x, y)` deal with it.
"""

import ast
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from udfs.arithmetic import BINARY, COMPARISONS, FUNCTIONS, UNARY, ExpressionFault, bounded, compute, truth
from udfs.document import suggest
from udfs.row import Value
from udfs.syntax import MAX_TEXT, ExpressionError, Syntax

__all__ = ["DottedNames", "Expression", "ExpressionError", "ExpressionFault", "compile_expression"]

Values = Mapping[str, Value | None]
Run = Callable[[Values], Value | None]

_MAX_DEPTH = 25
_MAX_NODES = 200
_NAME = re.compile(r"[a-z][a-z0-9_]*\Z")
_CONSTANTS: Mapping[str, Value] = {"true": True, "false": False, "pi": math.pi}
_ANY = MAX_TEXT
_ARITY = {"present": (1, 1), "coalesce": (2, _ANY)} | {
    name: (function.least, _ANY if function.most is None else function.most) for name, function in FUNCTIONS.items()
}


@dataclass(frozen=True)
class DottedNames:
    """Which names have a dot: those of these owners with these parts, each None for any; `example` is one of them."""

    example: str
    owners: frozenset[str] | None = None
    parts: frozenset[str] | None = None

    def allow(self, owner: str, part: str) -> bool:
        """Whether `owner.part` is a name."""
        return all(
            _NAME.match(word) and (words is None or word in words)
            for word, words in ((owner, self.owners), (part, self.parts))
        )


OF_ENVELOPE: Final = DottedNames("envelope.port", owners=frozenset({"envelope"}))


@dataclass(frozen=True)
class Expression:
    """A compiled text and the free names in it, `envelope.port` among them with its dot."""

    text: str
    names: frozenset[str]
    dotted: DottedNames
    _run: Run = field(repr=False, compare=False)

    def evaluate(self, values: Values) -> Value | None:
        """The result, None where it is absent; raises ExpressionFault."""
        return self._run(values)

    def holds(self, values: Values) -> bool:
        """The outcome as a condition: absent is false; raises ExpressionFault."""
        return truth(self._run(values))

    def __reduce__(self) -> tuple[object, ...]:
        return compile_expression, (self.text, self.dotted)


def compile_expression(text: str, dotted: DottedNames = OF_ENVELOPE) -> Expression:
    """Raises ExpressionError; what it returns takes bounded time and memory, whatever the text."""
    compiler = _Compiler(Syntax(text), dotted)
    run = compiler.compile()
    return Expression(text, frozenset(compiler.names), dotted, run)


class _Compiler:
    """Turns one line of text into a closure and gathers the names it uses."""

    def __init__(self, syntax: Syntax, dotted: DottedNames) -> None:
        self._syntax = syntax
        self._error, self._source = syntax.error, syntax.source
        self._dotted = dotted
        self.names: set[str] = set()
        self._nodes = 0
        self._visitors: Mapping[type[ast.expr], Callable[[Any, int], Run]] = {
            ast.Constant: self._constant,
            ast.Name: self._name,
            ast.Attribute: self._dotted_name,
            ast.UnaryOp: self._unary,
            ast.BinOp: self._binary,
            ast.BoolOp: self._logic,
            ast.Compare: self._compare,
            ast.IfExp: self._choice,
            ast.Call: self._call,
        }

    def compile(self) -> Run:
        return self._visit(self._syntax.tree, 0)

    def _visit(self, node: ast.expr, depth: int) -> Run:
        self._nodes += 1
        if depth >= _MAX_DEPTH or self._nodes > _MAX_NODES:
            raise self._error(node, "the expression is too long or nested too deeply: compute a part as its own field")
        visitor = self._visitors.get(type(node))
        if visitor is None:
            raise self._foreign(node)
        return visitor(node, depth + 1)

    def _constant(self, node: ast.Constant, _: int) -> Run:
        value = self._constant_value(node)
        return lambda values: value

    def _constant_value(self, node: ast.expr) -> Value:
        if isinstance(node, ast.Name) and node.id in _CONSTANTS:
            return _CONSTANTS[node.id]
        negated = isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub)
        literal = node.operand if isinstance(node, ast.UnaryOp) and negated else node
        value: Any = literal.value if isinstance(literal, ast.Constant) else None
        if type(value) not in (int, float, str, bool) or (negated and type(value) is str):
            raise self._error(node, f"`{self._source(node)}` is no number, no text and neither true nor false")
        try:
            return bounded(-value if negated else value)
        except ExpressionFault as fault:
            raise self._error(node, f"`{self._source(node)}`: {fault}") from None

    def _name(self, node: ast.Name, _: int) -> Run:
        if node.id in _CONSTANTS:
            constant = _CONSTANTS[node.id]
            return lambda values: constant
        if not _NAME.match(node.id):
            raise self._error(node, f"`{node.id}` is no name: names are lower_case_with_underscores")
        return self._lookup(node.id)

    def _dotted_name(self, node: ast.Attribute, _: int) -> Run:
        base = node.value
        if not isinstance(base, ast.Name) or not self._dotted.allow(base.id, node.attr):
            message = f"`{self._source(node)}` is no name: only names such as `{self._dotted.example}` have a dot"
            raise self._error(node, message)
        return self._lookup(f"{base.id}.{node.attr}")

    def _lookup(self, name: str) -> Run:
        self.names.add(name)

        def lookup(values: Values) -> Value | None:
            value = values.get(name)
            return None if value is None else bounded(value)

        return lookup

    def _unary(self, node: ast.UnaryOp, depth: int) -> Run:
        operand = self._visit(node.operand, depth)
        if isinstance(node.op, ast.Not):
            return lambda values: not truth(operand(values))
        return self._computed(node, self._known(UNARY, node, node.op), [operand])

    def _binary(self, node: ast.BinOp, depth: int) -> Run:
        function = self._known(BINARY, node, node.op)
        return self._computed(node, function, [self._visit(node.left, depth), self._visit(node.right, depth)])

    def _logic(self, node: ast.BoolOp, depth: int) -> Run:
        parts = [self._visit(part, depth) for part in node.values]
        decide = all if isinstance(node.op, ast.And) else any
        return lambda values: decide(truth(part(values)) for part in parts)

    def _choice(self, node: ast.IfExp, depth: int) -> Run:
        test, then, other = (self._visit(part, depth) for part in (node.test, node.body, node.orelse))
        return lambda values: then(values) if truth(test(values)) else other(values)

    def _compare(self, node: ast.Compare, depth: int) -> Run:
        if len(node.ops) == 1 and isinstance(node.ops[0], ast.In | ast.NotIn):
            return self._membership(node, depth)
        first = self._visit(node.left, depth)
        links = [
            (self._known(COMPARISONS, node, op), self._visit(part, depth))
            for op, part in zip(node.ops, node.comparators, strict=True)
        ]
        if len(links) == 1:
            ((compare, second),) = links
            return self._computed(node, compare, [first, second])

        source = self._source(node)

        def chain(values: Values) -> Value | None:
            left = first(values)
            for compare, part in links:
                right = part(values)
                if left is None or right is None:
                    return None
                if not _apply(source, compare, [left, right]):
                    return False
                left = right
            return True

        return chain

    def _membership(self, node: ast.Compare, depth: int) -> Run:
        operand, choices = self._visit(node.left, depth), node.comparators[0]
        if not isinstance(choices, ast.Tuple | ast.List):
            raise self._error(choices, "after `in` comes a list of constants, for example `in (1, 2)`")
        members = frozenset(self._constant_value(choice) for choice in choices.elts)
        expected = isinstance(node.ops[0], ast.In)

        def membership(values: Values) -> Value | None:
            value = operand(values)
            return None if value is None else (value in members) is expected

        return membership

    def _call(self, node: ast.Call, depth: int) -> Run:
        if not isinstance(node.func, ast.Name) or node.keywords:
            raise self._foreign(node)
        name = node.func.id
        self._check_arguments(node, name)
        arguments = [self._visit(argument, depth) for argument in node.args]
        if name == "present":
            return lambda values: arguments[0](values) is not None
        if name == "coalesce":
            return lambda values: next((v for v in (argument(values) for argument in arguments) if v is not None), None)
        return self._computed(node, FUNCTIONS[name].compute, arguments)

    def _check_arguments(self, node: ast.Call, name: str) -> None:
        arity = _ARITY.get(name)
        if arity is None:
            hint = suggest(name, _ARITY) or f": expected one of {', '.join(_ARITY)}"
            raise self._error(node, f"unknown function `{name}`{hint}")
        least, most = arity
        if not least <= len(node.args) <= most:
            wanted = f"{least}" if least == most else f"{least} or more" if most == _ANY else f"{least} to {most}"
            raise self._error(
                node, f"`{name}` takes {wanted} argument{'' if wanted == '1' else 's'}, not {len(node.args)}"
            )

    def _computed(self, node: ast.expr, function: Callable[..., Any], operands: list[Run]) -> Run:
        """A function of operands that are all present, else absent."""
        source = self._source(node)

        def computed(values: Values) -> Value | None:
            present = []
            for operand in operands:
                value = operand(values)
                if value is None:
                    return None
                present.append(value)
            return _apply(source, function, present)

        return computed

    def _known(self, table: Mapping[type, Callable[..., Any]], node: ast.expr, sign: ast.AST) -> Callable[..., Any]:
        function = table.get(type(sign))
        if function is None:
            raise self._foreign(node)
        return function

    def _foreign(self, node: ast.expr) -> ExpressionError:
        return self._error(node, f"`{self._source(node)}` is not part of the expression language")


def _apply(source: str, function: Callable[..., Any], operands: list[Value]) -> Value:
    try:
        return compute(function, operands)
    except ExpressionFault as fault:
        raise ExpressionFault(f"`{source}`: {fault}") from None
