"""What a rule for secrets is, and how one is written."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rule:
    """One kind of secret, and what may be done where it is found."""

    name: str
    """`[secret:NAME]` stands in its place."""

    pattern: re.Pattern[str]
    """The secret is its named group, or the whole match where it has none."""

    hints: tuple[str, ...]
    """Every text that the pattern matches holds one of them (in lower case if the pattern ignores case): a search for
    a plain text is so fast that a prompt without secrets costs next to nothing."""

    replaceable: bool = True
    """Whether a mark in its place leaves a usable recording; if not, nothing is recorded."""

    returned: bool = False
    """Whether the endpoint needs it back: a recording run's caller gets it as it came, the tape a mark."""

    accept: Callable[[re.Match[str]], bool] = lambda match: True
    """Decides where a pattern alone would take ordinary words for a secret."""

    unbroken: bool = False
    """Whether every match holds `UNBROKEN` characters without a space: few words of a prompt do."""

    ignores_case: bool = False
    """Whether `hints` are to be looked for in the text in lower case."""

    leading: bool = False
    """Whether every match begins with one of `hints`: then nothing is tried elsewhere."""

    rest: re.Pattern[str] | None = None
    """What belongs to a secret behind the part that `pattern` looks at, however long it is."""

    def matches(self, text: str) -> Iterator[re.Match[str]]:
        """Where the secret may stand, in order; `accept` has the last word."""
        if not self.leading:
            yield from self.pattern.finditer(text)
            return
        done = 0
        for place in sorted(place for hint in self.hints for place in _places(text, hint)):
            if place >= done and (match := self.pattern.match(text, place)):
                done = match.end()
                yield match


def _places(text: str, hint: str) -> Iterator[int]:
    place = text.find(hint)
    while place >= 0:
        yield place
        place = text.find(hint, place + 1)


UNBROKEN = 15
LONGEST_NAME = 60
"""Characters before a value in which its name is looked for.

No pattern runs over a text of any length and then fails: begun at every place of a long line, it would take quadratic
time.
"""

START = r"(?:(?<![0-9A-Za-z])|(?<=\\[nrtbf])|(?<=\\u[0-9A-Fa-f]{4})|(?<=%[0-9A-Fa-f]{2}))"
"""Before a token: no letter or digit, except the end of an escape in JSON that stands in a text, or in a URL."""

END = r"(?![0-9A-Za-z])"
SLASH = r"\\?/"
BACKSLASH = r"\\{1,4}"
GAP = r"[\\\"'\s]{0,4}(?:=>|[:=])[\\\"'\s]{0,6}"
"""Between a name and its value, in JSON, YAML, a shell or code."""

VALUE = r"[^\s\"'\\,;&(){}<>\[\]]"
PERSON = r"[^\s/\\\"'<>:;,|?*()\[\]{}&]+"
CALLED = (
    r"(?:api[_-]?key|(?:secret|private|subscription|signing|encryption|account)[_-]?key|(?:secret[_-]?)?access[_-]?key|"
    r"(?:client[_-]?|app[_-]?)?secret|(?:access|auth|refresh|session|bearer|api|bot|security|private|id)[_-]?token|"
    r"pass(?:word|wd|phrase)|pwd|connection[_-]?string|authorization|(?:set-)?cookie|"
    r"(?:airbrake|algolia|atlassian|azure|bitbucket|cloudflare|cohere|confluence|datadog|deepgram|discord|doppler|"
    r"elevenlabs|fastly|heroku|jira|mistral|netlify|okta|openai|snyk|square|supabase|together|twilio|voyage|wandb)"
    r"(?:[_-]\w{1,40})?[_-](?:key|token))"
)
NAMED = re.compile(rf"(?:.*[^a-z])?{CALLED}", re.IGNORECASE | re.DOTALL)
"""A key of JSON whose text value is a secret, whatever it looks like."""

TELLING = re.compile(rf"{CALLED}|token|(?:org|organi[sz]ation|project)[_-]?id", re.IGNORECASE)
"""A key of JSON that tells something of its value, so that both are looked at together."""


