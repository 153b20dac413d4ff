"""A corpus to compare secret scanners on: drawn secrets of many kinds, real ones of none, and lines that hold none.

Shapes are the providers' own; a kind stands here because some scanner or provider knows it, not because we do.
"""

from __future__ import annotations

import random
import string
from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass

SAMPLES = 4
"""Of each kind."""

LETTERS = string.ascii_letters
BASE62 = LETTERS + string.digits
LOWER = string.ascii_lowercase + string.digits
UPPER = string.ascii_uppercase + string.digits
HEX = "0123456789abcdef"
URL = BASE62 + "-_"
BASE64 = BASE62 + "+/"


@dataclass(frozen=True)
class Line:
    """A line of a file, with a secret of a kind or with none."""

    kind: str
    text: str
    secret: str = ""


Draw = Callable[[int, str], str]
Shape = Callable[[Draw], str]


def uuid(draw: Draw) -> str:
    return "-".join(draw(length, HEX) for length in (8, 4, 4, 4, 12))


def jwt(draw: Draw) -> str:
    return ".".join(["eyJ" + draw(33, BASE62), "eyJ" + draw(60, BASE62), draw(43, BASE62)])


TOKENS: dict[str, Shape] = {
    "1password": lambda draw: "ops_" + "eyJ" + draw(260, BASE62),
    "1password-secret-key": lambda draw: "A3" + "-" + "-".join(draw(n, UPPER) for n in (6, 6, 5, 5, 5, 5)),
    "adobe": lambda draw: "p8" + "e-" + draw(32, LOWER),
    "age": lambda draw: "AGE-" + "SECRET-KEY-1" + draw(58, "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L"),
    "airtable": lambda draw: "pa" + "t" + draw(14, BASE62) + "." + draw(64, HEX),
    "alibaba": lambda draw: "LT" + "AI" + draw(20, LOWER),
    "anthropic": lambda draw: "sk-" + "ant-api03-" + draw(93, URL) + "AA",
    "artifactory": lambda draw: "AK" + "Cp" + draw(69, BASE62),
    "atlassian": lambda draw: "ATA" + "TT3xFfGF0" + draw(180, BASE62) + "=" + draw(8, UPPER),
    "aws": lambda draw: "AK" + "IA" + draw(16, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"),
    "azure-ad": lambda draw: draw(3, BASE62) + "8Q" + "~" + draw(34, BASE62),
    "azure-openai": lambda draw: draw(52, BASE62) + "JQ" + "QJ99" + draw(26, BASE62),
    "bitbucket": lambda draw: "AT" + "BB" + draw(32, BASE62),
    "brevo": lambda draw: "xkey" + "sib-" + draw(64, HEX) + "-" + draw(16, BASE62),
    "clickhouse": lambda draw: "4b" + "1d" + draw(38, BASE62),
    "clojars": lambda draw: "CLO" + "JARS_" + draw(60, LOWER),
    "cloudflare": lambda draw: "v1" + ".0-" + draw(24, HEX) + "-" + draw(146, HEX),
    "databricks": lambda draw: "da" + "pi" + draw(32, HEX),
    "digitalocean": lambda draw: "do" + "p_v1_" + draw(64, HEX),
    "discord": lambda draw: (
        b64encode(draw(18, "123456789").encode()).decode() + "." + draw(6, BASE62) + "." + draw(38, BASE62)
    ),
    "doppler": lambda draw: "d" + "p.pt." + draw(43, BASE62),
    "duffel": lambda draw: "duf" + "fel_live_" + draw(43, URL),
    "dynatrace": lambda draw: "dt" + "0c01." + draw(24, UPPER) + "." + draw(64, UPPER),
    "easypost": lambda draw: "EZ" + "AK" + draw(54, BASE62),
    "elevenlabs": lambda draw: "s" + "k_" + draw(48, HEX),
    "facebook": lambda draw: "EA" + "AC" + draw(120, BASE62),
    "figma": lambda draw: "fi" + "gd_" + draw(40, URL),
    "flutterwave": lambda draw: "FLW" + "SECK_TEST-" + draw(12, "0123456789abcdefgh"),
    "frameio": lambda draw: "fi" + "o-u-" + draw(64, URL),
    "github": lambda draw: "gh" + "p_" + draw(36, BASE62),
    "github-fine-grained": lambda draw: "github_" + "pat_" + draw(22, BASE62) + "_" + draw(59, BASE62),
    "gitlab": lambda draw: "gl" + "pat-" + draw(20, BASE62),
    "google-api": lambda draw: "AI" + "za" + draw(35, BASE62),
    "google-ai": lambda draw: "A" + "Q.Ab8" + draw(47, BASE62),
    "google-oauth": lambda draw: "GOC" + "SPX-" + draw(28, BASE62),
    "grafana": lambda draw: "gl" + "sa_" + draw(32, BASE62) + "_" + draw(8, HEX),
    "groq": lambda draw: "gs" + "k_" + draw(52, BASE62),
    "harness": lambda draw: "pa" + "t." + draw(22, BASE62) + "." + draw(24, HEX) + "." + draw(20, BASE62),
    "heroku": lambda draw: "HR" + "KU-AA" + draw(58, BASE62),
    "hugging-face": lambda draw: "h" + "f_" + draw(34, LETTERS),
    "infracost": lambda draw: "ic" + "o-" + draw(32, BASE62),
    "jwt": jwt,
    "langsmith": lambda draw: "ls" + "v2_pt_" + draw(32, HEX) + "_" + draw(10, HEX),
    "linear": lambda draw: "lin_" + "api_" + draw(40, BASE62),
    "mailchimp": lambda draw: draw(32, HEX) + "-u" + "s12",
    "mailgun": lambda draw: "ke" + "y-" + draw(32, HEX),
    "maxmind": lambda draw: draw(6, BASE62) + "_" + draw(29, BASE62) + "_m" + "mk",
    "netlify": lambda draw: "nf" + "p_" + draw(36, BASE62),
    "newrelic": lambda draw: "NR" + "AK-" + draw(27, UPPER),
    "notion": lambda draw: "nt" + "n_" + draw(11, string.digits) + draw(35, BASE62),
    "npm": lambda draw: "np" + "m_" + draw(36, LOWER),
    "nvidia": lambda draw: "nv" + "api-" + draw(64, URL),
    "openai": lambda draw: "sk-" + draw(20, BASE62) + "T3Blb" + "kFJ" + draw(20, BASE62),
    "openai-project": lambda draw: "sk-" + "proj-" + draw(74, URL) + "T3Blb" + "kFJ" + draw(74, URL),
    "openshift": lambda draw: "sha2" + "56~" + draw(43, URL),
    "perplexity": lambda draw: "pp" + "lx-" + draw(48, BASE62),
    "planetscale": lambda draw: "psc" + "ale_tkn_" + draw(43, URL),
    "postman": lambda draw: "PM" + "AK-" + draw(24, HEX) + "-" + draw(34, HEX),
    "prefect": lambda draw: "pn" + "u_" + draw(36, LOWER),
    "pulumi": lambda draw: "pu" + "l-" + draw(40, HEX),
    "pypi": lambda draw: "py" + "pi-" + "AgEIcHlwaS5vcmc" + draw(80, URL),
    "replicate": lambda draw: "r" + "8_" + draw(37, BASE62),
    "rubygems": lambda draw: "ruby" + "gems_" + draw(48, HEX),
    "sendgrid": lambda draw: "S" + "G." + draw(22, BASE62) + "." + draw(43, BASE62),
    "sentry": lambda draw: "sn" + "tryu_" + draw(64, HEX),
    "shippo": lambda draw: "shi" + "ppo_live_" + draw(40, HEX),
    "shopify": lambda draw: "sh" + "pat_" + draw(32, HEX),
    "slack": lambda draw: "xo" + "xb-" + draw(12, "123456789") + "-" + draw(12, "123456789") + "-" + draw(24, BASE62),
    "sonar": lambda draw: "sq" + "p_" + draw(40, HEX),
    "sourcegraph": lambda draw: "sg" + "p_" + draw(16, HEX) + "_" + draw(40, HEX),
    "square": lambda draw: "EA" + "AA" + draw(60, BASE62),
    "stripe": lambda draw: "sk_" + "live_" + draw(24, BASE62),
    "supabase": lambda draw: "sb" + "p_" + draw(40, HEX),
    "telegram": lambda draw: draw(10, "123456789") + ":A" + "A" + draw(33, BASE62),
    "terraform": lambda draw: draw(14, BASE62) + ".atl" + "asv1." + draw(67, BASE62),
    "twilio": lambda draw: "S" + "K" + draw(32, HEX),
    "typeform": lambda draw: "tf" + "p_" + draw(59, BASE62),
    "vault": lambda draw: "hv" + "s." + draw(100, BASE62),
    "voyage": lambda draw: "p" + "a-" + draw(43, BASE62),
    "xai": lambda draw: "xa" + "i-" + draw(80, BASE62),
}
"""What its own characters tell."""

CONTEXTS: dict[str, tuple[str, Shape]] = {
    "algolia": ('algolia_api_key = "{}"', lambda draw: draw(32, HEX)),
    "aws-secret": ("aws_secret_access_key = {}", lambda draw: draw(40, BASE64)),
    "azure-storage": ("AccountKey={};EndpointSuffix=core", lambda draw: draw(86, BASE64) + "=="),
    "basic": ("Authorization: Basic {}", lambda draw: b64encode(f"maria:{draw(14, BASE62)}".encode()).decode()),
    "bearer": ("Authorization: Bearer {}", lambda draw: draw(40, BASE62)),
    "cohere": ('COHERE_API_KEY="{}"', lambda draw: draw(40, BASE62)),
    "confluent": ('confluent_secret = "{}"', lambda draw: draw(64, BASE62)),
    "curl": ("curl -u {} https://api.acme.test/v1", lambda draw: f"maria:{draw(16, BASE62)}"),
    "database-url": ("DATABASE_URL=postgres://{}@db.acme.test/app", lambda draw: f"maria:{draw(16, BASE62)}"),
    "datadog": ('datadog_api_key: "{}"', lambda draw: draw(40, LOWER)),
    "discord-webhook": (
        "https://discord.com/api/web" + "hooks/{}",
        lambda draw: f"1{draw(17, '0123456789')}/{draw(68, URL)}",
    ),
    "fastly": ('fastly_api_token = "{}"', lambda draw: draw(32, URL)),
    "heroku-uuid": ('heroku_api_key = "{}"', uuid),
    "mistral": ("MISTRAL_API_KEY={}", lambda draw: draw(32, BASE62)),
    "npmrc": ("//registry.npmjs.org/:_authToken={}", uuid),
    "okta": ('okta_api_token = "{}"', lambda draw: "00" + draw(40, URL)),
    "password-json": ('{{"user": "maria", "password": "{}"}}', lambda draw: draw(14, BASE62)),
    "password-yaml": ("    password: {}", lambda draw: draw(14, BASE62)),
    "secret-code": ('client_secret = "{}"', lambda draw: draw(32, BASE62)),
    "slack-webhook": (
        "https://hooks.slack" + ".com/services/{}",
        lambda draw: f"T{draw(10, UPPER)}/B{draw(10, UPPER)}/{draw(24, BASE62)}",
    ),
    "snyk": ('snyk_token = "{}"', uuid),
    "teams-webhook": (
        "https://acme.webhook.off" + "ice.com/webhookb2/{}",
        lambda draw: f"{uuid(draw)}@{uuid(draw)}/IncomingWebhook/{draw(32, HEX)}/{uuid(draw)}",
    ),
    "telegram-url": (
        "https://api.telegram.org/bot{}/getMe",
        lambda draw: draw(10, "123456789") + ":A" + "A" + draw(33, BASE62),
    ),
    "travis": ('travis_token = "{}"', lambda draw: draw(22, BASE62)),
    "twitch": ('twitch_client_secret = "{}"', lambda draw: draw(30, LOWER)),
    "url-signature": ("https://acme.test/blob?se=2026&sig={}", lambda draw: draw(43, BASE62) + "%3D"),
}
"""What stands around them tells."""

INNOCENT = (
    "The court sentenced the flag bearer, 24, and the secret came out in 2019.",
    "He said the basic principles of the password policy had not changed since 1998.",
    "A cookie: the best of 2024. Token: none. Password: required.",
    "The key to the city, worth 1,000,000 dollars, was handed to the mayor on 12 May 2021.",
    "const apiKey = process.env.KEY;",
    "const apiKey = process.env.API_KEY_2;",
    'api_key = os.environ["OPENAI_API_KEY"]',
    'token = os.getenv("GITHUB_TOKEN_2")',
    "digest = hashlib.sha256(text.encode()).hexdigest()",
    "secret = hashlib.sha256(password.encode()).digest()",
    "password = getpass.getpass2(prompt)",
    "access_token: OAuth2Token | None = None",
    "token: ${{ secrets.GITHUB_TOKEN }}",
    "export API_KEY=$API_KEY_2",
    "password=${DB_PASSWORD_1}",
    "def authenticate(self, password: str, token: str = '') -> None:",
    "self.client_secret = settings.client_secret_v2",
    "if token == expected_token_2: return True",
    "max_tokens = 4096, prompt_tokens = 12345678",
    '{"token": "Hello", "logprob": -0.123456}',
    "next_page_token=CAUQAA",
    "commit 7f3a9c1e5b8d20467f3a9c1e5b8d20469c1e5b8d",
    "https://git.example/acme/app/commit/7f3a9c1e5b8d20467f3a9c1e5b8d20469c1e5b8d",
    "uses: actions/checkout@7f3a9c1e5b8d20467f3a9c1e5b8d20469c1e5b8d # v4",
    "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    '"sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",',
    "FROM python@sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    '"id": "123e4567-e89b-12d3-a456-426614174000"',
    "request_id=123e4567-e89b-12d3-a456-426614174000 took 12 ms",
    "md5 9e107d9d372bb6826bd81d3542a419d6  file.txt",
    "cache-key-9e107d9d372bb6826bd81d3542a419d6",
    '<script src="/assets/main.7f3a9c1e5b8d2046.js"></script>',
    '<link href="/app-aB3dE5gH.css" rel="stylesheet">',
    '"integrity": "sha512-z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg/SpIdNs6c5H0NE8XYXysP+DGNKHfuwvY7kxvUdBeoGlODJ6+SfaPg=="',
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB3dE5gH7jK9mN1pQ2rS4tU6vW8xY0zLaB3dE5gH7jK9 ci",
    "-----BEGIN PUBLIC KEY-----",
    "-----BEGIN CERTIFICATE-----",
    "https://docs.example/webhooks/webhook-events-and-payloads-2024",
    "https://news.example/sports?page=2&limit=1&after=12345678",
    "http://127.0.0.1:8017/v1/chat/completions",
    "git@github.com:stanfordnlp/dspy.git",
    "postgres://localhost:5432/app",
    "mask-based, task-oriented desk-research-for-the-long-run",
    "sk-learn-contrib-extensions-for-pipelines",
    "ftjob-abc123DEF456ghi789JKL012 file-abc123DEF456ghi789",
    "chatcmpl-9abc123DEF456ghi789JKL012mno",
    "import { useAuthToken2 } from './hooks/useAuthToken2';",
    "password: {type: string, minLength: 12}",
    "api_key: str = Field(min_length=20, max_length=40)",
    "Enter your API key (40 characters) at https://acme.example/account2",
    "version = 3.11.7+dfsg1-10ubuntu2.1",
    "2026-01-31T12:34:56.789012Z INFO worker-7f3a9c1e5b-xk2p9 started",
    "k8s pod news-api-7d9f8b6c5d-x2v4q is ready",
    "fp_50cad350e4 req_0123456789abcdef0123456789abcdef",
    "color: #7f3a9c; background: #1e5b8d",
    "0x7f3a9c1e5b8d2046 <object at 0x7f8a1c2b3d4e>",
    "lorem = 'The quick brown fox jumps over the lazy dog 1234567890'",
    "openai/gpt-4o-mini-2024-07-18 ft:gpt-4o-mini-2024-07-18:personal::Ab12Cd34",
    "np.dot(a, b) @ c; key % 20 == 0 and token != 'x'",
)


def lines() -> Iterator[Line]:
    """Secrets, `SAMPLES` of each kind, in code; then what is innocent. The same at every call."""
    chance = random.Random(14)

    def draw(length: int, alphabet: str) -> str:
        return "".join(chance.choice(alphabet) for _ in range(length))

    places = (
        '{0} = "{1}"',
        "the answer was {1} and so on",
        '{{"said": "{1}"}}',
        "curl -H 'X-Auth: {1}' https://acme.test",
    )
    for kind, shape in TOKENS.items():
        for number in range(SAMPLES):
            secret = shape(draw)
            yield Line(kind, places[number % len(places)].format("value", secret), secret)
    for kind, (text, shape) in CONTEXTS.items():
        for _ in range(SAMPLES):
            secret = shape(draw)
            yield Line(kind, text.format(secret), secret)
    yield from (Line("innocent", text) for text in INNOCENT)
