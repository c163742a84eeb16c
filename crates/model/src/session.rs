//! What clients offer when they open encrypted sessions.

use crate::Text;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

/// Most numbers kept of one list of an offer. Our limit, several times what clients offer; a longer list is cut, and the
/// offer is not [`SessionOffer::whole`].
pub const SESSION_NUMBERS_MAX: usize = 256;
/// Most application protocols kept of an offer. Our limit; more are left out, and the offer is not
/// [`SessionOffer::whole`].
pub const SESSION_PROTOCOLS_MAX: usize = 32;

/// What a client says of itself, in clear, when it opens an encrypted session. Numbers are those of the IANA registries;
/// lists are sorted, hold each value once, and no value that clients draw by lot.
#[derive(Clone, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct SessionOffer {
    /// Versions, as they stand on the wire.
    pub versions: Box<[u16]>,
    /// Cipher suites.
    pub suites: Box<[u16]>,
    /// Types of extensions.
    pub extensions: Box<[u16]>,
    /// Named groups of the key exchange.
    pub groups: Box<[u16]>,
    /// Signature algorithms.
    pub signatures: Box<[u16]>,
    /// Signature algorithms of certificates, where it tells them apart.
    pub certificate_signatures: Box<[u16]>,
    /// How it exchanges keys with an earlier session's secret.
    pub resumptions: Box<[u16]>,
    /// How certificates may be compressed.
    pub compressions: Box<[u16]>,
    /// Application protocols.
    pub protocols: Box<[Text]>,
    /// All of it was read and kept.
    pub whole: bool,
}

impl fmt::Debug for SessionOffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.whole { "SessionOffer" } else { "PartOfSessionOffer" })?;
        let lists = [
            ("versions", &self.versions),
            ("suites", &self.suites),
            ("extensions", &self.extensions),
            ("groups", &self.groups),
            ("signatures", &self.signatures),
            ("certificate_signatures", &self.certificate_signatures),
            ("resumptions", &self.resumptions),
            ("compressions", &self.compressions),
        ];
        for (name, list) in lists.into_iter().filter(|(_, list)| !list.is_empty()) {
            write!(f, " {name}=")?;
            for (at, number) in list.iter().enumerate() {
                write!(f, "{}{number:04x}", if at == 0 { "" } else { "," })?;
            }
        }
        for (at, name) in self.protocols.iter().enumerate() {
            write!(f, "{}{name}", if at == 0 { " protocols=" } else { "," })?;
        }
        Ok(())
    }
}

/// The different offers of one conversation's client.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Sessions {
    /// The offers.
    pub offers: BTreeSet<Arc<SessionOffer>>,
    /// How often there was another one that was not kept.
    pub unlisted: u64,
}

impl Sessions {
    /// Adds those of another conversation.
    pub fn add(&mut self, other: &Self) {
        self.offers.extend(other.offers.iter().cloned());
        self.unlisted += other.unlisted;
    }
}
