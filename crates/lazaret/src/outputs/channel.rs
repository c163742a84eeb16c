//! What all ways to a receiver have: they take messages, and say what became of them.

use super::file::{Output, Way};
use super::{datagram, mail, stream, webhook};
use export::notice::{Notice, Sender, Sent};

/// A message on its way.
#[derive(Clone, Debug)]
pub(super) struct Parcel {
    /// Its number in the outbox.
    pub(super) number: i64,
    /// What it says.
    pub(super) notice: Notice,
    /// Whether it may have arrived before.
    pub(super) sent: Sent,
}

/// Why messages were not delivered.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Fault {
    /// The receiver was not reached: nothing can have arrived.
    Unreached(String),
    /// It was reached, and did not confirm.
    Unconfirmed(String),
    /// It refuses this message, and may take others.
    Refused(String),
}

impl Fault {
    /// For people.
    pub(super) fn why(&self) -> &str {
        match self {
            Self::Unreached(why) | Self::Unconfirmed(why) | Self::Refused(why) => why,
        }
    }
}

/// A way to a receiver.
pub(super) trait Channel: Send {
    /// Most messages taken at once.
    fn most(&self) -> usize;

    /// Whether a receiver may die with messages it seemed to have taken: then they are kept until it was reached again.
    fn doubts(&self) -> bool;

    /// Reaches the receiver anew, for [`Channel::send`].
    fn open(&mut self) -> Result<(), Fault>;

    /// Nothing is to be sent now; what was opened is closed.
    fn close(&mut self) {}

    /// Sends all of them, at least one, or says why not. After an error any of them may have arrived, but for
    /// [`Fault::Unreached`].
    fn send(&mut self, parcels: &[Parcel]) -> Result<(), Fault>;
}

/// The way of an output.
pub(super) fn channel(output: &Output, sender: &Sender) -> Result<Box<dyn Channel>, String> {
    Ok(match &output.way {
        Way::Stream(plan) => Box::new(stream::Stream::new(plan, sender)?),
        Way::Datagram(plan) => Box::new(datagram::Datagram::new(plan, sender)),
        Way::Webhook(plan) => Box::new(webhook::Webhook::new(plan, sender)?),
        Way::Mail(plan) => Box::new(mail::Mail::new(plan, &output.name)?),
    })
}
