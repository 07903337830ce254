"""Groups of commands whose modules are imported when they are asked for: `sluice gateway` needs no Flink or DuckDB."""

from importlib import import_module
from typing import Any, ClassVar

import typer
from typer.core import TyperGroup
from typer.main import get_group


class LazyGroup(TyperGroup):
    """A group that knows of further commands, or groups of them, only where they are: `module:name` by command."""

    lazy: ClassVar[dict[str, str]]

    def list_commands(self, ctx: Any) -> list[str]:
        return list({**self.commands, **self.lazy})

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in self.commands:
            for name in [cmd_name] if cmd_name in self.lazy else self.lazy:  # Typer compares a mistyped one with all
                self.commands[name] = _imported(name, self.lazy[name])
        return super().get_command(ctx, cmd_name)


def _imported(command: str, place: str) -> Any:
    module, name = place.split(":")
    found = getattr(import_module(module), name)
    holder = typer.Typer()
    if isinstance(found, typer.Typer):
        holder.add_typer(found, name=command)
    else:
        holder.command(command)(found)
    return get_group(holder).commands[command]
