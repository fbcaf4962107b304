import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.adapters.part_manifest import read_manifest, write_manifest
from gateway.errors import FormatError
from gateway.model.local import PartManifest

IDS = st.dictionaries(st.integers(1, 9999), st.uuids().map(str), max_size=20)


@given(
    st.text(max_size=20), IDS, st.dictionaries(st.integers(1, 9999), st.lists(st.sampled_from("abc"), min_size=1, max_size=3), max_size=5)
)
def test_manifest_when_written_then_reads_back(period: str, ids: dict[int, str], issues: dict[int, list[str]]) -> None:
    manifest = PartManifest(period, ids, {row: tuple(sorted(codes)) for row, codes in issues.items()})
    assert read_manifest(write_manifest(manifest)) == manifest


@pytest.mark.parametrize(
    "content",
    [
        b"[]",
        b"{}",
        b'{"period":1,"ids":{},"issues":{}}',
        b'{"period":"","ids":{"0":"a"},"issues":{}}',
        b'{"period":"","ids":{"x":"a"},"issues":{}}',
        b'{"period":"","ids":{"1":"a","2":"a"},"issues":{}}',
        b'{"period":"","ids":{"1":""},"issues":{}}',
        b'{"period":"","ids":{},"issues":{"1":[]}}',
        b'{"period":"","ids":{},"issues":{"1":"a"}}',
        b'{"period":"","ids":{},"issues":{},"more":1}',
    ],
)
def test_manifest_when_of_another_form_then_refused(content: bytes) -> None:
    with pytest.raises(FormatError) as caught:
        read_manifest(content)
    assert caught.value.code == "format.manifest"
