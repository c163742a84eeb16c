//! The folder with what is needed to go back: written and synchronised before anything is changed.
//!
//! ```text
//! plan.json    which policy, for how long on trial
//! undo.nft     what stood in the table before
//! rules        the statements of the policy, one a line
//! expected     the listing after the last load, to tell drift
//! ```

use super::nft::EnforceError;
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// Longest file that is read back, in bytes. Our limit; what is longer was not written by us.
const FILE_BYTES_MAX: u64 = 64 << 20;

/// What is known of the last change.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Kept {
    /// Id of the policy.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Whether everything else that is forwarded is dropped.
    pub segment: bool,
    /// How long the trial was to be, in seconds.
    pub seconds: u32,
    /// Addresses and networks of the devices that the policy decides about.
    #[serde(default)]
    pub devices: Vec<String>,
}

/// The folder.
#[derive(Clone, Debug)]
pub struct Place {
    folder: PathBuf,
}

impl Place {
    /// The folder, made where it is not there; its owner's alone.
    ///
    /// # Errors
    /// [`EnforceError::Place`] where that fails.
    pub fn open(folder: &Path) -> Result<Self, EnforceError> {
        let failed = |cause| EnforceError::Place { what: "make the folder", path: folder.to_owned(), cause };
        fs::create_dir_all(folder).map_err(failed)?;
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).map_err(failed)?;
        }
        Ok(Self { folder: folder.to_owned() })
    }

    fn save(&self, name: &str, content: &str) -> Result<(), EnforceError> {
        let path = self.folder.join(name);
        let part = self.folder.join(format!("{name}.part"));
        let saved = || -> io::Result<()> {
            let mut file = File::create(&part)?;
            file.write_all(content.as_bytes())?;
            file.sync_all()?;
            fs::rename(&part, &path)?;
            File::open(&self.folder)?.sync_all()
        };
        saved().map_err(|cause| EnforceError::Place { what: "write", path: path.clone(), cause })
    }

    fn load(&self, name: &str) -> Result<Option<String>, EnforceError> {
        let path = self.folder.join(name);
        match fs::metadata(&path) {
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(None),
            Ok(meta) if meta.len() > FILE_BYTES_MAX => return Err(EnforceError::Form(path)),
            _ => {}
        }
        let read = fs::read_to_string(&path);
        read.map(Some).map_err(|cause| EnforceError::Place { what: "read", path, cause })
    }

    /// Writes what going back needs; the plan last, since it is what tells that the rest is there.
    pub(crate) fn write(&self, kept: &Kept, undo: &str, statements: &[String]) -> Result<(), EnforceError> {
        self.clear()?;
        self.save("undo.nft", undo)?;
        self.save("rules", &(statements.join("\n") + "\n"))?;
        let plan = serde_json::to_string_pretty(kept);
        let plan = plan.map_err(|_| EnforceError::Form(self.folder.join("plan.json")))?;
        self.save("plan.json", &plan)
    }

    pub(crate) fn expect(&self, listing: &str) -> Result<(), EnforceError> {
        self.save("expected", listing)
    }

    /// What is kept of the last change.
    ///
    /// # Errors
    /// [`EnforceError`] where it cannot be read, or is not what was written.
    pub fn read(&self) -> Result<Option<Kept>, EnforceError> {
        let Some(plan) = self.load("plan.json")? else { return Ok(None) };
        let kept = serde_json::from_str(&plan);
        kept.map(Some).map_err(|_| EnforceError::Form(self.folder.join("plan.json")))
    }

    pub(crate) fn undo(&self) -> Result<String, EnforceError> {
        self.load("undo.nft")?.ok_or_else(|| EnforceError::Form(self.folder.join("undo.nft")))
    }

    pub(crate) fn statements(&self) -> Result<Vec<String>, EnforceError> {
        let rules = self.load("rules")?.ok_or_else(|| EnforceError::Form(self.folder.join("rules")))?;
        Ok(rules.lines().map(str::to_owned).collect())
    }

    pub(crate) fn expected(&self) -> Result<Option<String>, EnforceError> {
        self.load("expected")
    }

    /// Forgets the last change; the plan first.
    pub(crate) fn clear(&self) -> Result<(), EnforceError> {
        for name in ["plan.json", "undo.nft", "rules", "expected"] {
            let path = self.folder.join(name);
            match fs::remove_file(&path) {
                Err(cause) if cause.kind() != io::ErrorKind::NotFound => {
                    return Err(EnforceError::Place { what: "remove", path, cause });
                }
                _ => {}
            }
        }
        Ok(())
    }
}
