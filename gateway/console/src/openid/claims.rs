//! Who somebody is by what a provider says of them, and what that makes them here.

use std::{collections::BTreeMap, sync::Arc};

use openidconnect::{
    AdditionalClaims, EndUserEmail, EndUserUsername, IdTokenClaims, SubjectIdentifier,
    UserInfoClaims, core::CoreGenderClaim,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use super::{NameClaim, OpenId, Refusal};
use crate::Role;

/// The longest name that goes on record, in bytes: as long as a subject may be (Core 1.0, section 2).
const NAME_BYTES_MAX: usize = 255;

/// What a provider says beside what `OpenID` Connect has names for.
#[derive(Debug, Default, Deserialize, Serialize)]
pub(crate) struct Claims {
    #[serde(flatten)]
    all: Map<String, Value>,
}

impl AdditionalClaims for Claims {}

/// What a provider says of somebody, as far as it is looked at.
#[derive(Debug)]
pub(super) struct Told {
    subject: SubjectIdentifier,
    email: Option<String>,
    username: Option<String>,
    more: Value,
}

/// Who somebody is here.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Person {
    /// As it is on record: no user of the console's own has such a name.
    pub(crate) name: String,
    /// What the provider never gives to anybody else.
    pub(crate) subject: String,
    /// Tells them from anybody else of that name.
    pub(crate) mark: [u8; 32],
    pub(crate) role: Role,
    /// By which the provider knows whom it is to log out.
    pub(crate) hint: Option<Arc<str>>,
}

impl Told {
    pub(super) fn of_token(claims: &IdTokenClaims<Claims, CoreGenderClaim>) -> Self {
        Self {
            subject: claims.subject().clone(),
            email: verified(claims.email(), claims.email_verified()),
            username: username(claims.preferred_username()),
            more: Value::Object(claims.additional_claims().all.clone()),
        }
    }

    /// With what was told where it was asked for; of the same subject, which the library holds it against.
    pub(super) fn with(self, asked: &UserInfoClaims<Claims, CoreGenderClaim>) -> Self {
        let verified = verified(asked.email(), asked.email_verified());
        let mut more = asked.additional_claims().all.clone();
        if let Value::Object(signed) = self.more {
            // What is signed counts for more.
            more.extend(signed);
        }
        Self {
            subject: self.subject,
            email: self.email.or(verified),
            username: self.username.or(username(asked.preferred_username())),
            more: Value::Object(more),
        }
    }

    pub(super) fn subject(&self) -> SubjectIdentifier {
        self.subject.clone()
    }

    /// Whether nothing is missing.
    pub(super) fn has(&self, typed: &OpenId) -> bool {
        self.name(typed.name).is_some() && self.groups(&typed.groups).is_some()
    }

    fn name(&self, claim: NameClaim) -> Option<&str> {
        match claim {
            NameClaim::Sub => Some(self.subject.as_str()),
            NameClaim::Email => self.email.as_deref(),
            NameClaim::PreferredUsername => self.username.as_deref(),
        }
    }

    fn groups(&self, claim: &str) -> Option<&Value> {
        if claim.starts_with('/') {
            self.more.pointer(claim)
        } else {
            self.more.get(claim)
        }
    }

    pub(super) fn person(&self, typed: &OpenId) -> Result<Person, Refusal> {
        let name = self.name(typed.name).filter(|name| is_plain(name));
        let name = name.ok_or(Refusal::Name)?;
        let subject = self.subject.as_str();
        if !is_plain(subject) {
            return Err(Refusal::Name);
        }
        // No user of the console's own has a colon in their name.
        let name = format!("openid:{name}");
        let groups = self.groups(&typed.groups);
        let role = groups.and_then(|groups| role(groups, &typed.roles));
        let role = role.ok_or_else(|| Refusal::NoRole(name.as_str().into()))?;
        let mark = Sha256::digest(format!("{}\0{subject}", typed.issuer));
        Ok(Person {
            name,
            subject: subject.to_owned(),
            mark: mark.into(),
            role,
            hint: None,
        })
    }
}

/// Nobody is known by an address that they only say is theirs.
fn verified(email: Option<&EndUserEmail>, is_verified: Option<bool>) -> Option<String> {
    let email = email.filter(|_| is_verified == Some(true));
    email.map(|email| email.as_str().to_owned())
}

fn username(name: Option<&EndUserUsername>) -> Option<String> {
    name.map(|name| name.as_str().to_owned())
}

