//! Who may use the console and the API: users, sessions, tokens, settings.
//!
//! The store keeps hashes only and compares nothing but hashes: it makes no secrets and knows no password. Every
//! change is in the audit log with who made it; that somebody was active a minute ago is not a change.

use crate::audit::{self, Actor};
use crate::error::{Doing as _, StoreError};
use crate::seam::{Reader, Writer};
use rusqlite::{Connection, OptionalExtension as _, Row, Transaction, params};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt;

/// Sessions of one user at once. Our limit: when one more is opened, the one that was used longest ago ends.
pub const SESSIONS_MAX: u32 = 32;
/// Tokens of one user that have not ended. Our limit; one more is refused.
pub const TOKENS_MAX: u32 = 64;

/// What somebody may do, from least to most; what each may is the server's to say.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Role {
    /// Looks at devices and findings.
    Viewer,
    /// Looks at beds as well.
    Clinical,
    /// Decides about findings.
    Analyst,
    /// Decides who may do what.
    Admin,
}

impl Role {
    /// All.
    pub const ALL: [Self; 4] = [Self::Viewer, Self::Clinical, Self::Analyst, Self::Admin];

    /// As it is stored and shown.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Clinical => "clinical",
            Self::Analyst => "analyst",
            Self::Admin => "admin",
        }
    }

    /// The role of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == name)
    }

    fn stored(name: &str) -> Self {
        // The tables admit these four only.
        Self::named(name).unwrap_or(Self::Viewer)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Somebody with an account.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct User {
    /// Number, never used again.
    pub id: i64,
    /// Name, the same in any case of letters.
    pub name: String,
    /// Role.
    pub role: Role,
    /// Whether there is a password.
    pub has_password: bool,
    /// Identity provider, where one vouches for this user.
    pub issuer: Option<String>,
    /// Since when.
    pub created: i64,
    /// By whom.
    pub created_by: String,
    /// Since when the account is shut, where it is.
    pub disabled: Option<i64>,
    /// When a session was last opened.
    pub seen: Option<i64>,
}

/// How a new user proves who it is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Proof {
    /// Hash of a password, in PHC form.
    Password(String),
    /// An identity provider's word.
    Provider {
        /// The provider.
        issuer: String,
        /// The provider's name for the user.
        subject: String,
    },
}

/// A user to be.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NewUser {
    /// Name.
    pub name: String,
    /// Role.
    pub role: Role,
    /// Proof.
    pub proof: Proof,
}

/// What of a user changes; `None` stays as it is.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct UserChange {
    /// Role.
    pub role: Option<Role>,
    /// Whether the account is shut.
    pub disabled: Option<bool>,
    /// Hash of a password, in PHC form. Ends all sessions.
    pub password: Option<String>,
}

/// A browser that is signed in.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Session {
    /// Who.
    pub user: User,
    /// Since when.
    pub created: i64,
    /// When it was last used, to about a minute.
    pub seen: i64,
    /// Its end at the latest.
    pub expires: i64,
    /// From where it was opened.
    pub address: String,
}

/// A key for programs.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Token {
    /// Number, never used again.
    pub id: i64,
    /// Whose.
    pub user: User,
    /// What it is for.
    pub name: String,
    /// What it may; never more than its user.
    pub role: Role,
    /// Since when.
    pub created: i64,
    /// Its end, where it has one.
    pub expires: Option<i64>,
    /// When it was last used, to about a minute.
    pub used: Option<i64>,
}

impl Token {
    /// Whether it is good at `now`.
    #[must_use]
    pub fn holds(&self, now: i64) -> bool {
        self.user.disabled.is_none() && self.expires.is_none_or(|expires| expires > now)
    }
}

/// A token to be.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NewToken {
    /// Hash of the secret.
    pub hash: String,
    /// Whose.
    pub user: i64,
    /// What it is for.
    pub name: String,
    /// What it may.
    pub role: Role,
    /// Its end, where it has one.
    pub expires: Option<i64>,
}

