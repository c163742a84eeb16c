//! Signing in by an identity provider's word: OpenID Connect, authorisation code with PKCE.
//!
//! ```text
//! browser ─► GET /api/v1/session/provider       leaves with a cookie, of which state, nonce and verifier are made
//!         ─► the provider                       asks whatever it wants to know
//!         ─► GET /api/v1/session/provider/back  state is the cookie's? code + verifier ─► ID token ─► groups ─► role ─► session
//! ```
//! The session is the same as one that a password opens. Nothing of the provider's is kept: its tokens are read and dropped.
//!
//! # Source
//! OpenID Connect Core 1.0, section 3.1; RFC 6749, 7636 (PKCE), 9207 (whose answer it is), 9700 (what attackers do).

mod directory;
mod door;
mod file;
mod token;

pub(crate) use file::{Plan, read};

use super::limit::Limit;
use super::problem::Problem;
use crate::exit::Failure;
use crate::stored::{now, shown};
use data_encoding::BASE64;
use directory::{Directory, Known, answer};
use door::{DOOR_S, Doors};
use reqwest::{RequestBuilder, Url};
use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use store::Role;
use token::{Claims, Expected, Fault, verified};

/// Where browsers come back to, below the console's address; the provider must know it.
pub(crate) const BACK: &str = "/api/v1/session/provider/back";
/// How long a browser may be away.
pub(crate) const AWAY_S: u64 = DOOR_S as u64;
/// Refusals that are noted at once, and the time until one more is: more are counted. Our limit, so that nobody fills the log.
const NOTES_MAX: u32 = 100;
const NOTES_REFILL: Duration = Duration::from_secs(10);
/// Longest name of an account, in characters.
const NAME_LETTERS_MAX: usize = 64;
/// Longest word of the provider that is repeated, in characters.
const SAID_LETTERS_MAX: usize = 100;

/// Why somebody does not get in.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum Refusal {
    /// No answer, or none of use.
    #[error("the provider does not answer as it should: {0}")]
    Down(String),
    /// The provider says no.
    #[error("the provider refused: {0}")]
    Provider(String),
    /// Not an answer to a sign-in that this browser began and this process waits for.
    #[error("the answer belongs to no sign-in that is under way: {0}")]
    Stale(&'static str),
    /// The provider does not know the code.
    #[error("the provider did not take its code back: {0}")]
    Code(String),
    /// The ID token is not to be believed.
    #[error("{0}")]
    Token(String),
    /// In no group that has a role.
    #[error("none of the groups that the provider tells has a role here")]
    NoRole,
    /// The account is shut.
    #[error("the account is shut")]
    Shut,
    /// There is no user at all.
    #[error("there is no user yet; the first admin is made by the link that the server printed")]
    NoAdmin,
    /// Somebody else has the name.
    #[error("another account has the name")]
    NameTaken,
    /// A fault of ours.
    #[error("a fault of the server")]
    Fault,
}

impl Refusal {
    /// For programs, and for the console, which has words for each.
    pub(crate) const fn code(&self) -> &'static str {
        match self {
            Self::Down(_) => "provider-down",
            Self::Provider(_) => "provider-refused",
            Self::Stale(_) => "stale",
            Self::Code(_) => "code",
            Self::Token(_) => "token",
            Self::NoRole => "no-role",
            Self::Shut => "shut",
            Self::NoAdmin => "no-admin",
            Self::NameTaken => "name-taken",
            Self::Fault => "fault",
        }
    }
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        Self::Token(fault.to_string())
    }
}

impl From<Problem> for Refusal {
    fn from(_: Problem) -> Self {
        Self::Fault
    }
}

/// A browser on its way to the provider.
pub(crate) struct Leave {
    /// Where it goes.
    pub(crate) to: String,
    /// What it keeps.
    pub(crate) cookie: String,
}

/// What a browser brings back.
#[derive(Debug, Default)]
pub(crate) struct Brought {
    pub(crate) code: Option<String>,
    pub(crate) state: Option<String>,
    pub(crate) issuer: Option<String>,
    pub(crate) error: Option<String>,
}

/// For whom the provider vouches.
#[derive(Debug)]
pub(crate) struct Person {
    /// The provider's name for them, for good.
    pub(crate) subject: String,
    /// Names for an account, the best first.
    pub(crate) names: Vec<String>,
    /// None where no group of theirs has one.
    pub(crate) role: Option<Role>,
}

/// The identity provider.
pub(crate) struct Provider {
    plan: Plan,
    directory: Directory,
    doors: Doors,
    /// Where browsers come back to.
    back: String,
    notes: Limit<()>,
    /// Refusals that were not noted since the last that was.
    unnoted: AtomicU64,
}

