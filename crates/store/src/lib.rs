//! What is kept on disk: captures by hash, assets with history, findings that live, conversations, vital signs in
//! short, and the audit log.
//!
//! An edge: it opens files and waits for locks, and judges nothing. It takes a whole [`model::Report`], keeps it in
//! SQLite (ADR 0004), and answers in types of its own, since what was stored once must be readable by every later
//! version, whatever becomes of the types of `model`.
//!
//! * [`Reading`] and [`Writing`] are the seam: what the commands, later the console, ask of a store.
//! * One process writes at a time; any number read meanwhile.
//! * Every change is one transaction with its entry in the audit log: done as a whole or not at all, whenever the
//!   process is killed.
//! * Patients are keyed hashes or absent, also where the report shows them in clear. Who is behind a hash is sealed in the vault,
//!   where a site turned it on, and nowhere else.
//!
//! # Limits
//! A store grows with what is imported; `prune` is the operator's. Each finding keeps [`model::Finding::EVIDENCE_MAX`]
//! frames of evidence per import.

mod access;
mod asset;
mod audit;
mod backup;
mod browse;
mod error;
mod finding;
mod folder;
mod import;
mod live;
mod order;
mod outbox;
mod outbox_copy;
mod retention;
mod row;
mod seam;
mod sensor;
mod standing;
mod survey;
#[cfg(test)]
mod tests;
mod trend;
mod vault;
mod vouched;

pub use access::{
    Access, Granting, NewToken, NewUser, Proof, Role, SESSIONS_MAX, Session, TOKENS_MAX, Token, User,
    UserChange,
};
pub use asset::{
    ADDRESSES_MAX, AssetCard, AssetOrder, AssetQuery, AssetTally, StoredAsset, StoredCheck,
    StoredConversation, StoredNumeric, StoredVitals, Trait,
};
pub use audit::{Actor, Break, Chain, Entry};
pub use backup::{Copied, backup, restore};
pub use browse::{Bed, BedCard, Browsing, StoredCapture, Talk, TalkPlace, TalkQuery, TrendSpan};
pub use error::StoreError;
pub use finding::{
    Decided, Decision, FindingCard, FindingOrder, FindingQuery, FindingTally, Shown, State, StoredFinding,
    Suppression,
};
pub use folder::IfMissing;
pub use import::{Change, Changed, Imported, Meeting};
pub use live::{Extent, Kept, Recording, is_period, period};
pub use order::Sorting;
pub use outbox::{Course, Outbox, OutboxLog, REFUSED_MAX, Telling, Told, WAITING_MAX, Waiting, course};
pub use outbox_copy::CopiedOutbox;
pub use retention::{Prunable, Pruned, Trial};
pub use row::{AssetBody, Exposed, FindingBody, Sign, StoredDetail, StoredPeer};
pub use seam::{Reader, Reading, Writer, Writing};
pub use sensor::StoredSensor;
pub use standing::{Counted, Standing, Whereabouts};
pub use survey::{Edge, Place, Since, Surveying};
pub use trend::{StoredTrend, TrendQuery};
pub use vault::{
    Forgetting, Guarded, Guarding, Identity, Look, RECORDS_MAX, Sealed, Vault, VaultStanding, read_pseudonym,
};
pub use vouched::{Admission, Unvouched, Vouched, Vouching};
