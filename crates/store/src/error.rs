//! What can go wrong with a store.

use std::io;
use std::path::PathBuf;

/// Why the store did not do what was asked. Nothing was changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// There is none.
    #[error("there is no store at `{0}`; `lazaret scan --store {0} CAPTURE` makes one")]
    Missing(String),
    /// The folder holds something else.
    #[error("`{}` is not a store of Lazaret and not empty; name another folder", .0.display())]
    Foreign(PathBuf),
    /// Made by a later version.
    #[error("the store `{}` has version {found}; this Lazaret knows versions up to {known}: use a newer one", path.display())]
    Newer {
        /// The store.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// The latest this build knows.
        known: i64,
    },
    /// Another process writes.
    #[error("the store `{}` is being written by another process{by}; try again when it is done", path.display())]
    InUse {
        /// The store.
        path: PathBuf,
        /// ` (process 1234)`, where it said so.
        by: String,
    },
    /// No room.
    #[error("the disk of the store is full; nothing was changed. Make room, or `lazaret store prune`")]
    Full,
    /// The file is broken.
    #[error("the store is damaged ({0}); restore a backup into a new folder: `lazaret store restore`")]
    Damaged(String),
    /// A capture was read without its hash.
    #[error("`{0}` was read without its hash, by which the store knows captures")]
    NoHash(String),
    /// Some captures are in the store together with others that this scan does not have.
    #[error(
        "{known} is in the store already, scanned together with captures that are not in this scan, so that its \
         findings cannot be told from theirs; scan the new captures by themselves: {new}"
    )]
    Overlap {
        /// Captures that are in the store.
        known: String,
        /// Captures that are not.
        new: String,
    },
    /// No such thing.
    #[error("there is no {what} {id} in the store")]
    Unknown {
        /// `finding`, `asset`.
        what: &'static str,
        /// As it was asked for.
        id: String,
    },
    /// What was asked cannot be done with it as it is.
    #[error("{0}")]
    Refused(String),
    /// No vault was ever turned on.
    #[error("the store has no vault; `--vault` of scan, watch or serve makes one")]
    NoVault,
    /// The passphrase is another one than the vault's.
    #[error(
        "this is not the passphrase of the store's vault; give the one it was made with, or last rotated to"
    )]
    VaultKey,
    /// The key of the vault was rotated, or it was made anew, since it was opened.
    #[error(
        "the key of the store's vault was changed since this process started; start it again with the new passphrase"
    )]
    VaultChanged,
    /// What the vault holds is not as it was written, or not in its place.
    #[error(
        "{0} in the store's vault is not as it was written; `lazaret store vault forget` takes a record out"
    )]
    VaultDamaged(String),
    /// A file or folder refuses.
    #[error("cannot {doing} `{}`", path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// With what.
        path: PathBuf,
        /// Why not.
        #[source]
        cause: io::Error,
    },
    /// SQLite refuses.
    #[error("the store cannot {doing}")]
    Sqlite {
        /// What was tried.
        doing: &'static str,
        /// Why not.
        #[source]
        cause: rusqlite::Error,
    },
    /// Something that was stored does not have its form.
    #[error("the store holds {what} that cannot be read")]
    Form {
        /// What.
        what: &'static str,
        /// Why not.
        #[source]
        cause: serde_json::Error,
    },
}

/// Says what was being done when SQLite refused.
pub(crate) trait Doing<T> {
    /// In words that follow "cannot".
    fn doing(self, doing: &'static str) -> Result<T, StoreError>;
}

impl<T> Doing<T> for Result<T, rusqlite::Error> {
    fn doing(self, doing: &'static str) -> Result<T, StoreError> {
        use rusqlite::ErrorCode::{DatabaseCorrupt, DiskFull, NotADatabase};
        self.map_err(|cause| match cause.sqlite_error_code() {
            Some(DiskFull) => StoreError::Full,
            Some(DatabaseCorrupt | NotADatabase) => StoreError::Damaged(cause.to_string()),
            _ => StoreError::Sqlite { doing, cause },
        })
    }
}

impl StoreError {
    pub(crate) const fn form(what: &'static str, cause: serde_json::Error) -> Self {
        Self::Form { what, cause }
    }
}