impl Provider {
    /// `base` is where browsers find the console, unless the file says.
    pub(crate) fn new(plan: Plan, base: &str) -> Result<Self, Failure> {
        let failed = |why: String| Failure::Usage(format!("--oidc: {why}"));
        let back = format!("{}{BACK}", plan.console.as_deref().unwrap_or(base));
        let directory = Directory::new(&plan).map_err(failed)?;
        let doors = Doors::new().map_err(|problem| failed(problem.detail()))?;
        let notes = Limit::new(NOTES_MAX, NOTES_REFILL);
        Ok(Self { plan, directory, doors, back, notes, unnoted: AtomicU64::new(0) })
    }

    /// What people call it.
    pub(crate) fn name(&self) -> &str {
        &self.plan.name
    }

    /// As it names itself.
    pub(crate) fn issuer(&self) -> &str {
        &self.plan.issuer
    }

    /// Where browsers come back to: what the provider must know.
    pub(crate) fn back_to(&self) -> &str {
        &self.back
    }

    /// Whether it answers; asked once at the start, so that a mistake is seen before somebody stands at the door.
    pub(crate) async fn look(&self) -> Result<(), String> {
        self.directory.known().await.map(drop)
    }

    /// How many refusals were not noted before this one; none where this one is not to be noted either.
    pub(crate) fn noting(&self) -> Option<u64> {
        if self.notes.take(&(), super::app::moment()).is_err() {
            self.unnoted.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        Some(self.unnoted.swap(0, Ordering::Relaxed))
    }

    /// Sends a browser to the provider.
    pub(crate) async fn leave(&self) -> Result<Leave, Refusal> {
        let known = self.directory.known().await.map_err(Refusal::Down)?;
        let door = self.doors.open(now_s())?;
        let mut to = known.authorization.clone();
        let scope =
            std::iter::once("openid").chain(self.plan.scopes.iter().map(String::as_str)).collect::<Vec<_>>();
        to.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.plan.client_id)
            .append_pair("redirect_uri", &self.back)
            .append_pair("scope", &scope.join(" "))
            .append_pair("state", &self.doors.state(&door))
            .append_pair("nonce", &self.doors.nonce(&door))
            .append_pair("code_challenge", &self.doors.challenge(&door))
            .append_pair("code_challenge_method", "S256");
        Ok(Leave { to: to.into(), cookie: self.doors.cookie(&door) })
    }

    /// Takes a browser back: for whom the provider vouches.
    pub(crate) async fn back(&self, cookie: Option<&str>, brought: Brought) -> Result<Person, Refusal> {
        let now_s = now_s();
        let door = cookie.ok_or(Refusal::Stale("this browser began none"))?;
        let door = self
            .doors
            .find(door, now_s)
            .ok_or(Refusal::Stale("it took too long, or the server was restarted"))?;
        let state = brought.state.as_deref().unwrap_or_default();
        if !self.doors.is_state(&door, state) {
            return Err(Refusal::Stale("its state is another"));
        }
        if !self.doors.shut(&door, now_s) {
            return Err(Refusal::Stale("it was used"));
        }
        let known = self.directory.known().await.map_err(Refusal::Down)?;
        let ours = brought.issuer.as_ref().map_or(!known.tells_issuer, |issuer| *issuer == self.plan.issuer);
        if !ours {
            return Err(Refusal::Stale("it is another provider's"));
        }
        if let Some(error) = brought.error {
            return Err(Refusal::Provider(said(&error)));
        }
        let code = brought.code.ok_or(Refusal::Stale("it has no code"))?;
        let sent = self.exchange(&known, &code, &self.doors.verifier(&door)).await?;
        let token = sent.get("id_token").and_then(Value::as_str);
        let token = token.ok_or_else(|| Refusal::Code("it sent no ID token".to_owned()))?;
        let claims = self.believed(known.clone(), token).await?;
        let nonce = self.doors.nonce(&door);
        let expected = Expected {
            issuer: &self.plan.issuer,
            client_id: &self.plan.client_id,
            nonce: &nonce,
            // The provider took its time.
            now_s: self::now_s(),
            skew_s: self.plan.skew_s,
        };
        let subject = expected.subject(&claims)?;
        let claims = self.told(&known, claims, &subject, &sent).await?;
        let names = self.names(&claims, &subject);
        Ok(Person { subject, names, role: self.role(&claims) })
    }

