"""From the items of a spec to nodes: values of known places join to blocks, everything else is a node of its own."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from udfs.contract import expression
from udfs.document import Place
from udfs.errors import SpecError, SpecErrors
from udfs.expression import Expression
from udfs.layouts.base import compile_each, refuse_repeated_names
from udfs.layouts.block import Block, compile_block
from udfs.layouts.codecs import NEEDS_LENGTH
from udfs.layouts.frame import Node
from udfs.layouts.framing import Literal, Seal, Skipped
from udfs.layouts.keys import Entry, KeyForm, KeyLoop
from udfs.layouts.part import CODED, Part
from udfs.layouts.slots import Order
from udfs.layouts.structure import (
    Choice,
    Conditional,
    Extent,
    Grouped,
    Repeated,
    Run,
    SizePrefix,
)
from udfs.meaning import Scope
from udfs.model import (
    Checksum,
    Group,
    If,
    Item,
    Keyed,
    KeyEntry,
    Keys,
    LiteralItem,
    Prefixed,
    Repeat,
    Skip,
    Switch,
    Trailing,
    Value,
)
from udfs.named_by_value import names_in

_TEXT_ONLY: Final = ("decimal", "hex", "iso8601")
_PREFIXES: Final = {"u8": 1, "u16": 2, "u24": 3, "u32": 4, "decimal": None}


@dataclass(frozen=True)
class Context:
    """Where items stand: `begin` counts bytes from the base, None where only reading tells."""

    scope: Scope
    order: Order
    is_text: bool = False
    separator: str | None = None
    begin: int | None = 0
    reserved: int = 0

    def after(self, node: Node) -> "Context":
        """The context of the item behind `node`."""
        if isinstance(node, Block) and node.anchored:
            return replace(self, begin=node.after)
        known = None if self.begin is None or node.size is None else self.begin + node.size
        return replace(self, begin=known)

    def at_base(self, domain: str | None = None) -> "Context":
        """The context of items whose places count from their own begin."""
        return replace(self, begin=0, reserved=0, scope=self.scope.within(domain))

    def of_message(self, domain: str | None, own_message: bool) -> "Context":
        """As `at_base`, in a message of their own where the item says so."""
        context = self.at_base(domain)
        return replace(context, scope=context.scope.of_record()) if own_message else context


def compile_items(items: Sequence[Item], place: Place, context: Context) -> Run:
    """The items that stand at the document's `place`; raises SpecErrors with the faults of all of them."""
    nodes: list[Node] = []
    marks: dict[int, str] = {}
    errors: list[SpecError] = []
    names = [item.name for item in items if isinstance(item, Value)]
    if len(set(names)) < len(names):
        refuse_repeated_names([getattr(item, "name", f"[{index}]") for index, item in enumerate(items)], place)
    for begin, end in _chunks(items, context.is_text):
        chunk = [(item, place / index) for index, item in enumerate(items) if begin <= index < end]
        alone = len(chunk) == len(items)
        try:
            node = _compile_chunk(chunk, context if alone else replace(context, reserved=0))
        except SpecErrors as several:
            errors.extend(several.errors)
            continue
        except SpecError as error:
            errors.append(error)
            continue
        if items[begin].mark is not None:
            marks[len(nodes)] = str(items[begin].mark)
        nodes.append(node)
        context = context.after(node)
    if errors:
        raise SpecErrors(errors)
    return Run(nodes, marks)


def _chunks(items: Sequence[Item], is_text: bool) -> list[tuple[int, int]]:
    """Index ranges: values of known places that follow one another, or a single item."""
    chunks: list[tuple[int, int]] = []
    for index, item in enumerate(items):
        joins = _is_placed(item, is_text) and item.mark is None and index > 0
        if joins and _is_placed(items[index - 1], is_text):
            chunks[-1] = chunks[-1][0], index + 1
        else:
            chunks.append((index, index + 1))
    return chunks


def _is_placed(item: Item, is_text: bool) -> bool:
    """Whether an item is a value in bytes whose length is known."""
    if not isinstance(item, Value) or is_text or item.until is not None or isinstance(item.length, str):
        return False
    return item.type not in _TEXT_ONLY and (item.length is not None or item.type not in NEEDS_LENGTH)


def _compile_chunk(chunk: list[tuple[Any, Place]], context: Context) -> Node:
    item, place = chunk[0]
    if _is_placed(item, context.is_text):
        return compile_block(chunk, context.begin, context.order, context.scope, context.reserved)
    return _COMPILERS[type(item)](item, place, context)


