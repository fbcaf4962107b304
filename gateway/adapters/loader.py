"""The four adapters, built from their settings.

Explicit imports on purpose: there is no plugin mechanism, so what runs is what stands here, and a
fifth province fails the layer check until somebody places it.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from gateway.adapters.anhui import adapter as anhui
from gateway.adapters.contract import RegionAdapter
from gateway.adapters.jiangsu import adapter as jiangsu
from gateway.adapters.manifest import read_manifest
from gateway.adapters.shanghai import adapter as shanghai
from gateway.adapters.zhejiang import adapter as zhejiang
from gateway.errors import Problem, SettingsError

BUILDERS: Mapping[str, Callable[[Mapping[str, object]], RegionAdapter]] = MappingProxyType(
    {"shanghai": shanghai.build, "jiangsu": jiangsu.build, "zhejiang": zhejiang.build, "anhui": anhui.build}
)


def load_adapters(regions: Mapping[str, Mapping[str, object]]) -> Mapping[str, RegionAdapter]:
    """One adapter for each region of `regions`, which maps it to the `[adapter]` table of its configuration.

    A province whose manifest does not hold is not started.  Raises SettingsError with the problems of every region at once.
    """
    problems: list[Problem] = []
    built: dict[str, RegionAdapter] = {}
    for region, settings in regions.items():
        build = BUILDERS.get(region)
        if build is None:
            problems.append(Problem(region, "settings.unknown_region", "没有这个地区的适配器", "there is no adapter for this region"))
            continue
        try:
            read_manifest(region)
            built[region] = build(settings)
        except SettingsError as error:
            problems.extend(error.problems or (Problem(region, error.code, error.zh, error.en),))
    if problems:
        raise SettingsError("settings.adapter", "适配器设置有误", "the adapters' settings are wrong", problems=tuple(problems))
    return MappingProxyType(built)