    /// Gives the code for tokens.
    async fn exchange(&self, known: &Known, code: &str, verifier: &str) -> Result<Value, Refusal> {
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &self.back),
            ("code_verifier", verifier),
        ];
        let request = self.as_client(known, self.directory.client().post(known.token.clone()), &form);
        let (status, sent) = answer(request).await.map_err(Refusal::Down)?;
        match status {
            200 => Ok(sent),
            400..500 => {
                let error = sent.get("error").and_then(Value::as_str);
                Err(Refusal::Code(error.map_or_else(|| format!("it answered {status}"), said)))
            }
            _ => Err(Refusal::Down(format!("it answered {status}"))),
        }
    }

    /// A request of ours, with our secret where we have one (RFC 6749, section 2.3.1).
    fn as_client(&self, known: &Known, request: RequestBuilder, form: &[(&str, &str)]) -> RequestBuilder {
        let mut pairs = form.to_vec();
        let id = self.plan.client_id.as_str();
        let request = match &self.plan.secret {
            Some(secret) if !known.secret_in_body => {
                let basic = format!("{}:{}", one_encoded(id), one_encoded(secret));
                request.header("authorization", format!("Basic {}", BASE64.encode(basic.as_bytes())))
            }
            secret => {
                pairs.push(("client_id", id));
                pairs.extend(secret.iter().map(|secret| ("client_secret", secret.as_str())));
                request
            }
        };
        request.header("content-type", "application/x-www-form-urlencoded").body(encoded(&pairs))
    }

    /// What the token says, if the provider signed it; its keys are asked for again where they are not known.
    async fn believed(&self, known: Arc<Known>, token: &str) -> Result<Claims, Refusal> {
        match verified(token, &known.keys) {
            Err(Fault::UnknownKey) => {
                let newer = self.directory.newer(&known).await;
                // That it cannot be asked just now makes the key no better known.
                let newer = newer.map_err(|_| Fault::UnknownKey)?;
                Ok(verified(token, &newer.keys)?)
            }
            claims => Ok(claims?),
        }
    }

    /// The claims, with those that the provider tells at its userinfo endpoint only, where groups are missing.
    async fn told(
        &self,
        known: &Known,
        mut claims: Claims,
        subject: &str,
        sent: &Value,
    ) -> Result<Claims, Refusal> {
        let (Some(place), true) = (&known.userinfo, find(&claims, &self.plan.role_claim).is_none()) else {
            return Ok(claims);
        };
        let Some(access) = sent.get("access_token").and_then(Value::as_str) else { return Ok(claims) };
        let request = self.directory.client().get(place.clone()).bearer_auth(access);
        let (status, more) = answer(request).await.map_err(Refusal::Down)?;
        let Value::Object(more) = more else {
            return Err(Refusal::Down(format!("userinfo: it answered {status}, and no claims")));
        };
        if status != 200 {
            return Err(Refusal::Down(format!("userinfo: it answered {status}")));
        }
        // Claims about somebody else must not be used (Core, section 5.3.2).
        if more.get("sub").and_then(Value::as_str) != Some(subject) {
            return Err(Refusal::Token("userinfo tells of somebody else".to_owned()));
        }
        // What was signed stays.
        for (name, value) in more {
            claims.entry(name).or_insert(value);
        }
        Ok(claims)
    }

    /// The highest role of their groups.
    fn role(&self, claims: &Claims) -> Option<Role> {
        let groups = find(claims, &self.plan.role_claim)?;
        let groups = groups.as_array().map_or(std::slice::from_ref(groups), Vec::as_slice);
        groups.iter().filter_map(|group| self.plan.roles.get(group.as_str()?)).copied().max()
    }

    /// Names for an account. One that a local account has is told apart by the provider's host.
    fn names(&self, claims: &Claims, subject: &str) -> Vec<String> {
        let text =
            |name: &str| claims.get(name).and_then(Value::as_str).filter(|text| !text.trim().is_empty());
        let name = text(&self.plan.name_claim).or_else(|| text("email")).unwrap_or(subject);
        let cut = |name: &str| {
            shown(name.trim()).chars().take(NAME_LETTERS_MAX).collect::<String>().trim().to_owned()
        };
        let host = Url::parse(&self.plan.issuer).ok().and_then(|url| Some(url.host_str()?.to_owned()));
        let apart = format!("{}@{}", name.trim(), host.unwrap_or_default());
        vec![cut(name), cut(&apart)]
    }
}

/// The value at the end of a path of names.
fn find<'a>(claims: &'a Claims, path: &[String]) -> Option<&'a Value> {
    let (first, rest) = path.split_first()?;
    rest.iter().try_fold(claims.get(first)?, |value, name| value.get(name))
}

/// What the provider said, as it may be shown.
fn said(text: &str) -> String {
    shown(text).chars().take(SAID_LETTERS_MAX).collect()
}

fn now_s() -> i64 {
    now() / 1_000_000_000
}

