"""What a rule file becomes: for each record class a `Plan` of closures and look-ups, and a `Ruleset` of plans."""

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.mapping.declaration import Backward, Forward
from gateway.model.local import Operation


@dataclass(frozen=True, slots=True)
class Step:
    """One rule, compiled.  `backward` is None for a one-way rule."""

    id: str
    transform: str
    local: tuple[str, ...]
    fields: tuple[str, ...]
    forward: Forward
    backward: Backward | None


@dataclass(frozen=True, slots=True)
class Unfit:
    """A condition under which a record may not be offered: `path` (a local path, or a regional field) has `value`."""

    path: str
    regional: bool
    value: str
    reason: str


@dataclass(frozen=True, slots=True)
class Marker:
    """How a bank's format says that a record is itself the result of a conversion: `path` has `value`."""

    path: str
    value: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What one record class (or the part's own values) needs.

    `mapped` are local paths that a rule reads, `blank` those where an empty text says something, `dropped` maps
    paths to reasons, `kept` are paths retained on purpose, `template` the blank values the format always writes,
    `converted` the mark of a record that is no original; None where the format has none.
    """

    steps: tuple[Step, ...]
    forward: tuple[Forward, ...]
    backward: tuple[Backward, ...]
    mapped: frozenset[str]
    blank: frozenset[str]
    dropped: Mapping[str, str]
    kept: frozenset[str]
    integers: frozenset[str]
    template: Mapping[str, str | None]
    unfit: tuple[Unfit, ...]
    converted: Marker | None = None


@dataclass(frozen=True, slots=True)
class Ruleset:
    """One province's rules.  `id` and `version` name them in every transfer.

    `plans` are by local record class, `part` is for part-level values.  `blank_kept` says that an empty text is a value to keep.
    `institutions` are the names of those its rules know, by code.
    """

    id: str
    version: str
    region: str
    member: str
    format_version: str
    policy: str
    leisure_convertible: bool
    blank_kept: bool
    operations: frozenset[Operation]
    personal: frozenset[str]
    form_for_kind: Mapping[str, str]
    plans: Mapping[str, Plan]
    part: Plan
    institutions: Mapping[str, str]
