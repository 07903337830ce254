"""Checks the units in an expression and puts conversions into it where units of one kind meet."""

import ast
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, Final

from udfs.document import suggest
from udfs.quantities import CONDITION, NUMBER, PLAIN, Quantity, either, inverse, power_of, product, total, written
from udfs.syntax import ExpressionError, Syntax
from udfs.units import Unit, parse_unit

_SAME_UNIT: Final = frozenset({"min", "max", "coalesce"})
_ROUNDING: Final = frozenset({"round", "floor", "ceil", "abs"})
_OF_NUMBERS: Final = frozenset({"ln", "log10", "exp", "sqrt"})
_MAX_POWER: Final = 9
_MAX_BITS: Final = 500
_EXACT: Final = 10**15


@dataclass(frozen=True)
class Part:
    """A part of an expression, conversions included, and what it is."""

    node: ast.expr
    quantity: Quantity

    @property
    def text(self) -> str:
        return ast.unparse(self.node)


@dataclass(frozen=True)
class Measured:
    """The expression in a stated unit: `text` computes it, `parts` are its computed parts, inner ones first."""

    text: str
    parts: tuple[Part, ...]


def in_unit(syntax: Syntax, units: Mapping[str, tuple[str, bool]], unit: str) -> Measured:
    """The expression of `syntax` in `unit`; `units` gives each name its UCUM code and whether it is a single value.

    The text must compile as an expression. Raises ExpressionError where units do not fit.
    """
    try:
        target = parse_unit(unit)
    except ValueError as fault:
        raise ExpressionError(f"unit of the formula: {fault}", 0) from None
    analysis = _Analysis(syntax, units)
    whole = analysis.visit(syntax.tree)
    if whole.quantity is CONDITION:
        raise syntax.error(syntax.tree, "the result is a condition: write `1 if … else 0` for a number")
    result = analysis.stated(whole, target, unit)
    return Measured(ast.unparse(result), tuple(analysis.parts))


