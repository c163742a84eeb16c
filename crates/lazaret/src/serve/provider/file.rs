//! The file given with `serve --oidc`: which identity provider is believed, and what its people may.
//!
//! ```toml
//! schema = 1
//! name = "Hospital account"               # on the button: "Sign in with Hospital account"
//! issuer = "https://id.example/realms/h"  # exactly as the provider names itself
//! client_id = "lazaret"
//! client_secret_file = "oidc.secret"      # readable by its owner alone; leave it out for a public client
//! console = "https://lazaret.example"     # where browsers find the console; default: what `serve` prints
//! scopes = ["profile", "groups"]          # asked for beside `openid`; default: profile
//! role_claim = "groups"                   # or a path: ["realm_access", "roles"]
//! name_claim = "preferred_username"       # what the account is called here
//! ca = "id-ca.pem"                        # default: the certificates this system trusts
//! clock_skew_s = 60                       # how far the provider's clock may be from ours
//!
//! [roles]                                 # who is in none of these does not get in; who is in several gets the highest
//! admin = ["lazaret-admins"]
//! analyst = ["it-security", "biomed"]
//! clinical = ["ward-3"]
//! viewer = ["staff"]
//! ```
//! An unknown key is an error. Paths are as seen from the folder of the file. The secret is in a file of its own, so that this one
//! can be shown.

use crate::exit::Failure;
use reqwest::Url;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use store::Role;

/// Name of the option, for messages.
const OPTION: &str = "--oidc";
/// Longest file, in bytes. Our limit; a longer one is a mistake.
const FILE_BYTES_MAX: u64 = 1 << 18;
/// Longest secret, in bytes. Our limit; a longer file is a mistake.
const SECRET_BYTES_MAX: usize = 4_096;
/// Longest name on the button, in characters.
const NAME_LETTERS_MAX: usize = 40;
/// How far clocks may be apart, where the file does not say.
const CLOCK_SKEW_S: u32 = 60;
/// How far they may be said to be apart. Our limit: beyond it an end of a token means little.
const CLOCK_SKEW_S_MAX: u32 = 300;

/// What the file says.
#[derive(Clone)]
pub(crate) struct Plan {
    /// What people call the provider.
    pub(crate) name: String,
    /// The provider, as it names itself.
    pub(super) issuer: String,
    pub(super) client_id: String,
    pub(super) secret: Option<String>,
    /// Where browsers find the console, without a slash at the end.
    pub(super) console: Option<String>,
    pub(super) scopes: Vec<String>,
    /// Path of the claim with the groups.
    pub(super) role_claim: Vec<String>,
    pub(super) name_claim: String,
    pub(super) ca: Option<PathBuf>,
    pub(super) skew_s: i64,
    pub(super) roles: BTreeMap<String, Role>,
}

