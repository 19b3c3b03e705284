//! The table of prefixes that vendors gave their keys to be found by.
//!
//! Formats are those of the vendors' documents; most prefixes, lengths and entropies are also those
//! of the rules of gitleaks (MIT, Copyright 2019 Zachary Rice, `config/gitleaks.toml`).

use super::shape::Part::{Run, Text};
use super::shape::{
    ALNUM, BASE64, DIGIT, DOTTED, HEX, LETTER, LOWER, PADDED, PATH, Set, Shape, TOKEN, TOKEN68,
    UPPER_DIGIT, UUID, WORD,
};
use crate::DataClass as D;

/// A kind of secret known by the text it begins with.
pub(super) struct Family {
    /// Whose it is: the detector's name.
    pub(super) name: &'static str,
    pub(super) prefix: &'static str,
    pub(super) class: D,
    pub(super) form: Form,
    /// Least entropy of what follows the prefix, in tenths of a bit per byte. With 0, the shape
    /// alone is enough, and placeholders are not looked for.
    pub(super) entropy: u32,
}

/// What stands around a prefix.
#[derive(Clone, Copy)]
pub(super) enum Form {
    /// The rest of the token follows.
    Parts(Shape),
    /// The token begins before the prefix, with so many bytes of a set, and goes on behind it.
    Behind(Set, usize, usize, Shape),
    /// A PEM block.
    Pem,
    /// A JSON Web Token.
    Jwt,
    /// A header's scheme, with the credentials behind it.
    Bearer,
    /// `Basic`, with `user:password` in base64 behind it.
    Basic,
    /// A `Cookie` or `Set-Cookie` header.
    Cookie,
    /// A URL that lets its reader post; it begins at its scheme.
    Hook(Shape),
}

use Form::{Basic, Bearer, Behind, Cookie, Hook, Jwt, Parts, Pem};

const fn row(
    name: &'static str,
    prefix: &'static str,
    class: D,
    form: Form,
    entropy: u32,
) -> Family {
    Family {
        name,
        prefix,
        class,
        form,
        entropy,
    }
}

