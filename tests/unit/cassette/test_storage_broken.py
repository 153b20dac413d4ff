"""Pins that a broken cassette file is an error that names file, line and way out, and that reading changes nothing."""

import re

import orjson
import pytest
from distillgate.cassette.format import read
from distillgate.errors import CassetteError

HEADER = b'{"distillgate":{"format":1,"stage":"teacher"}}\n'
TEXT = b'{"text":"aaaaaaaaaaaa","value":"a long text"}\n'
LINE = {
    "request": {"method": "POST", "path": "/v1/chat/completions", "body": {"prompt": "Who won?"}},
    "response": {"status": 200, "body": {"content": "The team."}},
    "seconds": 0.25,
}
GOOD = orjson.dumps(LINE) + b"\n"
CONFLICT = "not JSON but an unresolved merge conflict"


def without(*keys):
    """A line from which one field is missing."""
    line = orjson.loads(GOOD)
    holder = line
    for key in keys[:-1]:
        holder = holder[key]
    del holder[keys[-1]]
    return orjson.dumps(line) + b"\n"


def test_a_whole_file_is_read(path):
    path.write_bytes(HEADER + TEXT + GOOD.replace(b'"Who won?"', b'{"$text":"aaaaaaaaaaaa"}'))
    assert read(path).interactions[0].request.body == {"prompt": "a long text"}


def test_a_missing_file_is_an_error_naming_it(path):
    with pytest.raises(CassetteError, match=re.escape(f"no cassette {path}")):
        read(path)


def test_a_folder_in_its_place_is_an_error_naming_it(path):
    path.mkdir()
    with pytest.raises(CassetteError, match=re.escape(f"{path}: Is a directory")):
        read(path)


BROKEN = [
    pytest.param(b"", 1, "empty, must begin with a header line", id="empty"),
    pytest.param(HEADER + GOOD + GOOD[:40], 3, "the last line is cut off", id="cut-off-line"),
    pytest.param(HEADER + GOOD + GOOD[:-1], 3, "the last line is cut off", id="cut-off-newline"),
    pytest.param(HEADER[:20], 1, "the last line is cut off", id="cut-off-header"),
    pytest.param(HEADER + GOOD + b"{not json}\n", 3, "not JSON", id="not-json"),
    pytest.param(HEADER + b"\n" + GOOD, 2, "not JSON", id="blank-line"),
    pytest.param(HEADER + b"<<<<<<< HEAD\n" + GOOD, 2, CONFLICT, id="merge-conflict"),
    pytest.param(HEADER + GOOD + b"=======\n" + GOOD, 3, CONFLICT, id="merge-conflict-middle"),
    pytest.param(HEADER + GOOD + b">>>>>>> theirs\n", 3, CONFLICT, id="merge-conflict-end"),
    pytest.param(
        HEADER + GOOD.replace(b"The team", b"\xff"), 2, "not even UTF-8 (byte 133 of the line)", id="not-utf-8"
    ),
    pytest.param(HEADER + GOOD.replace(b'"Who won?"', b'{"$text":"ab12"}'), 2, "KeyError('ab12')", id="unknown-hash"),
    pytest.param(HEADER.replace(b"1", b"4"), 1, "format 4, this version reads 1, 2 and 3", id="other-format"),
    pytest.param(HEADER.replace(b"format", b"shape"), 1, "KeyError('format')", id="no-format"),
    pytest.param(GOOD, 1, "KeyError('distillgate')", id="no-header"),
    pytest.param(HEADER + b"[]\n", 2, "not a cassette line", id="list"),
    pytest.param(HEADER + b"null\n", 2, "not a cassette line", id="null"),
    pytest.param(HEADER + b'{"text":"ab12"}\n', 2, "KeyError('value')", id="text-without-value"),
    pytest.param(HEADER + GOOD.replace(b"200", b'"fine"'), 2, "not a cassette line", id="wrong-type"),
    *(
        pytest.param(HEADER + GOOD + without(*keys), 3, f"KeyError('{keys[-1]}')", id=f"no-{'-'.join(keys)}")
        for keys in [
            ("request",),
            ("request", "method"),
            ("request", "path"),
            ("request", "body"),
            ("response",),
            ("response", "status"),
            ("response", "body"),
            ("seconds",),
        ]
    ),
]


@pytest.mark.parametrize(("content", "line", "what"), BROKEN)
def test_a_broken_file_is_an_error_naming_the_line(path, content, line, what):
    path.write_bytes(content)
    with pytest.raises(CassetteError, match=f"^{re.escape(f'{path}:{line}: ')}.*{re.escape(what)}"):
        read(path)


@pytest.mark.parametrize(("content", "line", "what"), BROKEN)
def test_the_error_says_where_a_good_file_is(path, content, line, what):
    path.write_bytes(content)
    with pytest.raises(CassetteError, match="restore the file from git"):
        read(path)


@pytest.mark.parametrize(("content", "line", "what"), BROKEN)
def test_reading_leaves_a_broken_file_as_it_is(path, content, line, what):
    path.write_bytes(content)
    with pytest.raises(CassetteError):
        read(path)
    assert path.read_bytes() == content