impl std::fmt::Debug for Plan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Plan").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileForm {
    schema: u32,
    name: String,
    issuer: String,
    client_id: String,
    client_secret_file: Option<PathBuf>,
    console: Option<String>,
    scopes: Option<Vec<String>>,
    role_claim: Option<ClaimForm>,
    name_claim: Option<String>,
    ca: Option<PathBuf>,
    clock_skew_s: Option<u32>,
    roles: RolesForm,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum ClaimForm {
    Name(String),
    Path(Vec<String>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RolesForm {
    #[serde(default)]
    viewer: Vec<String>,
    #[serde(default)]
    clinical: Vec<String>,
    #[serde(default)]
    analyst: Vec<String>,
    #[serde(default)]
    admin: Vec<String>,
}

/// Reads the file.
pub(crate) fn read(path: &Path) -> Result<Plan, Failure> {
    let failed = |cause| Failure::Read { option: OPTION, path: path.to_owned(), cause };
    let refused = |what: String| Failure::Usage(format!("{OPTION}: `{}`: {what}", path.display()));
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(failed)?;
    file.take(FILE_BYTES_MAX + 1).read_to_string(&mut text).map_err(failed)?;
    if text.len() as u64 > FILE_BYTES_MAX {
        return Err(refused(format!("longer than {FILE_BYTES_MAX} bytes")));
    }
    // The parser's message quotes the line, which may hold what should not be shown; its place is enough.
    let form: FileForm = toml::from_str(&text).map_err(|fault| {
        let at =
            fault.span().map_or(0, |span| text.get(..span.start).unwrap_or_default().lines().count().max(1));
        refused(format!("line {at}: {}", fault.message()))
    })?;
    plan(form, path.parent().unwrap_or(Path::new(""))).map_err(refused)
}

fn plan(form: FileForm, folder: &Path) -> Result<Plan, String> {
    if form.schema != 1 {
        return Err(format!("schema is {}; this version reads 1", form.schema));
    }
    let name = form.name.trim().to_owned();
    let letters = name.chars().count();
    if letters == 0 || letters > NAME_LETTERS_MAX || crate::stored::shown(&name) != name {
        return Err(format!("name: 1 to {NAME_LETTERS_MAX} printable characters"));
    }
    let issuer = endpoint(&form.issuer).map_err(|why| format!("issuer: {why}"))?;
    if issuer.query().is_some() || issuer.fragment().is_some() {
        return Err("issuer: an address without `?` and `#`".to_owned());
    }
    if form.client_id.is_empty() {
        return Err("client_id: what the provider calls this Lazaret".to_owned());
    }
    let secret = form.client_secret_file.map(|file| secret(&folder.join(file))).transpose();
    let console = form.console.map(|url| url.trim_end_matches('/').to_owned());
    if let Some(url) = &console {
        endpoint(url).map_err(|why| format!("console: {why}"))?;
    }
    let role_claim = match form.role_claim {
        None => vec!["groups".to_owned()],
        Some(ClaimForm::Name(name)) => vec![name],
        Some(ClaimForm::Path(path)) => path,
    };
    if role_claim.is_empty() || role_claim.iter().any(String::is_empty) {
        return Err("role_claim: the name of a claim, or the names on the way to it".to_owned());
    }
    let skew_s = form.clock_skew_s.unwrap_or(CLOCK_SKEW_S);
    if skew_s > CLOCK_SKEW_S_MAX {
        return Err(format!("clock_skew_s {skew_s}: 0 to {CLOCK_SKEW_S_MAX}; set the clocks"));
    }
    Ok(Plan {
        name,
        issuer: form.issuer,
        client_id: form.client_id,
        secret: secret.map_err(|why| format!("client_secret_file: {why}"))?,
        console,
        scopes: form.scopes.unwrap_or_else(|| vec!["profile".to_owned()]),
        role_claim,
        name_claim: form.name_claim.unwrap_or_else(|| "preferred_username".to_owned()),
        ca: form.ca.map(|ca| folder.join(ca)),
        skew_s: i64::from(skew_s),
        roles: roles(form.roles)?,
    })
}

/// The role of each group.
fn roles(form: RolesForm) -> Result<BTreeMap<String, Role>, String> {
    let mut roles = BTreeMap::new();
    let lists = [
        (Role::Viewer, form.viewer),
        (Role::Clinical, form.clinical),
        (Role::Analyst, form.analyst),
        (Role::Admin, form.admin),
    ];
    for (role, groups) in lists {
        for group in groups {
            if let Some(other) = roles.insert(group.clone(), role) {
                return Err(format!("roles: {group:?} is both {other} and {role}"));
            }
        }
    }
    if roles.is_empty() {
        return Err("roles: no group has a role, so nobody would get in".to_owned());
    }
    Ok(roles)
}

/// An address that what matters may be sent to: over TLS, or on this machine.
pub(super) fn endpoint(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|fault| fault.to_string())?;
    let here = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
    if url.scheme() != "https" && !(url.scheme() == "http" && here) {
        return Err("https://… (http only on this machine itself)".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("an address without a name and a password in it".to_owned());
    }
    Ok(url)
}

/// The secret that the provider shares with us, of a file that nobody else can read.
fn secret(path: &Path) -> Result<String, String> {
    let unread = |cause| format!("cannot read `{}`: {cause}", path.display());
    let file = std::fs::File::open(path).map_err(unread)?;
    let mode = file.metadata().map_err(unread)?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(format!(
            "others than its owner may use `{}` (mode {:o}); `chmod 600` it",
            path.display(),
            mode & 0o777
        ));
    }
    let mut text = String::new();
    file.take(SECRET_BYTES_MAX as u64 + 1).read_to_string(&mut text).map_err(unread)?;
    let text = text.trim_end_matches(['\r', '\n']);
    if text.is_empty() || text.len() > SECRET_BYTES_MAX {
        return Err(format!("`{}` holds no secret of 1 to {SECRET_BYTES_MAX} bytes", path.display()));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "schema = 1\nname = 'Hospital'\nissuer = 'https://id.example/h'\nclient_id = 'lazaret'\n\
                        [roles]\nadmin = ['admins']\nviewer = ['staff']\n";

    fn written(test: &str, text: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("lazaret-oidc-{test}-{}", std::process::id()));
        std::fs::write(&path, text).unwrap();
        path
    }

    #[test]
    fn a_file_that_is_wrong_says_where() {
        for (text, why) in [
            (GOOD.replace("schema = 1", "schema = 2"), "schema is 2"),
            (format!("colour = 'red'\n{GOOD}"), "line 1: unknown field `colour`"),
            (format!("{GOOD}owner = ['x']\n"), "unknown field `owner`"),
            (GOOD.replace("issuer = 'https:", "issuer = 'http:"), "issuer: https"),
            (GOOD.replace("/h'", "/h?x=1'"), "issuer: an address without"),
            (GOOD.replace("//id", "//a:b@id"), "issuer: an address without a name"),
            (GOOD.replace("'lazaret'", "''"), "client_id"),
            (GOOD.replace("'Hospital'", "''"), "name: 1 to"),
            (GOOD.replace("['staff']", "['admins']"), "roles: \"admins\" is both viewer and admin"),
            (GOOD.replace("['admins']", "[]").replace("['staff']", "[]"), "nobody would get in"),
            (format!("clock_skew_s = 301\n{GOOD}"), "clock_skew_s 301"),
            (format!("role_claim = []\n{GOOD}"), "role_claim"),
            (format!("console = 'http://lazaret.example'\n{GOOD}"), "console: https"),
            (format!("client_secret = 'x'\n{GOOD}"), "unknown field `client_secret`"),
            (format!("client_secret_file = '/nowhere/secret'\n{GOOD}"), "client_secret_file: cannot read"),
        ] {
            let path = written("wrong", &text);
            let said = read(&path).unwrap_err().to_string();
            assert!(said.contains(why) && said.contains("--oidc: `/"), "{text}: {said}");
            std::fs::remove_file(path).unwrap();
        }
        let read = plan(toml::from_str(GOOD).unwrap(), Path::new("/nowhere")).unwrap();
        assert_eq!((read.skew_s, read.role_claim.as_slice()), (60, ["groups".to_owned()].as_slice()));
        assert_eq!(read.roles["admins"], Role::Admin);
    }

    #[test]
    fn a_secret_that_others_may_read_is_none() {
        let path = written("secret", "hush hush\n");
        let mode = |mode| std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        for open in [0o644, 0o640, 0o604, 0o602] {
            mode(open);
            assert!(secret(&path).unwrap_err().contains("chmod 600"), "{open:o}");
        }
        mode(0o600);
        assert_eq!(secret(&path).unwrap(), "hush hush");
        std::fs::write(&path, "\n").unwrap();
        assert!(secret(&path).unwrap_err().contains("no secret"));
        std::fs::remove_file(path).unwrap();
    }
}