/// What can be asked about who may do what.
pub trait Access {
    /// Whether there is any user.
    ///
    /// # Errors
    /// When the store cannot be read; so all of these.
    fn has_users(&self) -> Result<bool, StoreError>;
    /// Users after number `after`, in order of number.
    ///
    /// # Errors
    /// See [`Access::has_users`].
    fn users(&self, after: i64, limit: u32) -> Result<Vec<User>, StoreError>;
    /// One user.
    ///
    /// # Errors
    /// [`StoreError::Unknown`] where there is none.
    fn user(&self, id: i64) -> Result<User, StoreError>;
    /// The user of that name with the hash of its password, where it has one.
    ///
    /// # Errors
    /// See [`Access::has_users`].
    fn credential(&self, name: &str) -> Result<Option<(User, Option<String>)>, StoreError>;
    /// The user an identity provider knows by that subject.
    ///
    /// # Errors
    /// See [`Access::has_users`].
    fn provided(&self, issuer: &str, subject: &str) -> Result<Option<User>, StoreError>;
    /// The session of that hash, also one that has ended.
    ///
    /// # Errors
    /// See [`Access::has_users`].
    fn session(&self, hash: &str) -> Result<Option<Session>, StoreError>;
    /// The token of that hash, also one that has ended.
    ///
    /// # Errors
    /// See [`Access::has_users`].
    fn token(&self, hash: &str) -> Result<Option<Token>, StoreError>;
    /// Tokens after number `after`, of one user or of all, in order of number.
    ///
    /// # Errors
    /// See [`Access::has_users`].
    fn tokens(&self, user: Option<i64>, after: i64, limit: u32) -> Result<Vec<Token>, StoreError>;
    /// All settings.
    ///
    /// # Errors
    /// See [`Access::has_users`].
    fn settings(&self) -> Result<BTreeMap<String, Value>, StoreError>;
    /// Number of the last entry of the audit log: it grows with every change of the store.
    ///
    /// # Errors
    /// See [`Access::has_users`].
    fn last_change(&self) -> Result<i64, StoreError>;
}

/// What can be changed about who may do what.
pub trait Granting: Access {
    /// Makes the first user, only where there is none.
    ///
    /// # Errors
    /// [`StoreError::Refused`] where there is one.
    fn add_first_user(&mut self, new: &NewUser, actor: &Actor) -> Result<User, StoreError>;
    /// Makes a user.
    ///
    /// # Errors
    /// [`StoreError::Refused`] where the name is taken.
    fn add_user(&mut self, new: &NewUser, actor: &Actor) -> Result<User, StoreError>;
    /// Changes a user, and ends its sessions where it is shut or gets another role or password.
    ///
    /// # Errors
    /// [`StoreError::Refused`] where no admin would be left, [`StoreError::Unknown`].
    fn change_user(&mut self, id: i64, change: &UserChange, actor: &Actor) -> Result<User, StoreError>;
    /// Removes a user with its sessions and tokens; what it did stays in the log under its name.
    ///
    /// # Errors
    /// [`StoreError::Refused`] where no admin would be left, [`StoreError::Unknown`].
    fn remove_user(&mut self, id: i64, actor: &Actor) -> Result<(), StoreError>;
    /// Opens a session, and forgets those that have ended, and of more than [`SESSIONS_MAX`] those used longest ago.
    ///
    /// # Errors
    /// [`StoreError::Unknown`] where the user is gone.
    fn open_session(
        &mut self,
        hash: &str,
        user: i64,
        expires: i64,
        address: &str,
        actor: &Actor,
    ) -> Result<(), StoreError>;
    /// Notes that a session or token (by hash) is in use.
    ///
    /// # Errors
    /// When the store cannot be written.
    fn touch(&mut self, hash: &str, now: i64) -> Result<(), StoreError>;
    /// Ends a session.
    ///
    /// # Errors
    /// When the store cannot be written.
    fn end_session(&mut self, hash: &str, actor: &Actor) -> Result<(), StoreError>;
    /// Notes that somebody could not sign in to an account.
    ///
    /// # Errors
    /// When the store cannot be written.
    fn note_refusal(&mut self, user: &User, address: &str, actor: &Actor) -> Result<(), StoreError>;
    /// Makes a token.
    ///
    /// # Errors
    /// [`StoreError::Unknown`] where the user is gone, [`StoreError::Refused`] where it has [`TOKENS_MAX`].
    fn add_token(&mut self, new: &NewToken, actor: &Actor) -> Result<Token, StoreError>;
    /// Removes a token, of one user or of any.
    ///
    /// # Errors
    /// [`StoreError::Unknown`] where it is not there.
    fn remove_token(&mut self, id: i64, user: Option<i64>, actor: &Actor) -> Result<(), StoreError>;
    /// Changes settings, and gives all.
    ///
    /// # Errors
    /// When the store cannot be written.
    fn set(
        &mut self,
        changes: &BTreeMap<String, Value>,
        actor: &Actor,
    ) -> Result<BTreeMap<String, Value>, StoreError>;
}