/// Pairs as forms send them.
fn encoded(pairs: &[(&str, &str)]) -> String {
    // The address is only there to be written to.
    let Ok(mut url) = Url::parse("http://form/") else { return String::new() };
    url.query_pairs_mut().extend_pairs(pairs);
    url.query().unwrap_or_default().to_owned()
}

/// One value as forms send it.
fn one_encoded(text: &str) -> String {
    encoded(&[("", text)]).trim_start_matches('=').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn provider(more: &str) -> Provider {
        let path =
            std::env::temp_dir().join(format!("lazaret-provider-{}-{}", std::process::id(), more.len()));
        let text = format!(
            "schema = 1\nname = 'H'\nissuer = 'http://127.0.0.1:1/h'\nclient_id = 'c'\n{more}\n\
             [roles]\nadmin = ['admins']\nviewer = ['staff']\n"
        );
        std::fs::write(&path, text).unwrap();
        let plan = read(&path).unwrap();
        std::fs::remove_file(path).unwrap();
        Provider::new(plan, "https://ward:8443").unwrap()
    }

    fn claims(value: Value) -> Claims {
        let Value::Object(claims) = value else { panic!("no claims: {value}") };
        claims
    }

    #[test]
    fn the_highest_role_of_all_groups_counts_and_no_group_is_no_role() {
        let plain = provider("");
        for (groups, role) in [
            (json!(["staff", "others", "admins"]), Some(Role::Admin)),
            (json!("staff"), Some(Role::Viewer)),
            (json!(["Admins", "admins ", "others"]), None),
            (json!([]), None),
            (json!([7, null, { "admins": true }]), None),
            (json!({ "admins": true }), None),
            (json!("staff admins"), None),
        ] {
            assert_eq!(plain.role(&claims(json!({ "groups": groups }))), role, "{groups}");
        }
        assert_eq!(plain.role(&Claims::new()), None);
        let deep = provider("role_claim = ['realm', 'roles']");
        assert_eq!(deep.role(&claims(json!({ "realm": { "roles": ["staff"] } }))), Some(Role::Viewer));
        assert_eq!(deep.role(&claims(json!({ "realm": ["staff"], "groups": ["admins"] }))), None);
    }

    #[test]
    fn an_account_is_named_as_the_provider_says_and_printable() {
        let provider = provider("");
        let names = |value| provider.names(&claims(value), "subject");
        assert_eq!(names(json!({ "preferred_username": " r.haldis " })), ["r.haldis", "r.haldis@127.0.0.1"]);
        assert_eq!(names(json!({ "preferred_username": "", "email": "r@h" }))[0], "r@h");
        assert_eq!(names(json!({}))[0], "subject");
        assert!(!names(json!({ "preferred_username": "a\u{1b}[31m" }))[0].contains('\u{1b}'));
        assert_eq!(names(json!({ "preferred_username": "x".repeat(500) }))[0].len(), NAME_LETTERS_MAX);
    }

    #[test]
    fn forms_are_sent_as_forms_are() {
        assert_eq!(encoded(&[("a", "1 2"), ("b", "&=+%é")]), "a=1+2&b=%26%3D%2B%25%C3%A9");
        assert_eq!(one_encoded("a b:c=d"), "a+b%3Ac%3Dd");
    }

    #[tokio::test]
    async fn who_brings_nothing_or_comes_from_nowhere_is_refused_before_the_provider_is_asked() {
        let provider = provider("");
        let door = provider.doors.open(now_s()).unwrap();
        let cookie = provider.doors.cookie(&door);
        let state = Some(provider.doors.state(&door));
        for (cookie, state) in
            [(None, state.clone()), (Some("x"), state.clone()), (Some(cookie.as_str()), None)]
        {
            let brought = Brought { code: Some("c".to_owned()), state, ..Brought::default() };
            assert_eq!(provider.back(cookie, brought).await.unwrap_err().code(), "stale");
        }
        // Nobody listens at port 1; the second try is refused without being made.
        for code in ["provider-down", "stale"] {
            let brought = Brought { code: Some("c".to_owned()), state: state.clone(), ..Brought::default() };
            assert_eq!(provider.back(Some(&cookie), brought).await.unwrap_err().code(), code);
        }
    }

    #[test]
    fn what_is_not_noted_is_counted() {
        let provider = provider("");
        let mut noted = 0;
        while let Some(unnoted) = provider.noting() {
            assert_eq!(unnoted, 0);
            noted += 1;
            assert!(noted < 2 * NOTES_MAX, "no end of them");
        }
        assert!(noted >= NOTES_MAX, "{noted}");
        assert_eq!(provider.unnoted.load(Ordering::Relaxed), 1);
    }
}
