//! What a device may ask for beside handing its vital signs on: addresses of names, the time, its own address.
//!
//! ```text
//! device ── question ──► read strictly, is it allowed? ── a question of ours ──► the hospital's server
//!        ◄── of the parsed fields, one station ── does it answer that question? ──◄
//! ```
//! * Nothing that either side wrote is passed on: each message is read to its last byte, and a new one is written of the
//!   few fields that the device needs.
//! * An answer goes out only to a question that is open, to the address that asked, never to a group. The kernel's rules say the
//!   same of datagrams: only back to who asked, and leases only to the addresses of the policy.
//! * Whatever else comes, from either side, is dropped, counted, and said once.

mod desk;
mod grant;
mod lease;
mod names;
mod time;

pub use desk::{Servers, Services, ServicesError, Tally, near};
pub use grant::{Asking, Grants, Leasing, PAIRS_MAX, Service};
pub use lease::{Lease, Leases, Reply};
pub use names::question_of_names;
pub use time::question_of_time;

use model::Malformed;

/// Why a message is not taken.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Why {
    /// It does not have its form.
    #[error("malformed: {0}")]
    Malformed(#[from] Malformed),
    /// It has, and is not allowed, or answers something else.
    #[error("{0}")]
    Refused(&'static str),
}

/// Checks an answer and writes the device's.
pub type Check = Box<dyn Fn(&[u8]) -> Result<Vec<u8>, Why> + Send>;

/// What becomes of a device's question.
pub enum Taken {
    /// It is answered here; nobody is asked.
    Answered(Vec<u8>),
    /// The hospital's server is asked this, and what it says is checked.
    Asked {
        /// Our question.
        question: Vec<u8>,
        /// Whether something answers it, and what the device is told then.
        check: Check,
    },
}

impl std::fmt::Debug for Taken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Answered(text) => f.debug_tuple("Answered").field(text).finish(),
            Self::Asked { question, .. } => {
                f.debug_struct("Asked").field("question", question).finish_non_exhaustive()
            }
        }
    }
}
