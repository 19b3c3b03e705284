//! As what agents are known, and where their clients say it.

use http::HeaderName;
use miette::Result;
use proxy::declared::NAME_BYTES_MAX;
use serde_saphyr::Spanned;

use super::resolve::Resolver;

impl Resolver<'_> {
    pub(super) fn known_as(&self, typed: &[Spanned<String>]) -> Result<Vec<Box<str>>> {
        let name = |typed: &Spanned<String>| {
            let plain = |it: char| it.is_ascii_alphanumeric() || " .-_+@:".contains(it);
            let name = typed.value.as_str();
            let fits = (1..=NAME_BYTES_MAX).contains(&name.len()) && name.trim() == name;
            if fits && name.chars().all(plain) {
                return Ok(name.into());
            }
            let message = format!("`{}` is no name of a client", name.escape_debug());
            let help = format!(
                "letters, digits and ` .-_+@:`, up to {NAME_BYTES_MAX}, without a version: \
                 `python-httpx`, `claude-code`"
            );
            Err(self.fault(typed, message, help))
        };
        typed.iter().map(name).collect()
    }

    pub(super) fn declared_header(
        &self,
        typed: Option<&Spanned<String>>,
    ) -> Result<Option<HeaderName>> {
        let Some(typed) = typed else { return Ok(None) };
        let name: Option<HeaderName> = typed.value.to_ascii_lowercase().parse().ok();
        let named = name.filter(|name| proxy::arrives(name) && !proxy::is_credential(name));
        named.map(Some).ok_or_else(|| {
            let message = format!("no client says what it is in `{}`", typed.value);
            let help = "name a header field of its own for it: `x-agent-name`";
            self.fault(typed, message, help)
        })
    }
}