def _value(item: Value, place: Place, context: Context) -> Node:
    if item.type in NEEDS_LENGTH and item.type not in CODED and not context.is_text:
        raise place.error(f"a {item.type} in bytes needs its `length`")
    return Part(item, place, context.scope, context.is_text, context.separator)


def _group(item: Group, place: Place, context: Context) -> Node:
    inner = context.of_message(item.domain, item.own_message)
    if item.separator is not None:
        inner = replace(inner, separator=item.separator)
    size = _whole_or_expression(item.size, place / "size")
    if isinstance(size, int):
        inner = replace(inner, reserved=size)
    run = compile_items(item.fields, place / "fields", inner)
    if isinstance(size, int) and run.size is not None and run.size > size:
        raise (place / "size").error(f"the items take {run.size} bytes, the size is {size}")
    extent = Extent(size, None if item.until is None else item.until.encode(), item.trailing, item.consume)
    if isinstance(size, Expression):
        _derive(size, context, lambda draft: _written_size(run, draft))
    known = size if isinstance(size, int) else run.size if size is None and item.until is None else None
    separator = None if item.separator is None else item.separator.encode()
    return Grouped(run, extent, item.own_message, inner.scope.record_domain, known, separator)


def _prefixed(item: Prefixed, place: Place, context: Context) -> Node:
    run = compile_items(item.fields, place / "fields", context.at_base())
    little = (item.byte_order or context.order.byte_order) == "little"
    return SizePrefix(run, _PREFIXES[item.prefix], little, item.adjust, item.trailing)


def _if(item: If, place: Place, context: Context) -> Node:
    condition = expression(item.if_, place / "if")
    then = compile_items(item.fields, place / "fields", context)
    otherwise = None if item.else_ is None else compile_items(item.else_, place / "else", context)
    same = otherwise is not None and then.size == otherwise.size
    node = Conditional(condition, then, otherwise, then.size if same else None)
    _derive(condition, context, node.is_wanted)
    return node


def _switch(item: Switch, place: Place, context: Context) -> Node:
    subject = expression(item.switch, place / "switch")
    cases: dict[Any, Node] = {}
    for case, items in item.cases.items():
        node = compile_items(items, place / "cases" / case, context)
        for value in map(_case_value, case.split(",")):
            if value in cases:
                raise (place / "cases" / case).error(f"another case has {case.strip()} already")
            cases[value] = node
    otherwise = None if item.else_ is None else compile_items(item.else_, place / "else", context)
    sizes = {node.size for node in (*cases.values(), *([otherwise] if otherwise else []))}
    choice = Choice(subject, cases, otherwise, sizes.pop() if len(sizes) == 1 else None)
    _derive(subject, context, choice.implied)
    return choice


def _repeat(item: Repeat, place: Place, context: Context) -> Node:
    count = None if item.repeat == "end" else _whole_or_expression(item.repeat, place / "repeat")
    inner = context.of_message(item.domain, item.own_message)
    scope = replace(inner.scope, choices=dict(inner.scope.choices))
    if isinstance(count, int) and not item.own_message:
        scope.choices["index"] = list(range(count))
    run = compile_items(item.fields, place / "fields", replace(inner, scope=scope))
    if not item.own_message:
        for field in run.fields:
            if not field.hidden and not names_in(field.name):
                raise place.error(
                    f"each element would replace `{field.name}`: put {{index}} into its name, or say own_message"
                )
    until = None if item.until is None else expression(item.until, place / "until")
    size = count * run.size if isinstance(count, int) and run.size is not None and until is None else None
    node = Repeated(run, count, until, item.own_message, inner.scope.record_domain, size)
    if isinstance(count, Expression):
        _derive(count, context, node.occurrences)
    return node


def _keys(item: Keys, place: Place, context: Context) -> Node:
    count = None if item.repeat == "end" else _whole_or_expression(item.repeat, place / "repeat")
    loop = compile_keys(item, place, context, count, None if item.stop is None else item.stop.encode(), False)
    if isinstance(count, Expression):
        _derive(count, context, loop.occurrences)
    return loop


