"""What a deployment may choose about Jiangsu's format: the `[adapter]` table of `config/regions/jiangsu.toml`.

The format is our invention, so nothing in it that is a choice stands in code alone: each choice is a
key here, and its default is the value the shipped configuration shows.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.adapters.settings_table import SettingsTable


@dataclass(frozen=True, slots=True)
class Options:
    """Every key is described in `config/regions/jiangsu.toml`."""

    format_versions: tuple[str, ...] = ("1.4",)
    write_version: str = "1.4"
    render_as: str = "soap"
    signature_covers: str = "payload"
    id_document_types: tuple[str, ...] = ("1", "2")
    education_code_sets: tuple[str, ...] = ("1984", "2006")
    nation_extra: tuple[str, ...] = ("57", "97", "98")
    level_framework: str = "JSLOF"
    level_max: int = 7
    skill_level_max: int = 5
    grade_words: tuple[str, ...] = ("优", "良", "中", "及", "不")
    pass_values: tuple[str, ...] = ("0", "1")
    percent_max: int = 100
    empty_validity: str = "unlimited"
    school_id_prefixes: tuple[str, ...] = ("41", "42")
    certificate_province: str = "32"
    private_use_name: str = "flag"
    record_id_salt: str = "CN-32"
    rows_part_max: int = 2_000
    rows_feed_max: int = 100_000


def read_options(settings: Mapping[str, object]) -> Options:
    """Raises SettingsError with every wrong key at once."""
    table = SettingsTable("adapter", settings)
    default = Options()
    options = Options(
        format_versions=table.texts("format_versions", default.format_versions),
        write_version=table.text("write_version", default.write_version),
        render_as=table.choice("render_as", ("soap", "bare"), default.render_as),
        signature_covers=table.choice("signature_covers", ("payload", "base64"), default.signature_covers),
        id_document_types=table.texts("id_document_types", default.id_document_types),
        education_code_sets=table.texts("education_code_sets", default.education_code_sets),
        nation_extra=table.texts("nation_extra", default.nation_extra),
        level_framework=table.text("level_framework", default.level_framework),
        level_max=table.whole("level_max", 1, 99, default.level_max),
        skill_level_max=table.whole("skill_level_max", 1, 9, default.skill_level_max),
        grade_words=table.texts("grade_words", default.grade_words),
        pass_values=table.texts("pass_values", default.pass_values),
        percent_max=table.whole("percent_max", 1, 1000, default.percent_max),
        empty_validity=table.choice("empty_validity", ("unlimited", "refuse"), default.empty_validity),
        school_id_prefixes=table.texts("school_id_prefixes", default.school_id_prefixes),
        certificate_province=table.text("certificate_province", default.certificate_province),
        private_use_name=table.choice("private_use_name", ("flag", "refuse"), default.private_use_name),
        record_id_salt=table.text("record_id_salt", default.record_id_salt),
        rows_part_max=table.whole("rows_part_max", 1, 100_000, default.rows_part_max),
        rows_feed_max=table.whole("rows_feed_max", 1, 1_000_000, default.rows_feed_max),
    )
    if options.write_version not in options.format_versions:
        table.problem("write_version", "settings.unknown_choice", "不在接受的版本之内", "should be among the accepted versions")
    table.finish()
    return options