const USER: &str = "users.id, users.name, users.role, users.password IS NOT NULL, users.issuer, users.created, \
    users.created_by, users.disabled, users.seen";
/// Columns of [`USER`].
const USER_COLUMNS: usize = 9;

fn user_of(row: &Row<'_>) -> rusqlite::Result<User> {
    Ok(User {
        id: row.get(0)?,
        name: row.get(1)?,
        role: Role::stored(&row.get::<_, String>(2)?),
        has_password: row.get(3)?,
        issuer: row.get(4)?,
        created: row.get(5)?,
        created_by: row.get(6)?,
        disabled: row.get(7)?,
        seen: row.get(8)?,
    })
}

fn token_of(row: &Row<'_>) -> rusqlite::Result<Token> {
    Ok(Token {
        user: user_of(row)?,
        id: row.get(USER_COLUMNS)?,
        name: row.get(USER_COLUMNS + 1)?,
        role: Role::stored(&row.get::<_, String>(USER_COLUMNS + 2)?),
        created: row.get(USER_COLUMNS + 3)?,
        expires: row.get(USER_COLUMNS + 4)?,
        used: row.get(USER_COLUMNS + 5)?,
    })
}

const READ: &str = "read who may do what";
const CHANGE: &str = "change who may do what";

fn user(connection: &Connection, id: i64) -> Result<User, StoreError> {
    let mut query =
        connection.prepare_cached(&format!("SELECT {USER} FROM users WHERE id = ?1")).doing(READ)?;
    let found = query.query_row([id], user_of).optional().doing(READ)?;
    found.ok_or(StoreError::Unknown { what: "user", id: id.to_string() })
}

fn token(connection: &Connection, id: i64) -> Result<Token, StoreError> {
    let sql = format!("SELECT {TOKEN} AND tokens.id = ?1");
    let found = connection.prepare_cached(&sql).doing(READ)?.query_row([id], token_of).optional();
    found.doing(READ)?.ok_or(StoreError::Unknown { what: "token", id: id.to_string() })
}

const TOKEN: &str = "users.id, users.name, users.role, users.password IS NOT NULL, users.issuer, users.created, \
    users.created_by, users.disabled, users.seen, tokens.id, tokens.name, tokens.role, tokens.created, \
    tokens.expires, tokens.used FROM tokens, users WHERE users.id = tokens.user";

impl Access for Reader {
    fn has_users(&self) -> Result<bool, StoreError> {
        let any = self.connection().query_row("SELECT EXISTS (SELECT 1 FROM users)", [], |row| row.get(0));
        any.doing(READ)
    }

    fn users(&self, after: i64, limit: u32) -> Result<Vec<User>, StoreError> {
        let sql = format!("SELECT {USER} FROM users WHERE id > ?1 ORDER BY id LIMIT ?2");
        let mut query = self.connection().prepare_cached(&sql).doing(READ)?;
        let rows = query.query_map(params![after, limit], user_of).doing(READ)?;
        rows.collect::<Result<_, _>>().doing(READ)
    }

    fn user(&self, id: i64) -> Result<User, StoreError> {
        user(self.connection(), id)
    }

    fn credential(&self, name: &str) -> Result<Option<(User, Option<String>)>, StoreError> {
        let sql = format!("SELECT {USER}, users.password FROM users WHERE name = ?1");
        let mut query = self.connection().prepare_cached(&sql).doing(READ)?;
        let found = query.query_row([name], |row| Ok((user_of(row)?, row.get(USER_COLUMNS)?)));
        found.optional().doing(READ)
    }

    fn provided(&self, issuer: &str, subject: &str) -> Result<Option<User>, StoreError> {
        let sql = format!("SELECT {USER} FROM users WHERE issuer = ?1 AND subject = ?2");
        let mut query = self.connection().prepare_cached(&sql).doing(READ)?;
        query.query_row([issuer, subject], user_of).optional().doing(READ)
    }

    fn session(&self, hash: &str) -> Result<Option<Session>, StoreError> {
        let sql = format!(
            "SELECT {USER}, sessions.created, sessions.seen, sessions.expires, sessions.address \
             FROM sessions, users WHERE users.id = sessions.user AND hash = ?1"
        );
        let mut query = self.connection().prepare_cached(&sql).doing(READ)?;
        let found = query.query_row([hash], |row| {
            Ok(Session {
                user: user_of(row)?,
                created: row.get(USER_COLUMNS)?,
                seen: row.get(USER_COLUMNS + 1)?,
                expires: row.get(USER_COLUMNS + 2)?,
                address: row.get(USER_COLUMNS + 3)?,
            })
        });
        found.optional().doing(READ)
    }