def compile_keys(
    item: Keyed, place: Place, context: Context, count: int | Expression | None, stop: bytes | None, lenient: bool
) -> KeyLoop:
    """The loop over keys that stands at `place`; raises SpecErrors."""
    form = _key_form(item, place)
    keys_at = place / "keys"
    entries = compile_each(item.keys, keys_at, lambda entry, where: _entry(entry, where, item, context))
    keys = compile_each(item.keys, keys_at, lambda entry, where: _key(entry, where, form))
    for index, key in enumerate(keys):
        if key in keys[:index]:
            raise (keys_at / index / "key").error(
                f"key `{item.keys[index].key}` stands at keys[{keys.index(key)}] already"
            )
    unlisted = None
    if item.unknown is not None:
        run = compile_items(item.unknown, place / "unknown", context.at_base())
        unlisted = _with_prefix(run, item, context, Extent(), False, "")
    if not entries and unlisted is None:
        raise keys_at.error("there are neither keys nor `unknown`")
    return KeyLoop(form, dict(zip(keys, entries, strict=True)), unlisted, count, stop, lenient)


def _entry(entry: KeyEntry, place: Place, item: Keyed, context: Context) -> Entry:
    inner = context.of_message(entry.domain, entry.own_message)
    if entry.size is not None:
        inner = replace(inner, reserved=entry.size)
    run = compile_items(entry.fields, place / "fields", inner)
    if entry.size is not None and run.size is not None and run.size > entry.size:
        raise (place / "size").error(f"the items take {run.size} bytes, the size is {entry.size}")
    trailing: Trailing = "ignore" if entry.size is not None else "reject"
    extent = Extent(entry.size, None, trailing)
    return _with_prefix(run, item, context, extent, entry.own_message, inner.scope.record_domain)


def _with_prefix(run: Run, item: Keyed, context: Context, extent: Extent, own_message: bool, domain: str) -> Entry:
    if item.prefix is not None:
        little = context.order.byte_order == "little"
        return Entry(SizePrefix(run, _PREFIXES[item.prefix], little, 0, "reject"), Extent(), own_message, domain, None)
    only = run.nodes[0] if len(run.nodes) == 1 else None
    counted = any("occurrence" in names_in(field.name) for field in run.fields)
    simple = (
        isinstance(only, Block) and not own_message and not counted and (extent.size is None or extent.size == only.end)
    )
    return Entry(run, extent, own_message, domain, only if simple and isinstance(only, Block) else None)


def _key_form(item: Keyed, place: Place) -> KeyForm:
    if item.key_until is not None:
        return KeyForm(0, "big", item.key_until.encode())
    lengths = {len(entry.key) // 2 for entry in item.keys} | ({item.key_size} if item.key_size else set())
    if not lengths:
        raise place.error("missing key `key_size`: no key tells how long keys are")
    for index, entry in enumerate(item.keys):
        if len(entry.key) != len(item.keys[0].key) or (item.key_size and len(entry.key) != 2 * item.key_size):
            where = place / "keys" / index / "key"
            raise where.error(f"key `{entry.key}` has another length than `{item.keys[0].key}`: all keys have the same")
    return KeyForm(next(iter(lengths)), "big")


def _key(entry: KeyEntry, place: Place, form: KeyForm) -> bytes:
    if form.until is not None:
        return entry.key.encode()
    try:
        if entry.key != entry.key.lower():
            raise ValueError
        return bytes.fromhex(entry.key)
    except ValueError:
        raise (place / "key").error(f"key `{entry.key}` is no hex in lower case") from None


def _derive(subject: Expression, context: Context, derive: Callable[[Any], Any]) -> None:
    """A hidden value that is all there is in `subject` can be told from what is written; `not x` is its opposite."""
    derivations = context.scope.derivations
    if subject.text in subject.names:
        derivations.setdefault(subject.text, derive)
    elif subject.text.startswith("not ") and subject.text[4:] in subject.names:
        derivations.setdefault(subject.text[4:], lambda draft: not derive(draft))


def _written_size(run: Run, draft: Any) -> int:
    trial = draft.trial()
    run.write(trial)
    return len(trial.out) - len(draft.out)


def _whole_or_expression(stated: int | str | None, place: Place) -> int | Expression | None:
    return expression(stated, place) if isinstance(stated, str) else stated


def _case_value(case: str) -> Any:
    case = case.strip()
    if case in ("true", "false"):
        return case == "true"
    try:
        return int(case, 0)
    except ValueError:
        return case


_COMPILERS: Final[dict[type, Callable[[Any, Place, Context], Node]]] = {
    Value: _value,
    LiteralItem: lambda item, place, context: Literal(item, place, context.is_text),
    Skip: lambda item, place, context: Skipped(item, place),
    Group: _group,
    Prefixed: _prefixed,
    If: _if,
    Switch: _switch,
    Repeat: _repeat,
    Keys: _keys,
    Checksum: lambda item, place, context: Seal(
        item, place, context.is_text, (item.byte_order or context.order.byte_order) == "little"
    ),
}
