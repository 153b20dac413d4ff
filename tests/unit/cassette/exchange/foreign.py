"""Interactions as stock vcrpy writes them, and what importing makes of them."""

import copy

from distillgate.cassette.vcr_yaml import read

ENTRY = {
    "request": {
        "method": "POST",
        "uri": "https://api.openai.com/v1/chat/completions?beta=1",
        "body": '{"model": "teacher"}',
        "headers": {"Authorization": ["Bearer sk-1234567890"], "Content-Type": ["application/json"]},
    },
    "response": {
        "status": {"code": 200, "message": "OK"},
        "headers": {"Content-Type": ["application/json; charset=utf-8"]},
        "body": {"string": '{"id": "chatcmpl-1"}'},
    },
}


def entry(value=None, *keys):
    """An interaction of vcrpy's in which the value under `keys` is another one; None: without it."""
    made = copy.deepcopy(ENTRY)
    if keys:
        holder = made
        for key in keys[:-1]:
            holder = holder[key]
        if value is None:
            del holder[keys[-1]]
        else:
            holder[keys[-1]] = value
    return made


def imported(path):
    return read(path, lambda: {"imported": True})
