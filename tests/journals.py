"""What recordings hold, unfinished ones included."""

from distillgate.cassette.format import decode, whole_lines
from distillgate.cassette.journal import unsealed


def unfinished(path):
    """The recording in a journal, each line of which has a checksum."""
    return decode(path, [unsealed(line) for line in whole_lines(path, path.read_bytes())])


def numbers(recording):
    """Which of the endpoint's numbered answers a recording holds."""
    texts = [one.body["choices"][0]["message"]["content"] for one in recording.interactions]
    return [text.rpartition("\n")[2] for text in texts]
