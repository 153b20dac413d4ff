"""What a secret looks like: one table, read before anything is written."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Callable
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


UNBROKEN = 15
LONGEST_NAME = 60
"""Characters before a value in which its name is looked for."""

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
    r"(?:azure|cohere|mistral|openai|twilio|wandb|together|voyage|deepgram|elevenlabs)(?:[_-]\w+)?[_-](?:key|token))"
)
NAMED = re.compile(rf"(?:.*[^a-z])?{CALLED}", re.IGNORECASE | re.DOTALL)
"""A key of JSON whose text value is a secret, whatever it looks like."""

TELLING = re.compile(rf"{CALLED}|token|(?:org|organi[sz]ation|project)[_-]?id", re.IGNORECASE)
"""A key of JSON that tells something of its value, so that both are looked at together."""

AWS_IDS = ("AKIA", "ASIA", "ABIA", "ACCA", "AGPA", "AIDA", "AROA", "AIPA", "ANPA", "ANVA")
OWN_NAMES = {"distillgate", "personal"}
"""Organisations in names of tuned models that identify nobody: the local endpoint's, and of an account without one."""


def _token(name: str, pattern: str, *hints: str) -> Rule:
    return Rule(name, re.compile(f"{START}(?:{pattern}){END}"), hints, unbroken=True)


def _words(name: str, pattern: str, *hints: str, accept: Callable[[re.Match[str]], bool] = lambda match: True) -> Rule:
    return Rule(name, re.compile(pattern, re.IGNORECASE), hints, accept=accept, ignores_case=True)


def _called(name: str, called: str, value: str, *hints: str) -> Rule:
    """A value behind `=` or `:` and what it is called; searched from there, because names are made of common words.

    The value is only looked ahead to: it may hold a name and a value itself.
    """
    before = re.compile(rf"(?:{called})[\\\"'\s]{{0,4}}$", re.IGNORECASE)
    pattern = re.compile(rf"[:=]>?[\\\"'\s]{{0,6}}(?=(?P<secret>{value}))", re.IGNORECASE)

    def accept(match: re.Match[str]) -> bool:
        return before.search(match.string, max(0, match.start() - LONGEST_NAME), match.start()) is not None

    return Rule(name, pattern, hints, accept=accept, ignores_case=True)


def _login(match: re.Match[str]) -> bool:
    """Whether it is USER:PASSWORD in base64, and not a word after `basic`."""
    found = match["secret"]
    try:
        return ":" in base64.b64decode(found + "=" * (-len(found) % 4), validate=True).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError):
        return False


def _random(match: re.Match[str]) -> bool:
    """Whether it reads as drawn by chance, and not as a long word after `bearer`."""
    return re.search(r"\d|[a-z][A-Z]|[._~+/=]\w", match["secret"]) is not None


PRIVATE_KEY = Rule(
    "private-key",
    re.compile(
        r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----"
        r"(?:[\s\S]{0,20000}?-----END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----|(?:\s|\\+[nr]|[A-Za-z0-9+/=]{16,})*)"
    ),
    ("PRIVATE KEY",),
    replaceable=False,  # who needs to record a private key has put one where it must not be
)
TUNED_MODEL = Rule(
    "organization",
    re.compile(rf"{START}ft:[\w.-]+:(?P<secret>[\w-]+)(?=:[\w.-]*:[\w-]+)"),
    ("ft:",),
    returned=True,  # it is a part of the name by which the tuned model is called
    accept=lambda match: match["secret"] not in OWN_NAMES,
)

