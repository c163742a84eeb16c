//! The declared schema of protocol messages.
//!
//! A parser declares the fields it reads, once, beside the code that reads them. Rules, search, console and
//! manual iterate these declarations; nothing else lists fields.

use crate::{Mac, Privacy, Text};
use std::fmt;
use std::net::IpAddr;

/// One declared part of a message.
#[derive(Debug)]
pub struct Field {
    /// Name in `snake_case`, without the protocol.
    pub name: &'static str,
    /// Type of its values.
    pub kind: Kind,
    /// What may leave the pipeline.
    pub privacy: Privacy,
    /// One sentence for rule authors and the manual.
    pub doc: &'static str,
}

/// Type of a field's values, with the unit where there is one.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Kind {
    /// Text from the wire.
    Text,
    /// A number without a unit.
    Number,
    /// A number with a UCUM unit.
    Quantity(&'static str),
    /// True or false.
    Flag,
    /// A network address.
    Ip,
    /// A link address.
    Mac,
    /// Raw bytes.
    Bytes,
}

/// What a field held in one message.
#[derive(Clone, Eq, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// Text from the wire.
    Text(Text),
    /// A number.
    Number(u64),
    /// True or false.
    Flag(bool),
    /// A network address.
    Ip(IpAddr),
    /// A link address.
    Mac(Mac),
    /// Raw bytes.
    Bytes(Box<[u8]>),
}

impl Value {
    /// Text from wire bytes.
    #[must_use]
    pub fn text(bytes: &[u8]) -> Self {
        Self::Text(Text::from_bytes(bytes))
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => text.fmt(f),
            Self::Number(number) => number.fmt(f),
            Self::Flag(flag) => flag.fmt(f),
            Self::Ip(ip) => ip.fmt(f),
            Self::Mac(mac) => mac.fmt(f),
            Self::Bytes(bytes) => bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}")),
        }
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => fmt::Debug::fmt(text, f),
            other => fmt::Display::fmt(other, f),
        }
    }
}

/// The fields that one protocol declares.
#[derive(Debug)]
pub struct Schema {
    /// Name of the protocol, as in the registry.
    pub protocol: &'static str,
    /// Its fields, in reading order.
    pub fields: &'static [&'static Field],
}

/// One unit of a protocol, as the fields that were read from it.
///
/// `Patient` and `Secret` values never get here: the sink replaces or drops them.
#[derive(Clone, Debug)]
pub struct Message {
    /// Whose fields these are.
    pub schema: &'static Schema,
    /// Fields and their values in reading order; a field may repeat.
    pub fields: Box<[(&'static Field, Value)]>,
}

impl Message {
    /// The first value of the field called `name`.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&Value> {
        self.fields.iter().find(|(field, _)| field.name == name).map(|(_, value)| value)
    }
}
