//! What a sensor gives away before it reads the first frame: capabilities, new privileges, files, connections.
//!
//! A frame is written by whoever is on the network. Should one of them ever make this process do something else, there
//! is nothing left that it may do but read the socket it has and write where its results go.

use crate::exit::Failure;
use landlock::{
    ABI, Access as _, AccessFs, AccessNet, BitFlags, PathBeneath, PathFd, Ruleset, RulesetAttr as _,
    RulesetCreatedAttr as _, RulesetError, RulesetStatus, Scope,
};
use rustix::thread::{CapabilitySet, CapabilitySets};
use std::path::{Path, PathBuf};

/// Newest interface of Landlock that is asked for; an older kernel gives what it has.
const LANDLOCK: ABI = ABI::V6;

/// How much of Landlock this kernel enforces.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Files {
    /// All that was asked for.
    Restricted,
    /// What an older kernel has of it.
    InPart,
    /// Nothing: the kernel has no Landlock, or it is switched off.
    Open,
}

/// Gives everything away but writing below `folders`. Binds threads started from now on as well, so it comes before them.
///
/// # Errors
/// Where capabilities could not be dropped, or a folder is not there.
pub(crate) fn confine(folders: &[PathBuf]) -> Result<Files, Failure> {
    drop_capabilities().map_err(|(step, cause)| Failure::Confine { step, cause: cause.into() })?;
    if let Some(folder) = folders.iter().find(|folder| !folder.is_dir()) {
        return Err(Failure::Usage(format!("there is no folder `{}` to write to", folder.display())));
    }
    restrict_files(folders).map_err(|cause| Failure::Confine { step: "Landlock", cause: cause.into() })
}

/// The folder that a file lies in.
pub(crate) fn folder_of(file: &Path) -> PathBuf {
    file.parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .map_or_else(|| PathBuf::from("."), Path::to_owned)
}

/// Gives away every capability, and the right to get new ones.
pub(crate) fn drop_capabilities() -> Result<(), (&'static str, rustix::io::Errno)> {
    let failed = |step| move |cause| (step, cause);
    rustix::thread::set_no_new_privs(true).map_err(failed("no new privileges"))?;
    // The bounding and ambient sets only matter to programs that this one starts, and it starts none. Whoever has no
    // right to shrink them may leave them.
    for capability in CapabilitySet::all().iter() {
        let _ = rustix::thread::remove_capability_from_bounding_set(capability);
    }
    let _ = rustix::thread::clear_ambient_capability_set();
    let none = CapabilitySet::empty();
    let none = CapabilitySets { effective: none, permitted: none, inheritable: none };
    rustix::thread::set_capabilities(None, none).map_err(failed("capabilities"))
}

fn restrict_files(folders: &[PathBuf]) -> Result<Files, RulesetError> {
    let write: BitFlags<AccessFs> = AccessFs::WriteFile
        | AccessFs::ReadFile
        | AccessFs::ReadDir
        | AccessFs::MakeReg
        | AccessFs::RemoveFile
        | AccessFs::Truncate;
    let mut rules = Ruleset::default()
        .handle_access(AccessFs::from_all(LANDLOCK))?
        .handle_access(AccessNet::from_all(LANDLOCK))?
        .scope(Scope::from_all(LANDLOCK))?
        .create()?;
    for folder in folders {
        // One that went away since it was looked at gets no rule, and writing to it fails and is told.
        if let Ok(folder) = PathFd::new(folder) {
            rules = rules.add_rule(PathBeneath::new(folder, write))?;
        }
    }
    Ok(match rules.restrict_self()?.ruleset {
        RulesetStatus::FullyEnforced => Files::Restricted,
        RulesetStatus::PartiallyEnforced => Files::InPart,
        RulesetStatus::NotEnforced => Files::Open,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_a_folder_lies_in_the_current_one() {
        assert_eq!(folder_of(Path::new("ward.json")), Path::new("."));
        assert_eq!(folder_of(Path::new("/var/lib/lazaret/ward.json")), Path::new("/var/lib/lazaret"));
    }
}