# Shapes as the providers document them or their keys show them; specific ones stand before general ones.
RULES: tuple[Rule, ...] = (
    PRIVATE_KEY,
    _token("anthropic-key", r"sk-ant-[\w-]{16,}", "sk-ant-"),
    _token("openrouter-key", r"sk-or-(?:v\d-)?[0-9a-f]{32,}", "sk-or-"),
    _token("langfuse-key", r"[sp]k-lf-[0-9a-f-]{36}", "k-lf-"),
    _token(
        "openai-key",
        r"sk-(?:(?:proj|svcacct|admin|service|None)-[\w*-]{12,}|(?=[A-Za-z]*\d)[A-Za-z0-9]{20,}|"
        r"(?=[\w-]*\d)(?=[\w-]*[A-Z])[\w-]{20,}|[\w-]*\*{3,}\w*)",
        "sk-",
    ),
    _token("organization", r"org-(?=[a-z]*[0-9A-Z])[A-Za-z0-9]{20,}", "org-"),
    _token("project", r"proj_[A-Za-z0-9]{16,}", "proj_"),
    TUNED_MODEL,
    _token("google-api-key", r"AIza[\w-]{30,45}", "AIza"),
    _token("google-oauth-token", r"ya29\.[\w.-]{20,}|1//0[\w-]{20,}", "ya29.", "1//0"),
    _token("google-oauth-secret", r"GOCSPX-[\w-]{20,}", "GOCSPX-"),
    _token("google-client-id", r"\d{6,}-[a-z0-9]{20,}\.apps\.googleusercontent\.com", ".googleusercontent."),
    _token("aws-access-key-id", rf"(?:{'|'.join(AWS_IDS)})[A-Z0-9]{{16}}", *AWS_IDS),
    _token(
        "aws-bedrock-key", r"ABSK[A-Za-z0-9+/]{40,}={0,2}|bedrock-api-key-[\w+/=-]{20,}", "ABSK", "bedrock-api-key-"
    ),
    _called("aws-secret-key", r"secret[_-]?(?:access[_-]?)?key", r"[A-Z0-9/+]{40}(?![A-Z0-9/+=])", "secret"),
    _token("azure-key", r"[A-Za-z0-9]{40,60}JQQJ99[A-Za-z0-9]{10,40}", "JQQJ99"),
    _token("azure-client-secret", r"[\w.~-]{3}\dQ~[\w.~-]{30,40}", "Q~"),
    _words("azure-storage-key", r"AccountKey=(?P<secret>[A-Z0-9+/]{40,}={0,2})", "accountkey="),
    _token("hugging-face-token", r"hf_[A-Za-z0-9]{30,}|api_org_[A-Za-z0-9]{30,}", "hf_", "api_org_"),
    _token(
        "github-token",
        r"gh[pousr]_[A-Za-z0-9]{30,}|github_pat_\w{40,}",
        "ghp_",
        "gho_",
        "ghu_",
        "ghs_",
        "ghr_",
        "github_pat_",
    ),
    _token("gitlab-token", r"gl(?:pat|oas|dt|rt|rtr|cbt|ptt|ft|imt|agent|soat|ffct)-[\w.-]{20,}", "gl"),
    _token("slack-token", r"xox[abceoprs][.-][\w.-]{10,}|xapp-\d-[\w-]{10,}", "xox", "xapp-"),
    _words("slack-webhook", r"hooks\.slack(?:-gov)?\.com/\w+/(?P<secret>[\w/-]{8,})", "hooks.slack"),
    _words("discord-webhook", r"discord(?:app)?\.com/api/webhooks/(?P<secret>\d+/[\w-]{20,})", "/api/webhooks/"),
    _token("telegram-token", r"\d{8,10}:AA[\w-]{33}", ":AA"),
    _token(
        "stripe-key", r"[rs]k_(?:live|test)_[A-Za-z0-9]{10,}|whsec_[A-Za-z0-9+/=]{20,}", "k_live_", "k_test_", "whsec_"
    ),
    _token("twilio-key", r"(?:AC|SK)[0-9a-f]{32}", "AC", "SK"),
    _token("sendgrid-key", r"SG\.[\w-]{16,}\.[\w-]{16,}", "SG."),
    _token("mailgun-key", r"key-[0-9a-f]{32}", "key-"),
    _token("mailchimp-key", r"[0-9a-f]{32}-us\d{1,2}", "-us"),
    _token("npm-token", r"npm_[A-Za-z0-9]{36}", "npm_"),
    _token("pypi-token", r"pypi-[\w-]{50,}", "pypi-"),
    _token("docker-token", r"dckr_[op]at_[\w-]{20,}", "dckr_"),
    _token("databricks-token", r"(?:dapi|dose)[0-9a-f]{32}(?:-\d)?", "dapi", "dose"),
    _token("replicate-token", r"r8_[A-Za-z0-9]{30,}", "r8_"),
    _token("groq-key", r"gsk_[A-Za-z0-9]{30,}", "gsk_"),
    _token("xai-key", r"xai-[A-Za-z0-9]{40,}", "xai-"),
    _token("perplexity-key", r"pplx-[A-Za-z0-9]{30,}", "pplx-"),
    _token("nvidia-key", r"nvapi-[\w-]{40,}", "nvapi-"),
    _token("cerebras-key", r"csk-[a-z0-9]{30,}", "csk-"),
    _token("fireworks-key", r"fw_[A-Za-z0-9]{20,}", "fw_"),
    _token("together-key", r"tgp_v1_[\w-]{30,}", "tgp_v1_"),
    _token("pinecone-key", r"pcsk_\w{30,}", "pcsk_"),
    _token("tavily-key", r"tvly-[\w-]{20,}", "tvly-"),
    _token("jina-key", r"jina_\w{30,}", "jina_"),
    _token("langsmith-key", r"lsv2_(?:pt|sk)_[0-9a-f]{32}_[0-9a-f]{10}|ls__[0-9a-f]{32}", "lsv2_", "ls__"),
    _token("digitalocean-token", r"do[opr]_v1_[0-9a-f]{64}", "_v1_"),
    _token("shopify-token", r"shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}", "shp"),
    _token("linear-key", r"lin_api_[A-Za-z0-9]{30,}", "lin_api_"),
    _token("notion-token", r"ntn_[A-Za-z0-9]{40,}|secret_[A-Za-z0-9]{43}", "ntn_", "secret_"),
    _token("vault-token", r"hv[bsr]\.[\w-]{24,}", "hvs.", "hvb.", "hvr."),
    _token("grafana-token", r"glsa_[A-Za-z0-9]{32}_[0-9a-fA-F]{8}|glc_[A-Za-z0-9+/=]{32,}", "glsa_", "glc_"),
    _token("sentry-token", r"sntry[su]_[\w+/=-]{30,}", "sntry"),
    _token("figma-token", r"figd_[\w-]{30,}", "figd_"),
    _token("airtable-token", r"pat[A-Za-z0-9]{14}\.[0-9a-f]{64}", "pat"),
    _token("postman-key", r"PMAK-[0-9a-f]{24}-[0-9a-f]{34}", "PMAK-"),
    _token("age-key", r"AGE-SECRET-KEY-1[0-9A-Z]{50,}", "AGE-SECRET-KEY-"),
    _token("jwt", r"eyJ[\w-]{6,}\.[\w-]{6,}(?:\.[\w-]*){0,3}", "eyJ"),
    # what stands around a secret tells it
    _words("url-password", r"(?<=://)(?P<secret>[^\s/@\"'\\<>?#:]*:[^\s/\"'\\<>?#]+|[\w.-]{16,})(?=@)", "://"),
    _words(
        "url-query",
        r"[?&;](?:(?:api|access|subscription)?[_-]?key|(?:access|auth|id|refresh|session)?[_-]?token|sig|signature|auth|"
        r"(?:client)?[_-]?secret|password|pwd|x-(?:amz|goog)-(?:signature|credential|security-token))="
        r"(?P<secret>[^&#\s\"'\\<>]+)",
        "=",
    ),
    _words(
        "authorization",
        rf"authorization{GAP}(?:bearer|basic|token|digest)(?:\s|%20|\+)+(?P<secret>{VALUE}{{4,}})",
        "authoriz",
    ),
    _words("bearer-token", rf"{START}bearer(?:%20|[\s:=+\"'])+(?P<secret>[\w.~+/=-]{{16,}})", "bearer", accept=_random),
    _words("basic-login", rf"{START}basic(?:%20|[\s+])+(?P<secret>[A-Z0-9+/]{{6,}}={{0,2}})", "basic", accept=_login),
    _words(
        "cookie",
        rf"(?:set-)?cookie2?{GAP}(?P<secret>[\w.-]+=(?:\\*\"[^\"\\\r\n]*\\*\"|[^\"'\\\r\n]+)*)",
        "cookie",
    ),
    _words(
        "session-cookie",
        rf"{START}(?:session(?:id)?|jsessionid|phpsessid|__cf_bm|_cfuvid|cf_clearance|csrftoken|connect\.sid)="
        r"(?P<secret>[^\s\"'\\;,\[]{8,})",
        *("session=", "sessionid=", "sessid=", "__cf_bm=", "_cfuvid=", "cf_clearance=", "csrftoken=", "connect.sid="),
    ),
    _called(
        "named-secret",
        CALLED,
        rf"(?={VALUE}*\d){VALUE}{{8,}}",
        *("key", "secret", "token", "passw", "passphrase", "pwd", "connection", "authorization", "cookie"),
    ),
    _called(
        "named-secret",
        r"(?<!page)(?<!next)(?<!page[_-])(?<!next[_-])token",
        rf"(?={VALUE}*\d)(?={VALUE}*[a-z]){VALUE}{{20,}}",
        "token",
    ),
    _called(
        "organization",
        r"(?:org|organi[sz]ation)[_-]?id",
        r"(?=[\w-]*\d)[\w-]{6,}",
        *("org_id", "org-id", "orgid", "ation_id", "ation-id", "ationid"),
    ),
    _called("project", r"project[_-]?id", r"(?=[\w-]*\d)[\w-]{6,}", *("project_id", "project-id", "projectid")),
    _words(
        "email",
        r"(?<![\w.%+-])(?:(?<=\\)[nrtbfu])?(?P<secret>[\w.%+-]+@(?:[\w-]+\.)+[a-z]{2,})",
        "@",
        accept=lambda match: not match["secret"].startswith("git@"),
    ),
    Rule(
        "home-path",
        re.compile(
            rf"(?:(?<![\w.])|(?<=/[a-z])|(?<=/var)|(?<=/export)|(?<=\\[nrtbf])|(?<=%[0-9A-Fa-f]{{2}})){SLASH}(?:home|Users){SLASH}(?P<secret>{PERSON})"
        ),
        ("/home", "/Users"),
        accept=lambda match: match["secret"] not in ("Shared", "Public"),
    ),
    # the name of an uploaded file, whose backslashes are taken for escapes
    Rule("home-path", re.compile(r"\b[A-Z]:Users(?P<secret>[^\s\\/\"']+)"), (":Users",)),
    _words(
        "home-path",
        rf"(?:\b[A-Z]:/|{BACKSLASH})(?:users|documents and settings)(?:{BACKSLASH}|/)"
        rf"(?P<secret>{PERSON}(?: {PERSON}){{0,3}}(?=\\|/)|{PERSON})",
        *("users\\", "users/", "documents and settings"),
        accept=lambda match: match["secret"].lower() not in ("public", "default"),
    ),
)


def version() -> str:
    """Changes with every rule, so that a tape can tell which ones it was written under."""
    written = "\n".join(f"{rule.name} {rule.pattern.flags} {rule.pattern.pattern} {rule.returned}" for rule in RULES)
    return hashlib.sha256(written.encode()).hexdigest()[:12]
