"""Options that several commands share, written once: a dataclass whose fields are annotated as typer has them."""

import inspect
from collections.abc import Callable
from dataclasses import is_dataclass
from functools import wraps
from typing import Any


def spread(command: Callable[..., None]) -> Callable[..., None]:
    """The command with the fields of each parameter that is a dataclass as options in its stead: typer reads signatures.

    A command's own parameters come first, in help too.
    """
    declared = inspect.signature(command, eval_str=True).parameters.values()
    groups: dict[str, type[Any]] = {
        each.name: each.annotation for each in declared if isinstance(each.annotation, type) and is_dataclass(each.annotation)
    }
    shared = {name: inspect.signature(group, eval_str=True).parameters for name, group in groups.items()}
    own = [each for each in declared if each.name not in groups]
    fields = [each for found in shared.values() for each in found.values()]
    every = [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in (*own, *fields)]

    @wraps(command)
    def run(**options: Any) -> None:
        made = {name: groups[name](**{field: options.pop(field) for field in found}) for name, found in shared.items()}
        command(**made, **options)

    run.__annotations__ = {each.name: each.annotation for each in every}
    vars(run)["__signature__"] = inspect.Signature(every)
    return run
