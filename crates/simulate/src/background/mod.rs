//! What else goes on in a ward's network: all of it ordinary, none of it a finding.

pub(crate) mod browse;
pub(crate) mod chatter;
pub(crate) mod imaging;
pub(crate) mod lookup;
pub(crate) mod messages;
pub(crate) mod print;
pub(crate) mod shell;
