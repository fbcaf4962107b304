"""A bank that has not put the new code tables in yet: its own mapping of a part gives other bytes than the gateway's.

In the older table every level had an exact counterpart.  The bank sets aside what it cannot follow, answers
nothing, and works on it when it comes again after the tables are new.
"""

from dataclasses import replace
from functools import cache

from gateway.client.cases import Tools
from gateway.mapping.engine import Mapper, load_mapper
from gateway.model.codes import CodeEntry, CodeTables
from gateway.system import package_folder

TABLE = "level-crosswalk"


def behind(tools: Tools) -> Tools:
    """The same tools with the older table."""
    return replace(tools, mapper=_older(tools.mapper))


@cache
def _older(mapper: Mapper) -> Mapper:
    table = mapper.codes[TABLE]
    entries = tuple(_exact(entry) for entry in table)
    older = replace(table, version=f"{table.version}-older", entries=entries)
    codes = CodeTables(mapper.codes.version, {**mapper.codes.sets, TABLE: older})
    return load_mapper(package_folder() / "mapping" / "rules", codes)


def _exact(entry: CodeEntry) -> CodeEntry:
    return replace(entry, columns={**entry.columns, "confidence": "exact"})
