//! Use of remote storage, whatever the protocol.

use crate::Text;

/// What was asked of remote storage.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum StorageStep {
    /// Where is the file service? (portmapper, rpcbind)
    Locate,
    /// Attach a remote directory.
    Mount,
    /// Let go of it.
    Unmount,
    /// List or look up names.
    Browse,
    /// Read content.
    Read,
    /// Write, create, rename or delete.
    Write,
}

/// Whether the request was granted.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum StorageOutcome {
    /// The request itself: no answer seen yet.
    Asked,
    /// Granted.
    Granted,
    /// Refused, with the status number of the protocol.
    Refused(u32),
}

/// One use of remote storage. The origin is the side that asked, also for answers.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Storage {
    /// What was asked.
    pub step: StorageStep,
    /// Whether it was granted.
    pub outcome: StorageOutcome,
    /// Export, directory or file, as far as known.
    pub path: Option<Text>,
    /// Name of the file service asked for, as a person would say it: `NFS`, `SMB`, `TFTP`, `FTP`.
    pub service: &'static str,
}
