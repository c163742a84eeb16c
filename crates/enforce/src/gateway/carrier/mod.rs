//! Ways by which a message reaches its receiver: one file each.

mod https;
mod mllp;
mod mqtt;
mod stream;
mod tls;

pub(super) use stream::connect;
pub use tls::{Identity, Login, TlsError};

use super::receiver::{Receiver, Way};
use super::{Kept, Outcome};
use std::io;
use std::time::Duration;

/// Longest that a receiver may take to accept a connection, or to acknowledge.
pub(super) const ANSWER_MAX: Duration = Duration::from_secs(10);

/// A way to a receiver. It connects when it must, and is thrown away after an error.
pub trait Carrier: Send {
    /// Hands on one message and waits until the receiver has it.
    ///
    /// # Errors
    /// Whether the receiver has it is not known; it goes again.
    fn send(&mut self, kept: &Kept, text: &[u8]) -> io::Result<Outcome>;

    /// Nothing is to be sent now: a connection may be kept alive.
    ///
    /// # Errors
    /// The receiver is gone.
    fn rest(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The way to a receiver, ready to be built again and again.
#[derive(Debug)]
pub struct Carriers {
    receiver: Receiver,
    identity: Identity,
}

impl Carriers {
    /// To a receiver, trusting and known as `identity` says.
    ///
    /// # Errors
    /// [`TlsError`]: it could never work.
    pub fn new(receiver: Receiver, identity: Identity) -> Result<Self, TlsError> {
        let carriers = Self { receiver, identity };
        carriers.make()?;
        Ok(carriers)
    }

    /// Whom to.
    #[must_use]
    pub const fn receiver(&self) -> &Receiver {
        &self.receiver
    }

    /// A way that is not connected yet.
    ///
    /// # Errors
    /// [`TlsError`].
    pub fn make(&self) -> Result<Box<dyn Carrier>, TlsError> {
        let Self { receiver, identity } = self;
        Ok(match receiver.way {
            Way::Mllp => Box::new(mllp::Mllp::new(receiver, None)?),
            Way::MllpTls => Box::new(mllp::Mllp::new(receiver, Some(identity.client()?))?),
            Way::Https => Box::new(https::Https::new(receiver, identity)?),
            Way::Mqtt => Box::new(mqtt::Mqtt::new(receiver, identity)?),
        })
    }
}
