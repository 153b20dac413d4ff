"""Which values of the environment and of `.env` must not be written anywhere."""

import pytest

from pipeline.settings import known_secrets


@pytest.mark.parametrize(
    "name", ["OPENAI_API_KEY", "HF_TOKEN", "DB_PASSWORD", "client_secret", "SIGNING_KEYS", "KEY_ID"]
)
def test_what_reads_like_a_secret_in_the_env_file_is_known(tmp_path, name):
    (tmp_path / ".env").write_text(f"{name}=a-value\n")
    assert known_secrets([], tmp_path) == ["a-value"]


@pytest.mark.parametrize("name", ["OPENAI_BASE_URL", "MONKEY", "TOKENIZERS_PARALLELISM"])
def test_other_values_of_the_env_file_are_no_secrets(tmp_path, name):
    (tmp_path / ".env").write_text(f"{name}=a-value\n")
    assert known_secrets([], tmp_path) == []


def test_a_named_variable_is_a_secret_wherever_it_is_set(tmp_path, monkeypatch):
    monkeypatch.setenv("HOUSE_PASS", "from-environment")
    (tmp_path / ".env").write_text("HOUSE_PASS=from-file\n")
    assert known_secrets(["HOUSE_PASS"], tmp_path) == ["from-environment", "from-file"]
