"""Secrets to plant: one of each kind, drawn from no real account and spelt in pieces that no scanner takes for one."""

from __future__ import annotations

import base64
import itertools
from dataclasses import dataclass
from urllib.parse import quote


@dataclass(frozen=True)
class Planted:
    """A text with a secret in it."""

    rule: str
    """The rule that is to find it."""

    text: str
    secret: str
    """The part of the text that must not survive."""

    def survives(self, content: str) -> bool:
        """Whether the secret can be read in `content`, as it is or as a URL writes it."""
        return self.secret in content or quote(self.secret, safe="") in content


def drawn(length: int, alphabet: str = "aB3dE5gH7jK9mN1pQ2rS4tU6vW8xY0zL") -> str:
    """Characters that look as if drawn by chance."""
    return "".join(itertools.islice(itertools.cycle(alphabet), length))


def hexadecimal(length: int) -> str:
    """The same in hexadecimal."""
    return drawn(length, "7f3a9c1e5b8d2046")


JWT = ".".join(["eyJ" + drawn(20), "eyJ" + drawn(40), drawn(43)])
UUID = "-".join([hexadecimal(8), *[hexadecimal(4)] * 3, hexadecimal(12)])
UPPER = "Q3RT7YU2IOP5ASDF"
PRIVATE_KEY = "\n".join(
    [
        "-----BEGIN RSA " + "PRIVATE KEY-----",
        drawn(64),
        drawn(48, "Zy9Xw8Vu7Ts6Rq5P") + "==",
        "-----END RSA PRIVATE KEY-----",
    ]
)


def _token(rule: str, *pieces: str) -> Planted:
    token = "".join(pieces)
    return Planted(rule, f"it was {token}, they said", token)