    fn token(&self, hash: &str) -> Result<Option<Token>, StoreError> {
        let sql = format!("SELECT {TOKEN} AND hash = ?1");
        let mut query = self.connection().prepare_cached(&sql).doing(READ)?;
        query.query_row([hash], token_of).optional().doing(READ)
    }

    fn tokens(&self, user: Option<i64>, after: i64, limit: u32) -> Result<Vec<Token>, StoreError> {
        let sql = format!(
            "SELECT {TOKEN} AND tokens.id > ?1 AND (?2 IS NULL OR tokens.user = ?2) ORDER BY tokens.id LIMIT ?3"
        );
        let mut query = self.connection().prepare_cached(&sql).doing(READ)?;
        let rows = query.query_map(params![after, user, limit], token_of).doing(READ)?;
        rows.collect::<Result<_, _>>().doing(READ)
    }

    fn settings(&self) -> Result<BTreeMap<String, Value>, StoreError> {
        settings(self.connection())
    }

    fn last_change(&self) -> Result<i64, StoreError> {
        let last =
            self.connection().query_row("SELECT coalesce(max(seq), 0) FROM audit", [], |row| row.get(0));
        last.doing("read the audit log")
    }
}

fn settings(connection: &Connection) -> Result<BTreeMap<String, Value>, StoreError> {
    let mut query = connection.prepare_cached("SELECT key, value FROM settings ORDER BY key").doing(READ)?;
    let rows = query.query_map([], |row| Ok((row.get(0)?, row.get::<_, String>(1)?))).doing(READ)?;
    let mut all = BTreeMap::new();
    for row in rows {
        let (key, value) = row.doing(READ)?;
        let value = serde_json::from_str(&value).map_err(|cause| StoreError::form("a setting", cause))?;
        all.insert(key, value);
    }
    Ok(all)
}

impl Access for Writer {
    fn has_users(&self) -> Result<bool, StoreError> {
        self.reading().has_users()
    }

    fn users(&self, after: i64, limit: u32) -> Result<Vec<User>, StoreError> {
        self.reading().users(after, limit)
    }

    fn user(&self, id: i64) -> Result<User, StoreError> {
        self.reading().user(id)
    }

    fn credential(&self, name: &str) -> Result<Option<(User, Option<String>)>, StoreError> {
        self.reading().credential(name)
    }

    fn provided(&self, issuer: &str, subject: &str) -> Result<Option<User>, StoreError> {
        self.reading().provided(issuer, subject)
    }

    fn session(&self, hash: &str) -> Result<Option<Session>, StoreError> {
        self.reading().session(hash)
    }

    fn token(&self, hash: &str) -> Result<Option<Token>, StoreError> {
        self.reading().token(hash)
    }

    fn tokens(&self, user: Option<i64>, after: i64, limit: u32) -> Result<Vec<Token>, StoreError> {
        self.reading().tokens(user, after, limit)
    }

    fn settings(&self) -> Result<BTreeMap<String, Value>, StoreError> {
        self.reading().settings()
    }

    fn last_change(&self) -> Result<i64, StoreError> {
        self.reading().last_change()
    }
}

/// Subject of the audit log's entries about a user.
pub(crate) fn about(name: &str) -> String {
    format!("user {name}")
}

pub(crate) fn insert_user(step: &Transaction<'_>, new: &NewUser, actor: &Actor) -> Result<User, StoreError> {
    let (password, issuer, subject) = match &new.proof {
        Proof::Password(hash) => (Some(hash), None, None),
        Proof::Provider { issuer, subject } => (None, Some(issuer), Some(subject)),
    };
    let taken = "SELECT EXISTS (SELECT 1 FROM users WHERE name = ?1 OR (issuer = ?2 AND subject = ?3))";
    let taken: bool =
        step.query_row(taken, params![new.name, issuer, subject], |row| row.get(0)).doing(CHANGE)?;
    if taken {
        return Err(StoreError::Refused(format!("there is a user `{}` already", new.name)));
    }
    let insert = "INSERT INTO users (name, role, password, issuer, subject, created, created_by) \
                  VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    let values = params![new.name, new.role.as_str(), password, issuer, subject, actor.at, actor.name];
    step.execute(insert, values).doing(CHANGE)?;
    let user = user(step, step.last_insert_rowid())?;
    let detail = json!({ "role": user.role.as_str(), "issuer": issuer });
    audit::append(step, actor, "add-user", &about(&user.name), &detail)?;
    Ok(user)
}