/// Of two prefixes that match, the first whose form holds too is taken: longer ones stand first.
#[rustfmt::skip]
pub(super) static FAMILIES: &[Family] = &[
    // What has a form of its own.
    row("pem", "BEGIN ", D::PRIVATE_KEY, Pem, 0),
    row("grafana", "eyJrIjoi", D::VENDOR_TOKEN, Parts(&[Run(ALNUM, 70, 400), Run(PADDED, 0, 3)]), 30),
    row("jwt", "ey", D::JWT, Jwt, 0),
    row("bearer", "Bearer ", D::BEARER_TOKEN, Bearer, 0),
    row("bearer", "bearer ", D::BEARER_TOKEN, Bearer, 0),
    row("bearer", "BEARER ", D::BEARER_TOKEN, Bearer, 0),
    row("bearer", "Token ", D::BEARER_TOKEN, Bearer, 0),
    row("basic-auth", "Basic ", D::BASIC_AUTH, Basic, 0),
    row("basic-auth", "basic ", D::BASIC_AUTH, Basic, 0),
    row("cookie", "Cookie: ", D::SESSION_COOKIE, Cookie, 0),
    row("cookie", "cookie: ", D::SESSION_COOKIE, Cookie, 0),
    row("slack-webhook", "hooks.slack.com/", D::SLACK_WEBHOOK, Hook(&[Run(LETTER, 8, 9), Text(b"/"), Run(PATH, 24, 96)]), 0),
    row("teams-webhook", "webhook.office.com/", D::SLACK_WEBHOOK, Hook(&[Text(b"webhookb2/"), Run(PATH, 64, 256)]), 0),
    row("discord-webhook", "discord.com/api/webhooks/", D::SLACK_WEBHOOK, Hook(&[Run(DIGIT, 17, 20), Text(b"/"), Run(TOKEN, 60, 80)]), 0),
    row("discord-webhook", "discordapp.com/api/webhooks/", D::SLACK_WEBHOOK, Hook(&[Run(DIGIT, 17, 20), Text(b"/"), Run(TOKEN, 60, 80)]), 0),

    // Clouds.
    row("aws", "AKIA", D::AWS_ACCESS_KEY, Parts(&[Run(UPPER_DIGIT, 16, 16)]), 22),
    row("aws", "ASIA", D::AWS_ACCESS_KEY, Parts(&[Run(UPPER_DIGIT, 16, 16)]), 22),
    row("aws", "ABIA", D::AWS_ACCESS_KEY, Parts(&[Run(UPPER_DIGIT, 16, 16)]), 22),
    row("aws", "ACCA", D::AWS_ACCESS_KEY, Parts(&[Run(UPPER_DIGIT, 16, 16)]), 22),
    row("aws", "A3T", D::AWS_ACCESS_KEY, Parts(&[Run(UPPER_DIGIT, 17, 17)]), 24),
    // The words `BedrockAPIKey-` in base64.
    row("aws-bedrock", "ABSKQmVkcm9ja0FQSUtleS", D::AWS_BEDROCK_KEY, Parts(&[Run(BASE64, 80, 260)]), 0),
    row("aws-bedrock", "ABSK", D::AWS_BEDROCK_KEY, Parts(&[Run(BASE64, 109, 269)]), 35),
    // The words `bedrock.amazonaws.com` in base64, of a pre-signed request.
    row("aws-bedrock", "bedrock-api-key-YmVkcm9jay5hbWF6b25hd3MuY29t", D::AWS_BEDROCK_KEY, Parts(&[Run(BASE64, 0, 4096)]), 0),
    row("gcp", "AIza", D::GCP_API_KEY, Parts(&[Run(TOKEN, 35, 35)]), 40),
    row("gcp-oauth", "GOCSPX-", D::VENDOR_TOKEN, Parts(&[Run(TOKEN, 28, 28)]), 30),
    row("gcp-oauth", "ya29.", D::VENDOR_TOKEN, Parts(&[Run(DOTTED, 30, 400)]), 30),
    row("alibaba", "LTAI", D::VENDOR_TOKEN, Parts(&[Run(ALNUM, 12, 26)]), 25),
    row("digitalocean", "dop_v1_", D::VENDOR_TOKEN, Parts(&[Run(HEX, 64, 64)]), 30),
    row("digitalocean", "doo_v1_", D::VENDOR_TOKEN, Parts(&[Run(HEX, 64, 64)]), 30),
    row("digitalocean", "dor_v1_", D::VENDOR_TOKEN, Parts(&[Run(HEX, 64, 64)]), 30),
    row("cloudflare", "v1.0-", D::VENDOR_TOKEN, Parts(&[Run(HEX, 24, 24), Text(b"-"), Run(HEX, 146, 146)]), 20),
    row("yandex", "AQVN", D::VENDOR_TOKEN, Parts(&[Run(TOKEN, 35, 38)]), 35),
    row("yandex", "YC", D::VENDOR_TOKEN, Parts(&[Run(TOKEN, 38, 38)]), 40),
    row("yandex", "t1.", D::VENDOR_TOKEN, Parts(&[Run(TOKEN, 20, 400), Run(PADDED, 0, 2), Text(b"."), Run(TOKEN, 86, 86), Run(PADDED, 0, 2)]), 35),
    row("heroku", "HRKU-AA", D::VENDOR_TOKEN, Parts(&[Run(TOKEN, 58, 58)]), 40),
    row("heroku", "HRKU-", D::VENDOR_TOKEN, Parts(&[Run(HEX, 8, 8), Text(b"-"), Run(TOKEN, 27, 52)]), 30),
    row("fly.io", "fo1_", D::VENDOR_TOKEN, Parts(&[Run(TOKEN, 43, 43)]), 35),
    row("fly.io", "fm1a_", D::VENDOR_TOKEN, Parts(&[Run(BASE64, 100, 4096)]), 35),
    row("fly.io", "fm1r_", D::VENDOR_TOKEN, Parts(&[Run(BASE64, 100, 4096)]), 35),
    row("fly.io", "fm2_", D::VENDOR_TOKEN, Parts(&[Run(BASE64, 100, 4096)]), 35),
    row("scalingo", "tk-us-", D::VENDOR_TOKEN, Parts(&[Run(TOKEN, 48, 48)]), 30),
    row("netlify", "nfp_", D::VENDOR_TOKEN, Parts(&[Run(ALNUM, 36, 40)]), 30),
    row("render", "rnd_", D::VENDOR_TOKEN, Parts(&[Run(ALNUM, 28, 40)]), 30),
    row("tailscale", "tskey-", D::VENDOR_TOKEN, Parts(&[Run(TOKEN, 20, 80)]), 30),
    row("supabase", "sbp_", D::VENDOR_TOKEN, Parts(&[Run(HEX, 40, 40)]), 30),
    row("supabase", "sb_secret_", D::VENDOR_TOKEN, Parts(&[Run(TOKEN, 30, 60)]), 30),
    row("planetscale", "pscale_tkn_", D::VENDOR_TOKEN, Parts(&[Run(Set::DOTTED_PADDED, 32, 64)]), 30),
    row("planetscale", "pscale_oauth_", D::VENDOR_TOKEN, Parts(&[Run(Set::DOTTED_PADDED, 32, 64)]), 30),
    row("planetscale", "pscale_pw_", D::VENDOR_TOKEN, Parts(&[Run(Set::DOTTED_PADDED, 32, 64)]), 30),
    row("databricks", "dapi", D::VENDOR_TOKEN, Parts(&[Run(HEX, 32, 32), Run(TOKEN, 0, 2)]), 30),
    row("clickhouse", "4b1d", D::VENDOR_TOKEN, Parts(&[Run(ALNUM, 38, 38)]), 30),
    row("snowflake", "ver:1-hint:", D::VENDOR_TOKEN, Parts(&[Run(DIGIT, 4, 20), Text(b"-ETMsDgAAA"), Run(TOKEN68, 60, 1024)]), 30),

    // Models.
    row("anthropic", "sk-ant-api03-", D::ANTHROPIC_KEY, Parts(&[Run(TOKEN, 93, 93), Text(b"AA")]), 30),
    row("anthropic", "sk-ant-admin01-", D::ANTHROPIC_KEY, Parts(&[Run(TOKEN, 93, 93), Text(b"AA")]), 30),
    row("anthropic", "sk-ant-a", D::ANTHROPIC_KEY, Parts(&[Run(ALNUM, 28, 128)]), 35),
    row("anthropic", "sk-ant-", D::ANTHROPIC_KEY, Parts(&[Run(ALNUM, 3, 8), Text(b"-"), Run(TOKEN, 60, 128)]), 40),
    row("anthropic", "sk-ant-", D::ANTHROPIC_KEY, Parts(&[Run(ALNUM, 28, 128)]), 35),
    row("openrouter", "sk-or-v1-", D::VENDOR_TOKEN, Parts(&[Run(HEX, 64, 64)]), 30),
    row("langfuse", "sk-lf-", D::VENDOR_TOKEN, Parts(UUID), 25),
    row("openai", "sk-proj-", D::OPENAI_KEY, Parts(&[Run(TOKEN, 20, 220)]), 35),
    row("openai", "sk-svcacct-", D::OPENAI_KEY, Parts(&[Run(TOKEN, 20, 220)]), 35),
    row("openai", "sk-admin-", D::OPENAI_KEY, Parts(&[Run(TOKEN, 20, 220)]), 35),
    row("openai", "sk-", D::OPENAI_KEY, Parts(&[Run(ALNUM, 20, 20), Text(b"T3BlbkFJ"), Run(ALNUM, 20, 20)]), 30),
    row("openai", "sk-", D::OPENAI_KEY, Parts(&[Run(ALNUM, 32, 64)]), 35),
    row("huggingface", "hf_", D::HUGGINGFACE_TOKEN, Parts(&[Run(ALNUM, 34, 40)]), 30),
    row("huggingface", "api_org_", D::HUGGINGFACE_TOKEN, Parts(&[Run(ALNUM, 34, 34)]), 30),
    row("perplexity", "pplx-", D::VENDOR_TOKEN, Parts(&[Run(ALNUM, 48, 48)]), 40),
    row("groq", "gsk_", D::VENDOR_TOKEN, Parts(&[Run(ALNUM, 52, 52)]), 40),
    row("xai", "xai-", D::VENDOR_TOKEN, Parts(&[Run(ALNUM, 80, 80)]), 40),
    row("replicate", "r8_", D::VENDOR_TOKEN, Parts(&[Run(ALNUM, 37, 37)]), 40),
    row("pinecone", "pcsk_", D::VENDOR_TOKEN, Parts(&[Run(WORD, 60, 80)]), 40),
    row("langsmith", "lsv2_pt_", D::VENDOR_TOKEN, Parts(&[Run(HEX, 32, 32), Text(b"_"), Run(HEX, 10, 10)]), 30),
    row("langsmith", "lsv2_sk_", D::VENDOR_TOKEN, Parts(&[Run(HEX, 32, 32), Text(b"_"), Run(HEX, 10, 10)]), 30),
    row("tavily", "tvly-", D::VENDOR_TOKEN, Parts(&[Run(TOKEN, 32, 64)]), 35),

    // Code and its delivery.
    row("github", "ghp_", D::GITHUB_TOKEN, Parts(&[Run(ALNUM, 36, 255)]), 30),
    row("github", "gho_", D::GITHUB_TOKEN, Parts(&[Run(ALNUM, 36, 255)]), 30),
    row("github", "ghu_", D::GITHUB_TOKEN, Parts(&[Run(ALNUM, 36, 255)]), 30),
    row("github", "ghs_", D::GITHUB_TOKEN, Parts(&[Run(ALNUM, 36, 255)]), 30),
    row("github", "ghr_", D::GITHUB_TOKEN, Parts(&[Run(ALNUM, 36, 255)]), 30),
    row("github", "github_pat_", D::GITHUB_TOKEN, Parts(&[Run(WORD, 82, 82)]), 30),
    row("gitlab", "glpat-", D::GITLAB_TOKEN, Parts(&[Run(TOKEN, 27, 300), Text(b"."), Run(ALNUM, 9, 9)]), 30),
    row("gitlab", "glpat-", D::GITLAB_TOKEN, Parts(&[Run(TOKEN, 20, 50)]), 30),
    row("gitlab", "glrt-t", D::GITLAB_TOKEN, Parts(&[Run(DIGIT, 1, 1), Text(b"_"), Run(TOKEN, 27, 300), Text(b"."), Run(ALNUM, 9, 9)]), 30),
    row("gitlab", "glrt-", D::GITLAB_TOKEN, Parts(&[Run(TOKEN, 20, 50)]), 30),
    row("gitlab", "gldt-", D::GITLAB_TOKEN, Parts(&[Run(TOKEN, 20, 50)]), 30),
    row("gitlab", "glptt-", D::GITLAB_TOKEN, Parts(&[Run(HEX, 40, 40)]), 30),
    row("gitlab", "glcbt-", D::GITLAB_TOKEN, Parts(&[Run(ALNUM, 1, 5), Text(b"_"), Run(TOKEN, 20, 50)]), 30),
    row("gitlab", "glffct-", D::GITLAB_TOKEN, Parts(&[Run(TOKEN, 20, 50)]), 30),
    row("gitlab", "glft-", D::GITLAB_TOKEN, Parts(&[Run(TOKEN, 20, 80)]), 30),
    row("gitlab", "glimt-", D::GITLAB_TOKEN, Parts(&[Run(TOKEN, 25, 50)]), 30),
    row("gitlab", "glagent-", D::GITLAB_TOKEN, Parts(&[Run(TOKEN, 50, 80)]), 30),
    row("gitlab", "gloas-", D::GITLAB_TOKEN, Parts(&[Run(TOKEN, 64, 64)]), 30),
    row("gitlab", "glsoat-", D::GITLAB_TOKEN, Parts(&[Run(TOKEN, 20, 50)]), 30),
    row("gitlab", "GR1348941", D::GITLAB_TOKEN, Parts(&[Run(TOKEN, 20, 50)]), 30),
    row("gitlab", "gitlab_session=", D::GITLAB_TOKEN, Behind(Set::UNDERSCORE, 1, 1, &[Run(ALNUM, 32, 32)]), 30),
    row("bitbucket", "ATBB", D::VENDOR_TOKEN, Parts(&[Run(ALNUM, 32, 32)]), 35),
    row("bitbucket", "ATCTT3", D::VENDOR_TOKEN, Parts(&[Run(PADDED, 180, 200)]), 35),
    row("atlassian", "ATATT3", D::VENDOR_TOKEN, Parts(&[Run(PADDED, 180, 200)]), 35),
    row("npm", "npm_", D::NPM_TOKEN, Parts(&[Run(ALNUM, 36, 36)]), 20),
    row("pypi", "pypi-AgEIcHlwaS5vcmc", D::PYPI_TOKEN, Parts(&[Run(TOKEN, 50, 1000)]), 30),
    row("pypi", "pypi-AgENdGVzdC5weXBpLm9yZw", D::PYPI_TOKEN, Parts(&[Run(TOKEN, 50, 1000)]), 30),
    row("rubygems", "rubygems_", D::VENDOR_TOKEN, Parts(&[Run(HEX, 48, 48)]), 20),
    row("crates.io", "cio", D::VENDOR_TOKEN, Parts(&[Run(ALNUM, 32, 32)]), 38),
    row("clojars", "CLOJARS_", D::VENDOR_TOKEN, Parts(&[Run(ALNUM, 60, 60)]), 20),
    row("nuget", "oy2", D::VENDOR_TOKEN, Parts(&[Run(ALNUM, 43, 43)]), 38),
    row("docker", "dckr_pat_", D::VENDOR_TOKEN, Parts(&[Run(TOKEN, 27, 32)]), 30),
    row("docker", "dckr_oat_", D::VENDOR_TOKEN, Parts(&[Run(TOKEN, 27, 32)]), 30),
    row("artifactory", "AKCp", D::VENDOR_TOKEN, Parts(&[Run(ALNUM, 69, 69)]), 45),
    // The words `reftkn` in base64 begin with these.
    row("artifactory", "cmVmd", D::VENDOR_TOKEN, Parts(&[Run(ALNUM, 59, 59)]), 45),
    row("buildkite", "bkua_", D::VENDOR_TOKEN, Parts(&[Run(HEX, 40, 40)]), 30),
    row("circleci", "CCIPAT_", D::VENDOR_TOKEN, Parts(&[Run(ALNUM, 22, 22), Text(b"_"), Run(HEX, 40, 40)]), 30),
    row("harness", "pat.", D::VENDOR_TOKEN, Parts(&[Run(TOKEN, 22, 22), Text(b"."), Run(ALNUM, 24, 24), Text(b"."), Run(ALNUM, 20, 20)]), 30),
    row("harness", "sat.", D::VENDOR_TOKEN, Parts(&[Run(TOKEN, 22, 22), Text(b"."), Run(ALNUM, 24, 24), Text(b"."), Run(ALNUM, 20, 20)]), 30),
    row("octopus", "API-", D::VENDOR_TOKEN, Parts(&[Run(UPPER_DIGIT, 26, 26)]), 30),
    row("pulumi", "pul-", D::VENDOR_TOKEN, Parts(&[Run(HEX, 40, 40)]), 20),
    row("prefect", "pnu_", D::VENDOR_TOKEN, Parts(&[Run(ALNUM, 36, 36)]), 20),
    row("terraform", "atlasv1.", D::VENDOR_TOKEN, Behind(DOTTED, 15, 15, &[Run(PADDED, 60, 70)]), 35),
    row("infracost", "ico-", D::VENDOR_TOKEN, Parts(&[Run(ALNUM, 32, 32)]), 30),
    row("openshift", "sha256~", D::VENDOR_TOKEN, Parts(&[Run(TOKEN, 43, 43)]), 35),
    row("sourcegraph", "sgp_", D::VENDOR_TOKEN, Parts(&[Run(HEX, 16, 16), Text(b"_"), Run(HEX, 40, 40)]), 30),
    row("sourcegraph", "sgp_local_", D::VENDOR_TOKEN, Parts(&[Run(HEX, 40, 40)]), 30),
    row("sourcegraph", "sgp_", D::VENDOR_TOKEN, Parts(&[Run(HEX, 40, 40)]), 30),
    row("sonar", "squ_", D::VENDOR_TOKEN, Parts(&[Run(ALNUM, 40, 40)]), 30),
    row("sonar", "sqp_", D::VENDOR_TOKEN, Parts(&[Run(ALNUM, 40, 40)]), 30),
    row("sonar", "sqa_", D::VENDOR_TOKEN, Parts(&[Run(ALNUM, 40, 40)]), 30),
    row("linear", "lin_api_", D::VENDOR_TOKEN, Parts(&[Run(ALNUM, 32, 48)]), 20),
    row("linear", "lin_oauth_", D::VENDOR_TOKEN, Parts(&[Run(ALNUM, 40, 80)]), 20),
    row("postman", "PMAK-", D::VENDOR_TOKEN, Parts(&[Run(HEX, 24, 24), Text(b"-"), Run(HEX, 34, 34)]), 30),
    row("readme", "rdme_", D::VENDOR_TOKEN, Parts(&[Run(ALNUM, 70, 70)]), 20),
    row("figma", "figd_", D::VENDOR_TOKEN, Parts(&[Run(TOKEN, 38, 44)]), 35),
    row("jetbrains", "perm:", D::VENDOR_TOKEN, Parts(&[Run(PADDED, 8, 100), Text(b"."), Run(PADDED, 2, 100), Text(b"."), Run(PADDED, 20, 60)]), 30),

    // Vaults and identity.
    row("vault", "hvs.", D::VAULT_TOKEN, Parts(&[Run(TOKEN, 24, 200)]), 35),
    row("vault", "hvb.", D::VAULT_TOKEN, Parts(&[Run(TOKEN, 100, 400)]), 35),
    row("vault", "hvr.", D::VAULT_TOKEN, Parts(&[Run(TOKEN, 24, 200)]), 35),
    row("vault", "s.", D::VAULT_TOKEN, Parts(&[Run(ALNUM, 24, 24)]), 37),
    row("doppler", "dp.", D::VENDOR_TOKEN, Parts(&[Run(LOWER, 2, 5), Text(b"."), Run(ALNUM, 40, 44)]), 20),
    row("1password", "A3-", D::VENDOR_TOKEN, Parts(&[Run(UPPER_DIGIT, 6, 6), Text(b"-"), Run(UPPER_DIGIT, 11, 11), Text(b"-"), Run(UPPER_DIGIT, 5, 5), Text(b"-"), Run(UPPER_DIGIT, 5, 5), Text(b"-"), Run(UPPER_DIGIT, 5, 5)]), 35),
    row("1password", "A3-", D::VENDOR_TOKEN, Parts(&[Run(UPPER_DIGIT, 6, 6), Text(b"-"), Run(UPPER_DIGIT, 6, 6), Text(b"-"), Run(UPPER_DIGIT, 5, 5), Text(b"-"), Run(UPPER_DIGIT, 5, 5), Text(b"-"), Run(UPPER_DIGIT, 5, 5), Text(b"-"), Run(UPPER_DIGIT, 5, 5)]), 35),
    row("1password", "ops_eyJ", D::VENDOR_TOKEN, Parts(&[Run(BASE64, 250, 4096)]), 40),
    row("age", "AGE-SECRET-KEY-1", D::PRIVATE_KEY, Parts(&[Run(UPPER_DIGIT, 58, 58)]), 0),
    row("authress", "sc_", D::VENDOR_TOKEN, Parts(AUTHRESS), 20),
    row("authress", "ext_", D::VENDOR_TOKEN, Parts(AUTHRESS), 20),
    row("authress", "scauth_", D::VENDOR_TOKEN, Parts(AUTHRESS), 20),
    row("authress", "authress_", D::VENDOR_TOKEN, Parts(AUTHRESS), 20),
    row("defined-networking", "dnkey-", D::VENDOR_TOKEN, Parts(&[Run(PADDED, 26, 26), Text(b"-"), Run(PADDED, 52, 52)]), 30),
    row("defined-networking", "dnkey-", D::VENDOR_TOKEN, Parts(&[Run(PADDED, 79, 79)]), 30),

    // What is watched.
    row("grafana", "glc_", D::VENDOR_TOKEN, Parts(&[Run(BASE64, 32, 400)]), 30),
    row("grafana", "glsa_", D::VENDOR_TOKEN, Parts(&[Run(ALNUM, 32, 32), Text(b"_"), Run(HEX, 8, 8)]), 30),
    row("dynatrace", "dt0c01.", D::VENDOR_TOKEN, Parts(&[Run(ALNUM, 24, 24), Text(b"."), Run(ALNUM, 64, 64)]), 40),
    row("new-relic", "NRAK-", D::VENDOR_TOKEN, Parts(&[Run(ALNUM, 27, 27)]), 30),
    row("new-relic", "NRJS-", D::VENDOR_TOKEN, Parts(&[Run(HEX, 19, 19)]), 25),
    row("new-relic", "NRII-", D::VENDOR_TOKEN, Parts(&[Run(TOKEN, 32, 32)]), 30),
    row("sentry", "sntrys_eyJpYXQiO", D::VENDOR_TOKEN, Parts(&[Run(TOKEN68, 60, 400), Run(WORD, 0, 50)]), 45),
    row("sentry", "sntryu_", D::VENDOR_TOKEN, Parts(&[Run(HEX, 64, 64)]), 35),
    row("posthog", "phx_", D::VENDOR_TOKEN, Parts(&[Run(ALNUM, 43, 47)]), 35),

    // Messages.
    row("slack", "xoxb-", D::SLACK_TOKEN, Parts(SLACK_BOT), 25),
    row("slack", "xoxb-", D::SLACK_TOKEN, Parts(&[Run(ALNUM, 40, 80)]), 40),
    row("slack", "xoxb-", D::SLACK_TOKEN, Parts(&[Run(DIGIT, 8, 14), Text(b"-"), Run(ALNUM, 18, 26)]), 25),
    row("slack", "xoxp-", D::SLACK_TOKEN, Parts(SLACK_USER), 20),
    row("slack", "xoxe-", D::SLACK_TOKEN, Parts(SLACK_USER), 20),
    row("slack", "xoxe-", D::SLACK_TOKEN, Parts(&[Run(DIGIT, 1, 1), Text(b"-"), Run(ALNUM, 146, 146)]), 20),
    row("slack", "xoxe.xoxp-", D::SLACK_TOKEN, Parts(&[Run(DIGIT, 1, 1), Text(b"-"), Run(ALNUM, 163, 166)]), 20),
    row("slack", "xoxe.xoxb-", D::SLACK_TOKEN, Parts(&[Run(DIGIT, 1, 1), Text(b"-"), Run(ALNUM, 163, 166)]), 20),
    row("slack", "xoxo-", D::SLACK_TOKEN, Parts(SLACK_LEGACY), 20),
    row("slack", "xoxs-", D::SLACK_TOKEN, Parts(SLACK_LEGACY), 20),
    row("slack", "xoxa-", D::SLACK_TOKEN, Parts(SLACK_SPACE), 20),
    row("slack", "xoxr-", D::SLACK_TOKEN, Parts(SLACK_SPACE), 20),
    row("slack", "xoxa-", D::SLACK_TOKEN, Parts(&[Run(ALNUM, 8, 48)]), 25),
    row("slack", "xoxr-", D::SLACK_TOKEN, Parts(&[Run(ALNUM, 8, 48)]), 25),
    row("slack", "xapp-", D::SLACK_TOKEN, Parts(&[Run(DIGIT, 1, 1), Text(b"-"), Run(UPPER_DIGIT, 8, 16), Text(b"-"), Run(DIGIT, 1, 16), Text(b"-"), Run(ALNUM, 2, 80)]), 20),
    row("telegram", "AA", D::VENDOR_TOKEN, Behind(Set::DIGIT_COLON, 9, 11, &[Run(TOKEN, 33, 33)]), 35),
    row("sendgrid", "SG.", D::SENDGRID_KEY, Parts(&[Run(TOKEN, 20, 24), Text(b"."), Run(TOKEN, 39, 50)]), 20),
    row("sendgrid", "SG.", D::SENDGRID_KEY, Parts(&[Run(Set::DOTTED_PADDED, 66, 66)]), 20),
    row("brevo", "xkeysib-", D::VENDOR_TOKEN, Parts(&[Run(HEX, 64, 64), Text(b"-"), Run(ALNUM, 16, 16)]), 20),
    row("mailgun", "key-", D::VENDOR_TOKEN, Parts(&[Run(HEX, 32, 32)]), 30),
    row("mailgun", "pubkey-", D::VENDOR_TOKEN, Parts(&[Run(HEX, 32, 32)]), 30),
    row("mailersend", "mlsn.", D::VENDOR_TOKEN, Parts(&[Run(HEX, 64, 64)]), 30),
    row("mailchimp", "us", D::VENDOR_TOKEN, Behind(Set::HEX_HYPHEN, 33, 33, &[Run(DIGIT, 1, 2)]), 30),
    row("resend", "re_", D::VENDOR_TOKEN, Parts(&[Run(ALNUM, 8, 8), Text(b"_"), Run(ALNUM, 24, 24)]), 38),
    row("twilio", "SK", D::TWILIO_KEY, Parts(&[Run(HEX, 32, 32)]), 30),

    // Money and shops.
    row("stripe", "sk_live_", D::STRIPE_KEY, Parts(&[Run(ALNUM, 10, 120)]), 25),
    row("stripe", "sk_test_", D::STRIPE_KEY, Parts(&[Run(ALNUM, 10, 120)]), 25),
    row("stripe", "sk_prod_", D::STRIPE_KEY, Parts(&[Run(ALNUM, 10, 120)]), 25),
    row("stripe", "rk_live_", D::STRIPE_KEY, Parts(&[Run(ALNUM, 10, 120)]), 25),
    row("stripe", "rk_test_", D::STRIPE_KEY, Parts(&[Run(ALNUM, 10, 120)]), 25),
    row("stripe", "rk_prod_", D::STRIPE_KEY, Parts(&[Run(ALNUM, 10, 120)]), 25),
    row("stripe", "whsec_", D::STRIPE_KEY, Parts(&[Run(BASE64, 24, 64)]), 30),
    // `pi_..._secret_...`: what completes one payment.
    row("stripe", "secret_", D::VENDOR_TOKEN, Behind(WORD, 4, 64, &[Run(ALNUM, 20, 40)]), 40),
    row("square", "sq0atp-", D::VENDOR_TOKEN, Parts(&[Run(PADDED, 22, 60)]), 20),
    row("square", "sq0csp-", D::VENDOR_TOKEN, Parts(&[Run(PADDED, 43, 43)]), 30),
    row("square", "EAAA", D::VENDOR_TOKEN, Parts(&[Run(PADDED, 22, 60)]), 40),
    row("facebook", "EAAM", D::VENDOR_TOKEN, Parts(&[Run(ALNUM, 100, 400)]), 40),
    row("facebook", "EAAC", D::VENDOR_TOKEN, Parts(&[Run(ALNUM, 100, 400)]), 40),
    row("flutterwave", "FLWPUBK_TEST-", D::VENDOR_TOKEN, Parts(&[Run(ALNUM, 32, 32), Text(b"-X")]), 20),
    row("flutterwave", "FLWSECK_TEST-", D::VENDOR_TOKEN, Parts(&[Run(ALNUM, 32, 32), Text(b"-X")]), 20),
    row("flutterwave", "FLWSECK_TEST-", D::VENDOR_TOKEN, Parts(&[Run(ALNUM, 12, 12)]), 20),
    row("flutterwave", "FLWSECK-", D::VENDOR_TOKEN, Parts(&[Run(ALNUM, 32, 32), Text(b"-X")]), 20),
    row("shopify", "shpat_", D::SHOPIFY_TOKEN, Parts(&[Run(HEX, 32, 32)]), 20),
    row("shopify", "shpca_", D::SHOPIFY_TOKEN, Parts(&[Run(HEX, 32, 32)]), 20),
    row("shopify", "shppa_", D::SHOPIFY_TOKEN, Parts(&[Run(HEX, 32, 32)]), 20),
    row("shopify", "shpss_", D::SHOPIFY_TOKEN, Parts(&[Run(HEX, 32, 32)]), 20),
    row("shippo", "shippo_live_", D::VENDOR_TOKEN, Parts(&[Run(HEX, 40, 40)]), 20),
    row("shippo", "shippo_test_", D::VENDOR_TOKEN, Parts(&[Run(HEX, 40, 40)]), 20),
    row("easypost", "EZAK", D::VENDOR_TOKEN, Parts(&[Run(ALNUM, 54, 54)]), 20),
    row("easypost", "EZTK", D::VENDOR_TOKEN, Parts(&[Run(ALNUM, 54, 54)]), 20),
    row("duffel", "duffel_live_", D::VENDOR_TOKEN, Parts(&[Run(PADDED, 43, 43)]), 20),
    row("duffel", "duffel_test_", D::VENDOR_TOKEN, Parts(&[Run(PADDED, 43, 43)]), 20),
    row("maxmind", "mmk", D::VENDOR_TOKEN, Behind(WORD, 37, 37, &[]), 40),

    // Work.
    row("adobe", "p8e-", D::VENDOR_TOKEN, Parts(&[Run(ALNUM, 32, 32)]), 20),
    row("airtable", "pat", D::VENDOR_TOKEN, Parts(&[Run(ALNUM, 14, 14), Text(b"."), Run(HEX, 64, 64)]), 30),
    row("frame.io", "fio-u-", D::VENDOR_TOKEN, Parts(&[Run(PADDED, 64, 64)]), 30),
    row("intra42", "s-s4t2ud-", D::VENDOR_TOKEN, Parts(&[Run(HEX, 64, 64)]), 30),
    row("intra42", "s-s4t2af-", D::VENDOR_TOKEN, Parts(&[Run(HEX, 64, 64)]), 30),
    row("notion", "ntn_", D::VENDOR_TOKEN, Parts(&[Run(DIGIT, 11, 13), Run(ALNUM, 33, 35)]), 40),
    row("notion", "secret_", D::VENDOR_TOKEN, Parts(&[Run(ALNUM, 43, 43)]), 40),
    row("settlemint", "sm_aat_", D::VENDOR_TOKEN, Parts(&[Run(ALNUM, 16, 16)]), 25),
    row("settlemint", "sm_pat_", D::VENDOR_TOKEN, Parts(&[Run(ALNUM, 16, 16)]), 25),
    row("settlemint", "sm_sat_", D::VENDOR_TOKEN, Parts(&[Run(ALNUM, 16, 16)]), 25),
    row("typeform", "tfp_", D::VENDOR_TOKEN, Parts(&[Run(Set::DOTTED_PADDED, 59, 59)]), 30),
    row("mapbox", "pk.", D::VENDOR_TOKEN, Parts(&[Run(ALNUM, 60, 60), Text(b"."), Run(TOKEN, 22, 22)]), 30),
    row("mapbox", "sk.", D::VENDOR_TOKEN, Parts(&[Run(ALNUM, 60, 90), Text(b"."), Run(TOKEN, 22, 22)]), 30),
    row("contentful", "CFPAT-", D::VENDOR_TOKEN, Parts(&[Run(TOKEN, 43, 43)]), 30),
    row("dropbox", "sl.", D::VENDOR_TOKEN, Parts(&[Run(PADDED, 130, 1200)]), 35),
    row("trello", "ATTA", D::VENDOR_TOKEN, Parts(&[Run(HEX, 64, 72)]), 30),
    row("asana", "1/", D::VENDOR_TOKEN, Parts(&[Run(DIGIT, 15, 17), Text(b":"), Run(HEX, 32, 32)]), 30),
    row("clickup", "pk_", D::VENDOR_TOKEN, Parts(&[Run(DIGIT, 6, 9), Text(b"_"), Run(UPPER_DIGIT, 32, 32)]), 30),
];