def token(name: str, pattern: str, *hints: str, leading: bool = True) -> Rule:
    """What its own characters tell, wherever it stands."""
    return Rule(name, re.compile(f"{START}(?:{pattern}){END}"), hints, unbroken=True, leading=leading)


def words(name: str, pattern: str, *hints: str, accept: Callable[[re.Match[str]], bool] = lambda match: True) -> Rule:
    """What the words around it tell, in capitals or not."""
    return Rule(name, re.compile(pattern, re.IGNORECASE), hints, accept=accept, ignores_case=True)


CODE = re.compile(
    r"(?:[A-Za-z_$][\w$]{0,60}(?:\.|::|->)){0,6}[A-Za-z_$][\w$]{0,60}(?=[(\[])|"  # a call, a look-up
    r"\$[A-Z_][A-Z0-9_]{0,60}(?!\w)|"  # a variable of the shell
    r"(?:process\.env|import\.meta|os\.environ|self|this|cls|settings|config|env|environ|args|params|props|options|"
    r"context|request|secrets)\.[A-Za-z_$][\w$.]{0,60}(?![^\s;,:)\]}\"'`\\])|"
    r"[A-Z][A-Za-z]{0,30}[a-z]\d{1,3}(?:[A-Z][a-z]{1,30}){1,6}(?![\w-])"  # a type, as OAuth2Token
)
"""What stands in a program where its secret would stand, and is none."""


def called(name: str, its_name: str, value: str, rest: str, *hints: str) -> Rule:
    """A value behind `=` or `:` and what it is called; searched from there, because names are made of common words.

    `value` is how the value begins, which is only looked ahead to, because it may hold a name and a value itself;
    `rest` is how it goes on.
    """
    before = re.compile(rf"(?:{its_name})[\\\"'\s]{{0,4}}$", re.IGNORECASE)
    # the lookbehind spares nearly all searches for a name: with these letters all of them end
    pattern = re.compile(rf"[:=](?<=[degnty\\\"'\s].)>?[\\\"'\s]{{0,6}}(?=(?P<secret>{value}))", re.IGNORECASE)

    def accept(match: re.Match[str]) -> bool:
        named = before.search(match.string, max(0, match.start() - LONGEST_NAME), match.start())
        return named is not None and CODE.match(match.string, match.start("secret")) is None

    return Rule(name, pattern, hints, accept=accept, ignores_case=True, rest=re.compile(rest, re.IGNORECASE))


def login(match: re.Match[str]) -> bool:
    """Whether it is USER:PASSWORD in base64, and not a word after `basic`."""
    found = match["secret"]
    try:
        return ":" in base64.b64decode(found + "=" * (-len(found) % 4), validate=True).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError):
        return False


def numbered(match: re.Match[str]) -> bool:
    """Whether a token begins with somebody's number in base64, as Discord's do."""
    found = match[0].partition(".")[0]
    try:
        return base64.urlsafe_b64decode(found + "=" * (-len(found) % 4)).isdigit() or found == "mfa"
    except binascii.Error:
        return False


def hook(match: re.Match[str]) -> bool:
    """Whether the path of a webhook is one that nobody can guess."""
    url = match.string[max(0, match.start() - LONGEST_NAME) : match.start()].split()
    return bool(url and ":/" in url[-1] and UNGUESSABLE.search(match["secret"]))


def random(match: re.Match[str]) -> bool:
    """Whether it reads as drawn by chance, and not as a long word after `bearer`."""
    return re.search(r"\d|[a-z][A-Z]|[._~+/=]\w", match["secret"]) is not None


UNGUESSABLE = re.compile(
    r"(?<![\w-])(?:(?=[A-Za-z]*\d[A-Za-z]*\d)(?=\d*[A-Za-z])[A-Za-z0-9]{16,}(?![.\w])|"
    r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}|\d{5,}/(?=[a-z]*\d)[a-z0-9]{6,})"
)
"""In the path of a URL: letters and digits drawn by chance, a UUID, a number and a short code."""