/// Refuses what would leave nobody to let anybody in.
fn keep_an_admin(step: &Transaction<'_>) -> Result<(), StoreError> {
    let any = "SELECT EXISTS (SELECT 1 FROM users WHERE role = 'admin' AND disabled IS NULL)";
    let any: bool = step.query_row(any, [], |row| row.get(0)).doing(CHANGE)?;
    if any {
        return Ok(());
    }
    Err(StoreError::Refused(
        "nobody with the role admin would be left; give it to somebody else first".into(),
    ))
}

impl Granting for Writer {
    fn add_first_user(&mut self, new: &NewUser, actor: &Actor) -> Result<User, StoreError> {
        let step = self.step().doing(CHANGE)?;
        let any: bool =
            step.query_row("SELECT EXISTS (SELECT 1 FROM users)", [], |row| row.get(0)).doing(CHANGE)?;
        if any {
            return Err(StoreError::Refused("there are users already; sign in".to_owned()));
        }
        let user = insert_user(&step, new, actor)?;
        step.commit().doing(CHANGE)?;
        Ok(user)
    }

    fn add_user(&mut self, new: &NewUser, actor: &Actor) -> Result<User, StoreError> {
        let step = self.step().doing(CHANGE)?;
        let user = insert_user(&step, new, actor)?;
        step.commit().doing(CHANGE)?;
        Ok(user)
    }

    fn change_user(&mut self, id: i64, change: &UserChange, actor: &Actor) -> Result<User, StoreError> {
        let step = self.step().doing(CHANGE)?;
        let before = user(&step, id)?;
        if let Some(role) = change.role {
            step.execute("UPDATE users SET role = ?2 WHERE id = ?1", params![id, role.as_str()])
                .doing(CHANGE)?;
        }
        if let Some(disabled) = change.disabled {
            let since = disabled.then(|| before.disabled.unwrap_or(actor.at));
            step.execute("UPDATE users SET disabled = ?2 WHERE id = ?1", params![id, since]).doing(CHANGE)?;
        }
        if let Some(hash) = &change.password {
            step.execute("UPDATE users SET password = ?2 WHERE id = ?1", params![id, hash]).doing(CHANGE)?;
        }
        keep_an_admin(&step)?;
        step.execute("DELETE FROM sessions WHERE user = ?1", [id]).doing(CHANGE)?;
        let after = user(&step, id)?;
        let detail = json!({
            "from": before.role.as_str(), "role": after.role.as_str(),
            "disabled": after.disabled.is_some(), "password": change.password.is_some(),
        });
        audit::append(&step, actor, "change-user", &about(&after.name), &detail)?;
        step.commit().doing(CHANGE)?;
        Ok(after)
    }

    fn remove_user(&mut self, id: i64, actor: &Actor) -> Result<(), StoreError> {
        let step = self.step().doing(CHANGE)?;
        let before = user(&step, id)?;
        step.execute("DELETE FROM users WHERE id = ?1", [id]).doing(CHANGE)?;
        keep_an_admin(&step)?;
        audit::append(
            &step,
            actor,
            "remove-user",
            &about(&before.name),
            &json!({ "role": before.role.as_str() }),
        )?;
        step.commit().doing(CHANGE)
    }

    fn open_session(
        &mut self,
        hash: &str,
        user_id: i64,
        expires: i64,
        address: &str,
        actor: &Actor,
    ) -> Result<(), StoreError> {
        let step = self.step().doing(CHANGE)?;
        let who = user(&step, user_id)?;
        step.execute("DELETE FROM sessions WHERE expires <= ?1", [actor.at]).doing(CHANGE)?;
        let beyond = "DELETE FROM sessions WHERE hash IN \
                      (SELECT hash FROM sessions WHERE user = ?1 ORDER BY seen DESC, created DESC, hash LIMIT -1 OFFSET ?2)";
        let ended = step.execute(beyond, params![user_id, SESSIONS_MAX - 1]).doing(CHANGE)?;
        let insert = "INSERT INTO sessions VALUES (?1, ?2, ?3, ?3, ?4, ?5)";
        step.execute(insert, params![hash, user_id, actor.at, expires, address]).doing(CHANGE)?;
        step.execute("UPDATE users SET seen = ?2 WHERE id = ?1", params![user_id, actor.at]).doing(CHANGE)?;
        let mut detail = json!({ "from": address });
        if let (Some(detail), true) = (detail.as_object_mut(), ended > 0) {
            detail.insert("sessions-ended".to_owned(), json!(ended));
        }
        audit::append(&step, actor, "sign-in", &about(&who.name), &detail)?;
        step.commit().doing(CHANGE)
    }