fn is_plain(name: &str) -> bool {
    let fits = !name.is_empty() && name.len() <= NAME_BYTES_MAX;
    fits && name.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Of the roles of several groups the one that may the most, which may what all of them may.
fn role(groups: &Value, roles: &BTreeMap<String, Role>) -> Option<Role> {
    let all = match groups {
        Value::String(_) => std::slice::from_ref(groups),
        Value::Array(all) => all.as_slice(),
        _ => &[],
    };
    let named = all.iter().filter_map(Value::as_str);
    named.filter_map(|group| roles.get(group).copied()).max()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn typed(name: NameClaim, groups: &str) -> OpenId {
        let roles = [
            ("watch", Role::Viewer),
            ("audit", Role::Auditor),
            ("run", Role::Operator),
        ];
        OpenId {
            issuer: "https://login.example".to_owned(),
            client: "console".to_owned(),
            secret: "secret".into(),
            in_body: false,
            public: "https://console.example".to_owned(),
            scopes: Vec::new(),
            groups: groups.to_owned(),
            roles: roles.map(|(group, role)| (group.to_owned(), role)).into(),
            name,
        }
    }

    fn told(more: Value) -> Told {
        Told {
            subject: SubjectIdentifier::new("u-1".to_owned()),
            email: None,
            username: Some("eva".to_owned()),
            more,
        }
    }

    #[test]
    fn a_role_comes_of_a_group_that_is_named_and_of_nothing_else() {
        for (groups, expected) in [
            (json!(["audit"]), Some(Role::Auditor)),
            (json!("audit"), Some(Role::Auditor)),
            // Of two the one that may more, in whatever order they come.
            (json!(["watch", "audit"]), Some(Role::Auditor)),
            (json!(["run", "other", "watch"]), Some(Role::Operator)),
            (json!([]), None),
            (json!(["other"]), None),
            (json!(["Audit", "audit ", "auditor", "operator"]), None),
            (json!({ "audit": true }), None),
            (json!([["audit"], { "name": "audit" }, 1, null]), None),
            (json!("audit run"), None),
            (json!(true), None),
        ] {
            let person = told(json!({ "groups": groups })).person(&typed(NameClaim::Sub, "groups"));
            let expected = expected.ok_or(Refusal::NoRole("openid:u-1".into()));
            assert_eq!(person.map(|it| it.role), expected, "{groups}");
        }
        // Another claim than the one that is named says nothing.
        let elsewhere = told(json!({ "roles": ["run"] }));
        assert!(elsewhere.person(&typed(NameClaim::Sub, "groups")).is_err());
        let within = told(json!({ "realm_access": { "roles": ["run"] } }));
        let person = within.person(&typed(NameClaim::Sub, "/realm_access/roles"));
        assert_eq!(person.unwrap().role, Role::Operator);
    }

    #[test]
    fn a_name_is_what_the_provider_vouches_for_and_nobodys_here() {
        let groups = json!({ "groups": ["audit"] });
        let name = |told: &Told, claim| told.person(&typed(claim, "groups")).map(|it| it.name);
        let mut one = told(groups.clone());
        assert_eq!(name(&one, NameClaim::Sub).unwrap(), "openid:u-1");
        assert_eq!(
            name(&one, NameClaim::PreferredUsername).unwrap(),
            "openid:eva"
        );
        assert_eq!(name(&one, NameClaim::Email), Err(Refusal::Name));
        let email = EndUserEmail::new("eva@acme.example".to_owned());
        for is_verified in [None, Some(false)] {
            assert!(verified(Some(&email), is_verified).is_none());
        }
        one.email = verified(Some(&email), Some(true));
        assert_eq!(
            name(&one, NameClaim::Email).unwrap(),
            "openid:eva@acme.example"
        );
        for unfit in ["", "e va", "e\nva", "\u{202e}ave", &"x".repeat(256)] {
            one.username = Some(unfit.to_owned());
            assert_eq!(name(&one, NameClaim::PreferredUsername), Err(Refusal::Name));
        }

        // Who has somebody's name there now is not who had it before.
        let mut other = told(groups);
        other.subject = SubjectIdentifier::new("u-2".to_owned());
        one.username = Some("eva".to_owned());
        let typed = typed(NameClaim::PreferredUsername, "groups");
        let (one, other) = (one.person(&typed).unwrap(), other.person(&typed).unwrap());
        assert_eq!(one.name, other.name);
        assert_ne!(one.mark, other.mark);
    }
}
