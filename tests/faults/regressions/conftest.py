"""A recorded project in a copy of its own for each case."""

import pytest

pytest.importorskip("uvicorn", reason="the loopback endpoint comes with the extra 'test'")
from tests.plugin.conftest import every_file, project, recorded, settings  # noqa: F401  # fixtures
