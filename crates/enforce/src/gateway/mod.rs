//! The gateway: cuts a monitor off and keeps its vital signs flowing.
//!
//! It stands on the device's segment and owns the addresses that the maker hard-coded, so that the device finds its
//! "central station" without any way out. It accepts connections on the ports of that station, answers nothing that a
//! device does not need, reads vital signs, keeps each cycle, and hands them on.
//!
//! ```text
//! device ──TCP──► accept ──► Session: bytes → cycles ──► a Buffer (durable) ──► deliver ──► Carrier: MLLP, FHIR, MQTT
//!                 a thread a connection                  for each receiver     a thread for each
//! kernel: everything else that comes from the device's side is dropped, in and across, whether this process lives or not
//! ```
//!
//! * [`Rules`] is the kernel's part, as text for `nft -f`. It is loaded before an address is taken, stays when the
//!   process dies, and lets nothing through that this module does not take.
//! * A cycle is *accepted* when the buffer has it. What the device has sent and the buffer does not have is no loss of
//!   an accepted cycle; it shows as a gap.
//! * The gateway originates no datagram towards the device, and no connection. What a device asks for and its policy allows
//!   ([`service`]: names, the time, its address) is asked in its place, and answered to it alone.
//! * Patients are not handed on: identifiers stay out of the messages and out of the buffer. A [`Central`] station that gets
//!   the device's own stream is the exception, named by whoever runs the gateway.

mod accept;
#[doc(hidden)]
pub mod any;
mod carrier;
mod cycle;
mod deliver;
mod kernel;
mod original;
mod receiver;
mod rules;
pub mod service;
mod session;

pub use accept::{CONNECTIONS_MAX, Counters, Lane, Station};
pub use carrier::{Carrier, Carriers, Identity, Login, TlsError};
pub use cycle::{Cycle, GAP_MIN, LATE_MIN, late};
pub use deliver::{Delivery, Outcome};
pub use kernel::{Kernel, KernelError};
pub use original::{Bytes, Central, STALE_MIN};
pub use receiver::{Form, Receiver, ReceiverError, Way};
pub use rules::{Interface, Ports, Rules, RulesError, TABLE};
pub use session::{Session, Unread};

use model::CaptureTime;
use std::error::Error;

/// A message for the ward, as it is kept.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Kept {
    /// Its place in the order of acceptance.
    pub number: i64,
    /// When its cycle came.
    pub accepted: CaptureTime,
    /// The message, in the form of its receiver.
    pub text: Vec<u8>,
}

/// Why a buffer did not do what was asked.
pub type BufferError = Box<dyn Error + Send + Sync>;

/// Where accepted cycles wait for the receiver; survives the process.
pub trait Buffer: Send {
    /// When the last cycle of `source` was accepted, ever.
    ///
    /// # Errors
    /// What its medium says.
    fn last(&self, source: &str) -> Result<Option<CaptureTime>, BufferError>;

    /// Keeps a message. Once this returns, neither a killed process nor a receiver that is down loses it.
    ///
    /// # Errors
    /// What its medium says; then the message is not kept.
    fn put(&mut self, source: &str, accepted: CaptureTime, text: &[u8]) -> Result<(), BufferError>;

    /// The oldest messages that were not delivered, at most `most`.
    ///
    /// # Errors
    /// What its medium says.
    fn oldest(&self, most: usize) -> Result<Vec<Kept>, BufferError>;

    /// A message is settled.
    ///
    /// # Errors
    /// What its medium says; then it may be delivered again.
    fn settle(&mut self, number: i64, outcome: Outcome) -> Result<(), BufferError>;

    /// Messages that wait.
    ///
    /// # Errors
    /// What its medium says.
    fn waiting(&self) -> Result<i64, BufferError>;
}