class _Analysis:
    def __init__(self, syntax: Syntax, units: Mapping[str, tuple[str, bool]]) -> None:
        self._syntax = syntax
        self._units = units
        self.parts: list[Part] = []
        self._visitors: Mapping[type[ast.expr], Callable[[Any], Part]] = {
            ast.Constant: self._constant,
            ast.Name: self._name,
            ast.Attribute: self._dotted,
            ast.UnaryOp: self._unary,
            ast.BinOp: self._binary,
            ast.BoolOp: self._logic,
            ast.Compare: self._compare,
            ast.IfExp: self._choice,
            ast.Call: self._call,
        }

    def visit(self, node: ast.expr) -> Part:
        part = self._visitors[type(node)](node)
        if not isinstance(node, ast.Constant | ast.Name | ast.Attribute) and not part.quantity.is_written:
            self.parts.append(part)
        return part

    def stated(self, whole: Part, target: Unit, unit: str) -> ast.expr:
        """The result converted into the formula's unit."""
        quantity, root = whole.quantity, self._syntax.tree
        if quantity.is_written:
            return whole.node
        if quantity.unit.dimension != target.dimension:
            raise self._syntax.error(root, f"the result is in {quantity.code}, which does not convert into {unit}")
        points = quantity.points if quantity.points is not None else Fraction(1 if target.zero else 0)
        if quantity.is_temperature and points not in (0, 1):
            raise self._syntax.error(root, f"the result adds {points} temperatures up: divide it by {points}")
        if points == 0 and target.zero:
            raise self._syntax.error(
                root, f"the result is a difference of temperatures: state K as its unit, not {unit}"
            )
        return self._converted(replace(whole, quantity=replace(quantity, points=points)), target, root).node

    def _constant(self, node: ast.Constant) -> Part:
        if type(node.value) is bool or isinstance(node.value, str):
            raise self._foreign(node)
        return Part(node, written(Fraction(node.value)))  # type: ignore[arg-type]

    def _name(self, node: ast.Name) -> Part:
        if node.id in ("true", "false"):
            return Part(node, CONDITION)
        return Part(node, written(None)) if node.id == "pi" else self._input(node, node.id)

    def _dotted(self, node: ast.Attribute) -> Part:
        return self._input(node, ast.unparse(node))

    def _input(self, node: ast.expr, name: str) -> Part:
        if name not in self._units:
            raise self._syntax.error(node, f"no input `{name}`{suggest(name, self._units) or self._known()}")
        code, is_single = self._units[name]
        return Part(node, Quantity(parse_unit(code), code, Fraction(1) if is_single else None))

    def _known(self) -> str:
        measured = sorted({name.partition(".")[0] for name in self._units})
        return f": there is {', '.join(measured)}, measurements with .mean, .min, .max, .sum, .last or .count"

    def _unary(self, node: ast.UnaryOp) -> Part:
        operand = self.visit(node.operand)
        if isinstance(node.op, ast.Not):
            return Part(_with(node, operand=self._condition(operand, node.operand)), CONDITION)
        if isinstance(node.op, ast.Invert):
            raise self._foreign(node)
        self._number(operand, node.operand)
        sign = -1 if isinstance(node.op, ast.USub) else 1
        return Part(_with(node, operand=operand.node), product(operand.quantity, written(Fraction(sign))))

    def _binary(self, node: ast.BinOp) -> Part:
        if not isinstance(node.op, ast.Add | ast.Sub | ast.Mult | ast.Div | ast.Pow):
            raise self._foreign(node)
        left, right = self.visit(node.left), self.visit(node.right)
        self._number(left, node.left)
        self._number(right, node.right)
        if isinstance(node.op, ast.Pow):
            return self._power(node, left, right)
        if isinstance(node.op, ast.Mult | ast.Div):
            factor = inverse(right.quantity) if isinstance(node.op, ast.Div) else right.quantity
            quantity = product(left.quantity, factor)
            return Part(_with(node, left=left.node, right=right.node), quantity)
        left, right = self._same_unit(node, [left, right], [node.left, node.right], "added or subtracted")
        sign = 1 if isinstance(node.op, ast.Add) else -1
        return Part(_with(node, left=left.node, right=right.node), total(left.quantity, right.quantity, sign))

    def _power(self, node: ast.BinOp, base: Part, exponent: Part) -> Part:
        exponent = self._pure(exponent, node.right)
        power = exponent.quantity.literal
        if base.quantity.is_written or not base.quantity.unit.dimension:
            base = self._pure(base, node.left)
            quantity = written(None) if base.quantity.is_written and exponent.quantity.is_written else PLAIN
        elif power is None or power.denominator != 1 or abs(power) > _MAX_POWER:
            message = f"a power of {base.quantity.code} needs a whole number up to {_MAX_POWER}"
            raise self._syntax.error(node.right, message)
        elif _bits(base.quantity.unit.factor) > _MAX_BITS:
            raise self._syntax.error(node, "powers of powers: the unit grows too large")
        else:
            quantity = power_of(base.quantity, int(power))
        return Part(_with(node, left=base.node, right=exponent.node), quantity)

    def _logic(self, node: ast.BoolOp) -> Part:
        values = [self._condition(self.visit(value), value) for value in node.values]
        return Part(_with(node, values=values), CONDITION)

    def _compare(self, node: ast.Compare) -> Part:
        if any(isinstance(op, ast.In | ast.NotIn) for op in node.ops):
            raise self._foreign(node)
        nodes = [node.left, *node.comparators]
        first, *others = self._same_unit(node, [self.visit(part) for part in nodes], nodes, "compared")
        return Part(_with(node, left=first.node, comparators=[part.node for part in others]), CONDITION)

    def _choice(self, node: ast.IfExp) -> Part:
        test = self._condition(self.visit(node.test), node.test)
        places = [node.body, node.orelse]
        then, other = self._same_unit(node, [self.visit(place) for place in places], places, "results of one choice")
        chosen = either([then.quantity, other.quantity])
        return Part(_with(node, test=test, body=then.node, orelse=other.node), chosen)

    def _call(self, node: ast.Call) -> Part:
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        arguments = [self.visit(argument) for argument in node.args]
        for part, argument in zip(arguments, node.args, strict=True):
            self._number(part, argument)
        if name == "present":
            quantity = CONDITION
        elif name in _SAME_UNIT:
            arguments = self._same_unit(node, arguments, node.args, f"arguments of `{name}`")
            quantity = either([part.quantity for part in arguments])
        elif name in _ROUNDING:
            arguments[1:] = [self._pure(part, node.args[1]) for part in arguments[1:]]
            quantity = replace(arguments[0].quantity, literal=None)
        elif name in _OF_NUMBERS:
            arguments = [self._pure(arguments[0], node.args[0])]
            quantity = written(None) if arguments[0].quantity.is_written else PLAIN
        else:
            raise self._foreign(node)
        return Part(_with(node, args=[part.node for part in arguments]), quantity)

    def _same_unit(self, node: ast.expr, parts: Sequence[Part], places: Sequence[ast.expr], what: str) -> list[Part]:
        """The parts in the unit of the first that has one; numbers in the text take it as they are."""
        for part, place in zip(parts, places, strict=True):
            self._number(part, place)
        first = next((index for index, part in enumerate(parts) if not part.quantity.is_written), None)
        if first is None:
            return list(parts)
        wanted = parts[first].quantity
        for part, place in zip(parts, places, strict=True):
            if not part.quantity.is_written and part.quantity.unit.dimension != wanted.unit.dimension:
                left, right = self._named(places[first], wanted), self._named(place, part.quantity)
                raise self._syntax.error(node, f"{left} and {right} cannot be {what}")
        return [
            part if part.quantity.is_written else self._converted(part, wanted.unit, place, wanted.code)
            for part, place in zip(parts, places, strict=True)
        ]

    def _converted(self, part: Part, unit: Unit, place: ast.expr, code: str = "") -> Part:
        own, points = part.quantity.unit, part.quantity.points
        if own.zero != unit.zero and points is None:
            source = self._syntax.source(place)
            raise self._syntax.error(place, f"`{source}` may be a temperature or a difference: its unit cannot convert")
        offset = (own.zero - unit.zero) / unit.factor * (points or 0)
        try:
            node = _scaled(part.node, own.factor / unit.factor)
        except OverflowError:
            raise self._syntax.error(place, f"{self._named(place, part.quantity)} converts into no number") from None
        if offset:
            node = ast.BinOp(left=node, op=ast.Add(), right=ast.Constant(float(offset)))
        return Part(node, replace(part.quantity, unit=unit, code=code or part.quantity.code))

    def _pure(self, part: Part, place: ast.expr) -> Part:
        """The part as a number without unit: 50 % is 0.5."""
        if part.quantity.is_written:
            return part
        if part.quantity.unit.dimension:
            raise self._syntax.error(
                place, f"{self._named(place, part.quantity)} is no plain number: divide its unit out"
            )
        return self._converted(part, NUMBER, place, "1")

    def _condition(self, part: Part, place: ast.expr) -> ast.expr:
        if part.quantity is not CONDITION:
            raise self._syntax.error(place, f"{self._named(place, part.quantity)} is no condition: compare it")
        return part.node

    def _number(self, part: Part, place: ast.expr) -> None:
        if part.quantity is CONDITION:
            source = self._syntax.source(place)
            raise self._syntax.error(place, f"`{source}` is a condition: write `1 if {source} else 0` for a number")

    def _named(self, place: ast.expr, quantity: Quantity) -> str:
        return f"`{self._syntax.source(place)}` in {quantity.code}"

    def _foreign(self, node: ast.expr) -> ExpressionError:
        return self._syntax.error(
            node, f"`{self._syntax.source(node)}` is not part of a formula, which computes numbers"
        )


def _scaled(node: ast.expr, factor: Fraction) -> ast.expr:
    if factor == 1:
        return node
    if factor.numerator == 1 and factor.denominator < _EXACT:
        return ast.BinOp(left=node, op=ast.Div(), right=ast.Constant(factor.denominator))
    number = factor.numerator if factor.denominator == 1 and factor < _EXACT else float(factor)
    if not number:
        raise OverflowError
    return ast.BinOp(left=node, op=ast.Mult(), right=ast.Constant(number))


def _bits(factor: Fraction) -> int:
    return max(factor.numerator.bit_length(), factor.denominator.bit_length())


def _with(node: ast.expr, **fields: Any) -> ast.expr:
    """The node with other children; the tree that was read stays as it is."""
    kept = {name: getattr(node, name) for name in node._fields if hasattr(node, name)}
    return type(node)(**(kept | fields))