    fn touch(&mut self, hash: &str, now: i64) -> Result<(), StoreError> {
        let step = self.step().doing(CHANGE)?;
        step.execute("UPDATE sessions SET seen = max(seen, ?2) WHERE hash = ?1", params![hash, now])
            .doing(CHANGE)?;
        step.execute("UPDATE tokens SET used = ?2 WHERE hash = ?1", params![hash, now]).doing(CHANGE)?;
        step.commit().doing(CHANGE)
    }

    fn end_session(&mut self, hash: &str, actor: &Actor) -> Result<(), StoreError> {
        let step = self.step().doing(CHANGE)?;
        let ended = step.execute("DELETE FROM sessions WHERE hash = ?1", [hash]).doing(CHANGE)?;
        if ended > 0 {
            audit::append(&step, actor, "sign-out", &about(&actor.name), &json!({}))?;
        }
        step.commit().doing(CHANGE)
    }

    fn note_refusal(&mut self, user: &User, address: &str, actor: &Actor) -> Result<(), StoreError> {
        let step = self.step().doing(CHANGE)?;
        audit::append(&step, actor, "refuse-sign-in", &about(&user.name), &json!({ "from": address }))?;
        step.commit().doing(CHANGE)
    }

    fn add_token(&mut self, new: &NewToken, actor: &Actor) -> Result<Token, StoreError> {
        let step = self.step().doing(CHANGE)?;
        let who = user(&step, new.user)?;
        let alive = "SELECT count(*) FROM tokens WHERE user = ?1 AND (expires IS NULL OR expires > ?2)";
        let alive: u32 =
            step.query_row(alive, params![new.user, actor.at], |row| row.get(0)).doing(CHANGE)?;
        if alive >= TOKENS_MAX {
            return Err(StoreError::Refused(format!(
                "`{}` has {alive} tokens, and {TOKENS_MAX} are the most; remove one that is not used",
                who.name
            )));
        }
        let insert =
            "INSERT INTO tokens (hash, user, name, role, created, expires) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
        let values = params![new.hash, new.user, new.name, new.role.as_str(), actor.at, new.expires];
        step.execute(insert, values).doing(CHANGE)?;
        let made = token(&step, step.last_insert_rowid())?;
        let detail =
            json!({ "id": made.id, "name": made.name, "role": made.role.as_str(), "expires": made.expires });
        audit::append(&step, actor, "add-token", &about(&who.name), &detail)?;
        step.commit().doing(CHANGE)?;
        Ok(made)
    }

    fn remove_token(&mut self, id: i64, of: Option<i64>, actor: &Actor) -> Result<(), StoreError> {
        let step = self.step().doing(CHANGE)?;
        let gone = token(&step, id)?;
        if of.is_some_and(|user| user != gone.user.id) {
            return Err(StoreError::Unknown { what: "token", id: id.to_string() });
        }
        step.execute("DELETE FROM tokens WHERE id = ?1", [id]).doing(CHANGE)?;
        let detail = json!({ "id": id, "name": gone.name });
        audit::append(&step, actor, "remove-token", &about(&gone.user.name), &detail)?;
        step.commit().doing(CHANGE)
    }

    fn set(
        &mut self,
        changes: &BTreeMap<String, Value>,
        actor: &Actor,
    ) -> Result<BTreeMap<String, Value>, StoreError> {
        let step = self.step().doing("change settings")?;
        let before = settings(&step)?;
        for (key, value) in changes {
            step.execute("INSERT OR REPLACE INTO settings VALUES (?1, ?2)", params![key, value.to_string()])
                .doing("change settings")?;
        }
        let from: BTreeMap<&String, Option<&Value>> =
            changes.keys().map(|key| (key, before.get(key))).collect();
        audit::append(&step, actor, "change-settings", "store", &json!({ "from": from, "to": changes }))?;
        let after = settings(&step)?;
        step.commit().doing("change settings")?;
        Ok(after)
    }
}
