//! Users for whom an identity provider vouches: what the provider says of them holds, each time they sign in.

use crate::access::{Access as _, NewUser, Proof, Role, User, about, insert_user};
use crate::audit::{self, Actor};
use crate::error::{Doing as _, StoreError};
use crate::seam::Writer;
use rusqlite::params;
use serde_json::json;

/// Somebody for whom a provider vouches.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Vouched {
    /// The provider.
    pub issuer: String,
    /// The provider's name for them, for good.
    pub subject: String,
    /// Names for a new account, the best first: the first that nobody has is taken.
    pub names: Vec<String>,
    /// What they may, as of now.
    pub role: Role,
}

/// What came of it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Admission {
    /// They may sign in.
    In(User),
    /// Their account is shut.
    Shut(User),
    /// There is no user at all, and a provider does not make the first.
    NoUserYet,
    /// Others have all the names.
    NameTaken,
}

/// A sign-in by a provider that was refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Unvouched<'a> {
    /// The provider.
    pub issuer: &'a str,
    /// Who it would have been, where the provider said so.
    pub subject: Option<&'a str>,
    /// What they would be called, where the provider said so.
    pub name: Option<&'a str>,
    /// From where.
    pub address: &'a str,
    /// Why, for programs.
    pub code: &'a str,
    /// Why, for people.
    pub why: &'a str,
    /// How many before it were not noted.
    pub unnoted: u64,
    /// Whether the provider no longer vouches for them here: their sessions end.
    pub ends_sessions: bool,
}

/// What a provider's word does.
pub trait Vouching {
    /// Finds or makes the user, with the role that the provider's word gives now; where it is another, all sessions end. The last
    /// admin can lose the role so: the provider that took it gives it, too.
    ///
    /// # Errors
    /// When the store cannot be written.
    fn admit(&mut self, who: &Vouched, actor: &Actor) -> Result<Admission, StoreError>;
    /// Notes a refusal.
    ///
    /// # Errors
    /// When the store cannot be written.
    fn note_unvouched(&mut self, refused: &Unvouched<'_>, actor: &Actor) -> Result<(), StoreError>;
}

const ADMIT: &str = "let somebody in";

impl Vouching for Writer {
    fn admit(&mut self, who: &Vouched, actor: &Actor) -> Result<Admission, StoreError> {
        if !self.has_users()? {
            return Ok(Admission::NoUserYet);
        }
        let known = self.provided(&who.issuer, &who.subject)?;
        let step = self.step().doing(ADMIT)?;
        let user = match known {
            Some(user) if user.disabled.is_some() => return Ok(Admission::Shut(user)),
            Some(user) if user.role == who.role => return Ok(Admission::In(user)),
            Some(mut user) => {
                step.execute("UPDATE users SET role = ?2 WHERE id = ?1", params![user.id, who.role.as_str()])
                    .doing(ADMIT)?;
                step.execute("DELETE FROM sessions WHERE user = ?1", [user.id]).doing(ADMIT)?;
                let detail = json!({
                    "from": user.role.as_str(), "role": who.role.as_str(), "disabled": false, "password": false,
                });
                audit::append(&step, actor, "change-user", &about(&user.name), &detail)?;
                user.role = who.role;
                user
            }
            None => {
                let mut free = None;
                for name in &who.names {
                    let taken = "SELECT EXISTS (SELECT 1 FROM users WHERE name = ?1)";
                    let taken: bool = step.query_row(taken, [name], |row| row.get(0)).doing(ADMIT)?;
                    if !taken && !name.is_empty() {
                        free = Some(name);
                        break;
                    }
                }
                let Some(name) = free else { return Ok(Admission::NameTaken) };
                let proof = Proof::Provider { issuer: who.issuer.clone(), subject: who.subject.clone() };
                insert_user(&step, &NewUser { name: name.clone(), role: who.role, proof }, actor)?
            }
        };
        step.commit().doing(ADMIT)?;
        Ok(Admission::In(user))
    }

    fn note_unvouched(&mut self, refused: &Unvouched<'_>, actor: &Actor) -> Result<(), StoreError> {
        let known = match refused.subject {
            Some(subject) => self.provided(refused.issuer, subject)?,
            None => None,
        };
        let step = self.step().doing(ADMIT)?;
        if let (Some(user), true) = (&known, refused.ends_sessions) {
            step.execute("DELETE FROM sessions WHERE user = ?1", [user.id]).doing(ADMIT)?;
        }
        // Who it would have been says the provider; only an account's own name stands for it.
        let subject = known.map_or_else(|| format!("user of {}", refused.issuer), |user| about(&user.name));
        let mut detail = json!({
            "from": refused.address, "provider": refused.issuer, "code": refused.code, "why": refused.why,
        });
        if let Some(detail) = detail.as_object_mut() {
            detail.extend(refused.name.map(|name| ("name".to_owned(), json!(name))));
            detail.extend(
                (refused.unnoted > 0).then(|| ("not-noted-before".to_owned(), json!(refused.unnoted))),
            );
        }
        audit::append(&step, actor, "refuse-sign-in", &subject, &detail)?;
        step.commit().doing(ADMIT)
    }
}
