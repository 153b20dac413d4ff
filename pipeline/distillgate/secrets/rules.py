"""What secrets look like: one table, read before anything is written."""

from __future__ import annotations

import hashlib
import re

from distillgate.secrets.shape import (
    BACKSLASH,
    CALLED,
    END,
    GAP,
    PERSON,
    SLASH,
    START,
    VALUE,
    Rule,
    called,
    hook,
    login,
    numbered,
    random,
    token,
    words,
)

AWS_IDS = ("AKIA", "ASIA", "ABIA", "ACCA", "AGPA", "AIDA", "AROA", "AIPA", "ANPA", "ANVA")
OWN_NAMES = {"distillgate", "personal"}
"""Organisations in names of tuned models that identify nobody: the local endpoint's, and of an account without one."""

PRIVATE_KEY = Rule(
    "private-key",
    re.compile(
        r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----"
        r"(?:(?:[^-]|-(?!----)){0,20000}+-----END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----|"
        r"(?:\s|\\{1,20}[nr]|[A-Za-z0-9+/=]{16,})*)"
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
    token("anthropic-key", r"sk-ant-[\w-]{16,}", "sk-ant-"),
    token("openrouter-key", r"sk-or-(?:v\d-)?[0-9a-f]{32,}", "sk-or-"),
    token("langfuse-key", r"[sp]k-lf-[0-9a-f-]{36}", "k-lf-", leading=False),
    token(
        "openai-key",
        r"sk-(?:(?:proj|svcacct|admin|service|None)-[\w*-]{12,}|(?=[A-Za-z]*\d)[A-Za-z0-9]{20,}|"
        r"(?=[\w-]{0,200}\d)(?=[\w-]{0,200}[A-Z])[\w-]{20,}|[\w-]{0,80}\*{3,}\w*)",
        "sk-",
    ),
    token("organization", r"org-(?=[a-z]*[0-9A-Z])[A-Za-z0-9]{20,}", "org-"),
    token("project", r"proj_[A-Za-z0-9]{16,}", "proj_"),
    TUNED_MODEL,
    token("google-api-key", r"AIza[\w-]{30,45}|AQ\.(?=[\w-]{0,60}\d)[A-Za-z][\w-]{30,}", "AIza", "AQ."),
    token("google-oauth-token", r"ya29\.[\w.-]{20,}|1//0[\w-]{20,}", "ya29.", "1//0"),
    token("google-oauth-secret", r"GOCSPX-[\w-]{20,}", "GOCSPX-"),
    token(
        "google-client-id", r"\d{6,}-[a-z0-9]{20,}\.apps\.googleusercontent\.com", ".googleusercontent.", leading=False
    ),
    token("aws-access-key-id", rf"(?:{'|'.join(AWS_IDS)})[A-Z0-9]{{16}}", *AWS_IDS),
    token("aws-bedrock-key", r"ABSK[A-Za-z0-9+/]{40,}={0,2}|bedrock-api-key-[\w+/=-]{20,}", "ABSK", "bedrock-api-key-"),
    called("aws-secret-key", r"secret[_-]?(?:access[_-]?)?key", r"[A-Z0-9/+]{40}(?![A-Z0-9/+=])", "", "secret"),
    token("azure-key", r"[A-Za-z0-9]{40,60}JQQJ99[A-Za-z0-9]{10,40}", "JQQJ99", leading=False),
    token("azure-client-secret", r"[\w.~-]{3}\dQ~[\w.~-]{30,40}", "Q~", leading=False),
    words("azure-storage-key", r"AccountKey=(?P<secret>[A-Z0-9+/]{40,}={0,2})", "accountkey="),
    token("hugging-face-token", r"hf_[A-Za-z0-9]{30,}|api_org_[A-Za-z0-9]{30,}", "hf_", "api_org_"),
    token(
        "github-token",
        r"gh[pousr]_[A-Za-z0-9]{30,}|github_pat_\w{40,}",
        "ghp_",
        "gho_",
        "ghu_",
        "ghs_",
        "ghr_",
        "github_pat_",
    ),
    token("gitlab-token", r"gl(?:pat|oas|dt|rt|rtr|cbt|ptt|ft|imt|agent|soat|ffct)-[\w.-]{20,}", "gl"),
    token("slack-token", r"xox[abceoprs][.-][\w.-]{10,}|xapp-\d-[\w-]{10,}", "xox", "xapp-"),
    words("slack-webhook", r"hooks\.slack(?:-gov)?\.com/\w+/(?P<secret>[\w/-]{8,})", "hooks.slack"),
    words("discord-webhook", r"discord(?:app)?\.com/api/webhooks/(?P<secret>\d+/[\w-]{20,})", "/api/webhooks/"),
    token("telegram-token", r"(?:(?<=/)bot)?(?P<secret>\d{8,10}:AA[\w-]{33})", ":AA", leading=False),
    words(
        "teams-webhook",
        r"(?:\.webhook\.office\.com/webhookb2|outlook\.office(?:365)?\.com/webhook)/(?P<secret>[\w@/-]{20,})",
        "office",
    ),
    words("webhook", r"hooks?[\w.-]{0,40}/(?P<secret>[\w~./-]{12,})", "hook", accept=hook),
    token(
        "stripe-key",
        r"[rs]k_(?:live|test|prod)_[A-Za-z0-9]{10,}|whsec_[A-Za-z0-9+/=]{20,}",
        *("rk_live_", "rk_test_", "rk_prod_", "sk_live_", "sk_test_", "sk_prod_", "whsec_"),
    ),
    token("twilio-key", r"(?:AC|SK)[0-9a-f]{32}", "AC", "SK"),
    token("sendgrid-key", r"SG\.[\w-]{16,}\.[\w-]{16,}", "SG."),
    token("mailgun-key", r"(?<![\w-])(?:pub)?key-[0-9a-f]{32}", "key-", leading=False),
    token("mailchimp-key", r"[0-9a-f]{32}-us\d{1,2}", "-us", leading=False),
    token("npm-token", r"npm_[A-Za-z0-9]{36}", "npm_"),
    token("pypi-token", r"pypi-[\w-]{50,}", "pypi-"),
    token("docker-token", r"dckr_[op]at_[\w-]{20,}", "dckr_"),
    token("databricks-token", r"(?:dapi|dose)[0-9a-f]{32}(?:-\d)?", "dapi", "dose"),
    token("replicate-token", r"r8_[A-Za-z0-9]{30,}", "r8_"),
    token("groq-key", r"gsk_[A-Za-z0-9]{30,}", "gsk_"),
    token("xai-key", r"xai-[A-Za-z0-9]{40,}", "xai-"),
    token("perplexity-key", r"pplx-[A-Za-z0-9]{30,}", "pplx-"),
    token("nvidia-key", r"nvapi-[\w-]{40,}", "nvapi-"),
    token("cerebras-key", r"csk-[a-z0-9]{30,}", "csk-"),
    token("fireworks-key", r"fw_[A-Za-z0-9]{20,}", "fw_"),
    token("together-key", r"tgp_v1_[\w-]{30,}", "tgp_v1_"),
    token("pinecone-key", r"pcsk_\w{30,}", "pcsk_"),
    token("tavily-key", r"tvly-[\w-]{20,}", "tvly-"),
    token("jina-key", r"jina_\w{30,}", "jina_"),
    token("langsmith-key", r"lsv2_(?:pt|sk)_[0-9a-f]{32}_[0-9a-f]{10}|ls__[0-9a-f]{32}", "lsv2_", "ls__"),
    token("digitalocean-token", r"do[opr]_v1_[0-9a-f]{64}", "_v1_", leading=False),
    token("atlassian-token", r"AT(?:ATT3|CTT3|BB)[\w=-]{24,}", "ATATT3", "ATCTT3", "ATBB"),
    Rule(
        "discord-token",
        re.compile(rf"{START}(?:[MNO][DTjz][\w-]{{21,26}}\.[\w-]{{6}}\.[\w-]{{27,40}}|mfa\.[\w-]{{80,100}}){END}"),
        ("MT", "Mj", "Mz", "ND", "NT", "Nj", "Nz", "OD", "OT", "mfa."),
        accept=numbered,
        unbroken=True,
        leading=True,
    ),
    token(
        "1password-key",
        r"ops_eyJ[\w+/=-]{80,}|A3-[A-Z0-9]{6}-(?:[A-Z0-9]{11}|[A-Z0-9]{6}-[A-Z0-9]{5})(?:-[A-Z0-9]{5}){3}",
        *("ops_eyJ", "A3-"),
    ),
    token("heroku-key", r"HRKU-[\w-]{30,}", "HRKU-"),
    token("netlify-token", r"nf[bcopu]_[A-Za-z0-9]{30,}", "nfb_", "nfc_", "nfo_", "nfp_", "nfu_"),
    token("supabase-key", r"sbp_(?:v\d_)?[0-9a-f]{40}|sb_secret_[\w-]{20,}", "sbp_", "sb_secret_"),
    token("voyage-key", r"(?<![\w-])pa-(?=[\w-]{0,60}\d)(?=[\w-]{0,60}[A-Z])[\w-]{40,}", "pa-"),
    token("elevenlabs-key", r"sk_[0-9a-f]{48}", "sk_"),
    token("doppler-token", r"dp\.(?:audit|ct|pt|sa|said|scim|st)\.(?:[\w-]{1,64}\.)?[A-Za-z0-9]{40,}", "dp."),
    token("square-token", r"sq0(?:atp|csp|idp|ids)-[\w-]{20,}|EAAA[\w-]{60}", "sq0", "EAAA"),
    token("adobe-secret", r"p8e-[A-Za-z0-9]{32}", "p8e-"),
    token("alibaba-key-id", r"LTAI[A-Za-z0-9]{20}", "LTAI"),
    token("artifactory-token", r"AKCp[A-Za-z0-9]{69}|cmVmd[A-Za-z0-9]{59}", "AKCp", "cmVmd"),
    token("clickhouse-key", r"4b1d[A-Za-z0-9]{38}", "4b1d"),
    token("clojars-token", r"CLOJARS_[A-Za-z0-9]{60}", "CLOJARS_"),
    token(
        "cloudflare-token",
        r"v1\.0-[0-9a-f]{24}-[0-9a-f]{100,}|cf(?:at|k|ut)_[\w-]{40,}",
        "v1.0-",
        "cfat_",
        "cfk_",
        "cfut_",
    ),
    token("defined-key", r"dnkey-[\w=-]{26}-[\w=-]{52}", "dnkey-"),
    token("dropbox-token", r"sl\.(?:u\.)?[\w=-]{100,}", "sl."),
    token("duffel-token", r"duffel_(?:live|test)_[\w=-]{40,}", "duffel_"),
    token("dynatrace-token", r"dt0[a-z]\d\d\.[A-Z0-9]{24}\.[A-Z0-9]{64}", "dt0"),
    token("easypost-key", r"EZ[AT]K[A-Za-z0-9]{54}", "EZAK", "EZTK"),
    token("facebook-token", r"EAA[CM][A-Za-z0-9]{80,}", "EAAC", "EAAM"),
    token("flutterwave-key", r"FLW(?:PUB|SEC)K(?:_TEST)?-[0-9A-Za-z]{12,}(?:-X)?", "FLWPUBK", "FLWSECK"),
    token("fly-token", r"fo1_[\w-]{40,}|fm[12][ar]?_[A-Za-z0-9+/=]{80,}", "fo1_", "fm1", "fm2"),
    token("frameio-token", r"fio-u-[\w=-]{64}", "fio-u-"),
    token("gocardless-token", r"live_(?=[\w=-]{0,40}\d)[\w=-]{40}", "live_"),
    token("harness-key", r"[ps]at\.[\w-]{22}\.[0-9a-f]{24}\.[A-Za-z0-9]{20}", "pat.", "sat."),
    token("infracost-key", r"ico-[A-Za-z0-9]{32}", "ico-"),
    token("intra42-secret", r"s-s4t2(?:ud|af)-[0-9a-f]{64}", "s-s4t2"),
    token("lob-key", r"(?:live|test)_(?:pub_)?[0-9a-f]{30,35}", "live_", "test_"),
    token("maxmind-key", r"[A-Za-z0-9]{6}_[A-Za-z0-9]{29}_mmk", "_mmk", leading=False),
    token("newrelic-key", r"NRAK-[A-Z0-9]{27}|NRJS-[0-9a-f]{19}|NRII-[\w-]{32}", "NRAK-", "NRJS-", "NRII-"),
    token("octopus-key", r"API-(?=[A-Z]{0,26}\d)[A-Z0-9]{26}", "API-"),
    token("openshift-token", r"sha256~[\w-]{43}", "sha256~"),
    token("planetscale-token", r"pscale_(?:oauth|pw|tkn)_[\w=.-]{32,}", "pscale_"),
    token("prefect-key", r"pn[bu]_[A-Za-z0-9]{36}", "pnb_", "pnu_"),
    token("pulumi-token", r"pul-[0-9a-f]{40}", "pul-"),
    token("readme-key", r"rdme_[a-z0-9]{70}", "rdme_"),
    token("rubygems-key", r"rubygems_[0-9a-f]{48}", "rubygems_"),
    token("scalingo-token", r"tk-us-[\w-]{48}", "tk-us-"),
    token("brevo-key", r"xkeysib-[0-9a-f]{64}-[A-Za-z0-9]{16}", "xkeysib-"),
    token("settlemint-token", r"sm_[aps]at_[A-Za-z0-9]{16}", "sm_"),
    token("shippo-token", r"shippo_(?:live|test)_[0-9a-f]{40}", "shippo_"),
    token("sonar-token", r"sq[apu]_[0-9a-f]{40}", "sqa_", "sqp_", "squ_"),
    token("sourcegraph-token", r"sgp_(?:[0-9a-f]{16}_|local_)?[0-9a-f]{40}", "sgp_"),
    token("terraform-token", r"[A-Za-z0-9]{14}\.atlasv1\.[\w=-]{60,}", ".atlasv1.", leading=False),
    token("typeform-token", r"tfp_[\w.=-]{50,}", "tfp_"),
    token("yandex-key", r"AQVN[\w-]{35,38}|YC[\w-]{38}|t1\.[\w-]{1,200}={0,2}\.[\w-]{86}={0,2}", "AQVN", "YC", "t1."),
    token("shopify-token", r"shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}", "shp"),
    token("linear-key", r"lin_api_[A-Za-z0-9]{30,}", "lin_api_"),
    token("notion-token", r"ntn_[A-Za-z0-9]{40,}|secret_[A-Za-z0-9]{43}", "ntn_", "secret_"),
    token("vault-token", r"hv[bsr]\.[\w-]{24,}", "hvs.", "hvb.", "hvr."),
    token(
        "grafana-token",
        r"glsa_[A-Za-z0-9]{32}_[0-9a-fA-F]{8}|glc_[A-Za-z0-9+/=]{32,}|eyJrIjoi[A-Za-z0-9]{70,}={0,2}",
        *("glsa_", "glc_", "eyJrIjoi"),
    ),
    token("sentry-token", r"sntry[su]_[\w+/=-]{30,}", "sntry"),
    token("figma-token", r"figd_[\w-]{30,}", "figd_"),
    token("airtable-token", r"pat[A-Za-z0-9]{14}\.[0-9a-f]{64}", "pat"),
    token("postman-key", r"PMAK-[0-9a-f]{24}-[0-9a-f]{34}", "PMAK-"),
    token("age-key", r"AGE-SECRET-KEY-1[0-9A-Z]{50,}", "AGE-SECRET-KEY-"),
    token("jwt", r"eyJ[\w-]{6,4000}\.[\w-]{6,}(?:\.[\w-]*){0,3}", "eyJ"),
    # what stands around a secret tells it
    words("url-password", r"(?<=://)(?P<secret>[^\s/@\"'\\<>?#:]*:[^\s/\"'\\<>?#]+|[\w.-]{16,})(?=@)", "://"),
    words(
        "url-query",
        r"[?&;](?:(?:api|access|subscription)?[_-]?key|(?:access|auth|id|refresh|session)?[_-]?token|sig|signature|auth|"
        r"(?:client)?[_-]?secret|password|pwd|x-(?:amz|goog)-(?:signature|credential|security-token))="
        r"(?P<secret>[^&#\s\"'\\<>]+)",
        "=",
    ),
    words(
        "authorization",
        rf"authorization{GAP}(?:bearer|basic|token|digest)(?:\s|%20|\+)+(?P<secret>{VALUE}{{4,}})",
        "authoriz",
    ),
    words(
        "curl-login",
        r"(?:\b|(?<=\\[nrt]))curl\b[^\n]{0,300}?\s(?:-u|--user)[\s=]?[\"']?(?P<secret>[^\s:\"'$<>-][^\s:\"'<>]{0,80}:(?!//)"
        r"[^\s\"'$<>\\]+)",
        "curl",
    ),
    words("bearer-token", rf"{START}bearer(?:%20|[\s:=+\"'])+(?P<secret>[\w.~+/=-]{{16,}})", "bearer", accept=random),
    words("basic-login", rf"{START}basic(?:%20|[\s+])+(?P<secret>[A-Z0-9+/]{{6,}}={{0,2}})", "basic", accept=login),
    words(
        "cookie",
        rf"(?:set-)?cookie2?{GAP}(?P<secret>[\w.-]+=(?:\\*\"[^\"\\\r\n]*\\*\"|[^\"'\\\r\n]+)*)",
        "cookie",
    ),
    words(
        "session-cookie",
        rf"{START}(?:session(?:id)?|jsessionid|phpsessid|__cf_bm|_cfuvid|cf_clearance|csrftoken|connect\.sid)="
        r"(?P<secret>[^\s\"'\\;,\[]{8,})",
        *("session=", "sessionid=", "sessid=", "__cf_bm=", "_cfuvid=", "cf_clearance=", "csrftoken=", "connect.sid="),
    ),
    called(
        "named-secret",
        CALLED,
        rf"(?={VALUE}{{0,80}}\d){VALUE}{{8}}",
        rf"{VALUE}*",
        *("key", "secret", "token", "passw", "passphrase", "pwd", "connection", "authorization", "cookie"),
    ),
    called(
        "named-secret",
        r"(?<!page)(?<!next)(?<!page[_-])(?<!next[_-])token",
        rf"(?={VALUE}{{0,80}}\d)(?={VALUE}{{0,80}}[a-z]){VALUE}{{20}}",
        rf"{VALUE}*",
        "token",
    ),
    called(
        "organization",
        r"(?:org|organi[sz]ation)[_-]?id",
        r"(?=[\w-]{0,80}\d)[\w-]{6}",
        r"[\w-]*",
        *("org_id", "org-id", "orgid", "ation_id", "ation-id", "ationid"),
    ),
    called(
        "project",
        r"project[_-]?id",
        r"(?=[\w-]{0,80}\d)[\w-]{6}",
        r"[\w-]*",
        *("project_id", "project-id", "projectid"),
    ),
    words(
        "email",
        r"(?<![\w.%+-])(?:(?<=\\)[nrtbfu])?(?P<secret>[\w.%+-]+@(?:[\w-]+\.)+[a-z]{2,})",
        "@",
        # a user of git, and a file of a stage such as distilled@small.jsonl
        accept=lambda match: not match["secret"].startswith("git@") and not match["secret"].endswith(".jsonl"),
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
    words(
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
