"""Where the YAML goes, and one that stock vcrpy wrote."""

import pytest
from vcr.serializers import yamlserializer


@pytest.fixture
def path(tmp_path):
    """Where the YAML goes."""
    return tmp_path / "teacher.yaml"


@pytest.fixture
def cassette(tmp_path):
    """Write a cassette of these interactions as vcrpy would."""

    def write(*entries, **top):
        path = tmp_path / "teacher.yaml"
        path.write_text(yamlserializer.serialize({"version": 1, "interactions": list(entries)} | top), "utf-8")
        return path

    return write
