"""What the tests of export and import have in common."""

from distillgate.cassette.interaction import Interaction
from distillgate.cassette.request import Canonical
from distillgate.cassette.vcr_yaml import read, write

JSON = "application/json"
CHAT = "/v1/chat/completions"
ASKED = {"model": "teacher", "messages": [{"role": "user", "content": "Who won?"}], "temperature": 0.7}
UPLOAD = {
    "multipart": [
        {"name": "purpose", "content": {"text": "fine-tune"}},
        {"name": "file", "filename": "training.jsonl", "content": [{"messages": ["é"]}, {"messages": []}]},
    ]
}
ELSEWHERE = "https://api.example.invalid:8443"


def said(body, asked=ASKED, method="POST", path=CHAT, status=200, content_type=JSON, seconds=0.25, in_flight=1):
    return Interaction(Canonical(method, path, asked), status, content_type, body, seconds, in_flight)


def unneeded():
    raise AssertionError("the header lies beside the cassette")


def there_and_back(path, held, origin=ELSEWHERE):
    write(path, held, lambda asked: origin)
    return read(path, unneeded).recording