KINDS = {
    "openai": _token("openai-key", "sk-", drawn(48)),
    "openai-project-key": _token("openai-key", "sk-", "proj-", drawn(60), "-_", drawn(30)),
    "openai-service-account": _token("openai-key", "sk-", "svcacct-", drawn(50)),
    "openai-masked": _token("openai-key", "sk-", "proj-", "*" * 20, "aB3d"),
    "openai-organisation": _token("organization", "org-", drawn(24)),
    "openai-project": _token("project", "proj_", drawn(24)),
    "anthropic": _token("anthropic-key", "sk-ant-", "api03-", drawn(90), "AA"),
    "openrouter": _token("openrouter-key", "sk-or-", "v1-", hexadecimal(64)),
    "google-api": _token("google-api-key", "AI", "za", drawn(35)),
    "google-oauth": _token("google-oauth-token", "ya", "29.", drawn(60)),
    "google-client-secret": _token("google-oauth-secret", "GOC", "SPX-", drawn(28)),
    "aws-id": _token("aws-access-key-id", "AK", "IA", UPPER),
    "aws-temporary-id": _token("aws-access-key-id", "AS", "IA", UPPER),
    "aws-secret": Planted("aws-secret-key", f"aws_secret_access_key = {drawn(40)}", drawn(40)),
    "azure-openai": _token("azure-key", drawn(52), "JQ", "QJ99", drawn(26)),
    "azure-client": _token("azure-client-secret", "aB3", "8Q", "~", drawn(34)),
    "azure-storage": Planted("azure-storage-key", f"AccountKey={drawn(86)}==;EndpointSuffix=x", f"{drawn(86)}=="),
    "azure-in-context": Planted("named-secret", f"AZURE_OPENAI_API_KEY={hexadecimal(32)}", hexadecimal(32)),
    "hugging-face": _token("hugging-face-token", "h", "f_", drawn(34)),
    "github": _token("github-token", "gh", "p_", drawn(36)),
    "github-oauth": _token("github-token", "gh", "o_", drawn(36)),
    "github-fine-grained": _token("github-token", "github_", "pat_", drawn(22), "_", drawn(59)),
    "gitlab": _token("gitlab-token", "gl", "pat-", drawn(20)),
    "slack-bot": _token("slack-token", "xo", "xb-", "1234567890-", drawn(24)),
    "slack-webhook": Planted(
        "slack-webhook", "https://hooks.slack" + f".com/services/T1234/B5678/{drawn(24)}", f"T1234/B5678/{drawn(24)}"
    ),
    "stripe": _token("stripe-key", "sk_", "live_", drawn(24)),
    "twilio": _token("twilio-key", "S", "K", hexadecimal(32)),
    "sendgrid": _token("sendgrid-key", "S", "G.", drawn(22), ".", drawn(43)),
    "mailgun": _token("mailgun-key", "ke", "y-", hexadecimal(32)),
    "npm": _token("npm-token", "np", "m_", drawn(36)),
    "pypi": _token("pypi-token", "py", "pi-", "AgEIcHlwaS5vcmc", drawn(80)),
    "docker": _token("docker-token", "dckr", "_pat_", drawn(27)),
    "databricks": _token("databricks-token", "da", "pi", hexadecimal(32)),
    "replicate": _token("replicate-token", "r", "8_", drawn(37)),
    "groq": _token("groq-key", "gs", "k_", drawn(52)),
    "xai": _token("xai-key", "xa", "i-", drawn(80)),
    "perplexity": _token("perplexity-key", "pp", "lx-", drawn(48)),
    "nvidia": _token("nvidia-key", "nv", "api-", drawn(64)),
    "langsmith": _token("langsmith-key", "ls", "v2_pt_", hexadecimal(32), "_", hexadecimal(10)),
    "telegram": _token("telegram-token", "123456789", ":A", "A", drawn(33)),
    "telegram-in-a-url": Planted(
        "telegram-token", f"https://api.telegram.org/bot123456789:AA{drawn(33)}/getMe", f"123456789:AA{drawn(33)}"
    ),
    "google-ai": _token("google-api-key", "A", "Q.", "Ab8", drawn(47)),
    "atlassian": _token("atlassian-token", "ATA", "TT3xFfGF0", drawn(170), "=A1B2C3D4"),
    "bitbucket": _token("atlassian-token", "AT", "BB", drawn(32)),
    "discord": _token("discord-token", base64.b64encode(b"123456789012345678").decode(), ".", drawn(6), ".", drawn(38)),
    "1password": _token("1password-key", "ops_", "eyJ", drawn(250)),
    "1password-secret-key": _token("1password-key", "A", "3-ASWWYB-798JRYLJVD4-", "23DC2-86TVM-H43EB"),
    "heroku": _token("heroku-key", "HR", "KU-AA", drawn(58)),
    "heroku-in-context": Planted("named-secret", f"HEROKU_API_KEY={UUID}", UUID),
    "netlify": _token("netlify-token", "nf", "p_", drawn(36)),
    "supabase": _token("supabase-key", "sb", "p_", hexadecimal(40)),
    "supabase-secret": _token("supabase-key", "sb_", "secret_", drawn(31)),
    "voyage": _token("voyage-key", "p", "a-", drawn(43)),
    "elevenlabs": _token("elevenlabs-key", "s", "k_", hexadecimal(48)),
    "doppler": _token("doppler-token", "d", "p.st.dev.", drawn(43)),
    "square": _token("square-token", "EA", "AA", drawn(60)),
    "square-secret": _token("square-token", "sq", "0csp-", drawn(43)),
    "teams-webhook": Planted(
        "teams-webhook", "https://acme.webhook.off" + f"ice.com/webhookb2/{UUID}@{UUID}/I/x", f"{UUID}@{UUID}/I/x"
    ),
    "discord-webhook": Planted(
        "discord-webhook", "https://discord.com/api/web" + f"hooks/1234567890/{drawn(68)}", f"1234567890/{drawn(68)}"
    ),
    "zapier-webhook": Planted(
        "webhook", "https://hooks.zap" + "ier.com/hooks/catch/1234567/ab3c9d1/", "hooks/catch/1234567/ab3c9d1/"
    ),
    "own-webhook": Planted("webhook", f"https://ci.example/webhook/{drawn(24)}", drawn(24)),
    "curl-login": Planted("curl-login", "curl -s -u maria:swordfish https://api.example", "maria:swordfish"),
    "cohere-in-context": Planted("named-secret", f'COHERE_API_KEY="{drawn(40)}"', drawn(40)),
    "mistral-in-context": Planted("named-secret", f"mistral_key: {drawn(32)}", drawn(32)),
    "password-in-context": Planted("named-secret", "password: hunter2-swordfish", "hunter2-swordfish"),
    "jwt": _token("jwt", JWT),
    "bearer": Planted("bearer-token", f"Bearer {drawn(32)}", drawn(32)),
    "authorisation": Planted("authorization", "Authorization: Bearer opensesame", "opensesame"),
    "basic": Planted(
        "basic-login",
        "Basic " + base64.b64encode(b"maria:swordfish").decode(),
        base64.b64encode(b"maria:swordfish").decode(),
    ),
    "url-with-password": Planted("url-password", "postgres://maria:sword-fish@db.example/x", "maria:sword-fish"),
    "url-with-key": Planted("url-query", "https://api.example/v1/x?alt=json&key=opensesame1", "opensesame1"),
    "set-cookie": Planted("cookie", "Set-Cookie: sid=open-sesame; Path=/; HttpOnly", "open-sesame"),
    "cookie": Planted("cookie", "cookie: theme=dark; sid=open-sesame", "open-sesame"),
    "session": Planted("session-cookie", "JSESSIONID=0A1B2C3D4E5F", "0A1B2C3D4E5F"),
    "e-mail": Planted("email", "write to maria.kowal@mail.example, please", "maria.kowal@mail.example"),
    "linux-home": Planted("home-path", 'File "/home/kowalczyk/work/run.py", line 3', "kowalczyk"),
    "mac-home": Planted("home-path", "/Users/kowalczyk/work/run.py", "kowalczyk"),
    "windows-home": Planted("home-path", r"C:\Users\kowalczyk\work\run.py", "kowalczyk"),
    "windows-home-with-space": Planted("home-path", r"C:\Users\Maria Kowalczyk\run.py", "Kowalczyk"),
    "tuned-model": Planted("organization", "ft:gpt-4o-mini-2024-07-18:kowalczyk-labs:news:Ab12Cd34", "kowalczyk-labs"),
    "organisation-in-context": Planted("organization", "organization_id: kowalczyk-42", "kowalczyk-42"),
    "project-in-context": Planted("project", "project_id=kowalczyk-42", "kowalczyk-42"),
}
"""What may be replaced, by kind."""