/// `authress_`, then key, version, account and secret.
const AUTHRESS: Shape = &[
    Run(ALNUM, 5, 30),
    Text(b"."),
    Run(ALNUM, 4, 6),
    Text(b".acc"),
    Run(Set::HYPHENS, 1, 1),
    Run(TOKEN, 10, 32),
    Text(b"."),
    Run(TOKEN68, 30, 120),
];

const SLACK_BOT: Shape = &[
    Run(DIGIT, 10, 13),
    Text(b"-"),
    Run(DIGIT, 10, 13),
    Run(TOKEN, 2, 64),
];

const SLACK_USER: Shape = &[
    Run(DIGIT, 10, 13),
    Text(b"-"),
    Run(DIGIT, 10, 13),
    Text(b"-"),
    Run(DIGIT, 10, 13),
    Text(b"-"),
    Run(TOKEN, 28, 34),
];

const SLACK_LEGACY: Shape = &[
    Run(DIGIT, 1, 15),
    Text(b"-"),
    Run(DIGIT, 1, 15),
    Text(b"-"),
    Run(DIGIT, 1, 15),
    Text(b"-"),
    Run(HEX, 4, 64),
];

const SLACK_SPACE: Shape = &[Run(DIGIT, 1, 1), Text(b"-"), Run(ALNUM, 8, 48)];
