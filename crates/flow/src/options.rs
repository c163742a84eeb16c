//! What a run wants of the flow stage.

use crate::witness::Witness;
use hmac::{Hmac, KeyInit, Mac as _};
use model::{CaptureTime, CarriedFile, PatientToken, Pseudonym, Schema, Text};
use sha2::Sha256;
use std::sync::Arc;
use wire::PatientFields;

/// What a run wants; shared by all shards.
#[derive(Clone)]
pub struct Options {
    /// Which messages somebody reads.
    pub wants_message: Arc<dyn Fn(&'static Schema) -> bool + Send + Sync>,
    /// Whether somebody reads the samples of waveforms.
    pub waveforms: Waveforms,
    /// What becomes of patient identifiers.
    pub redaction: Redaction,
    /// Who keeps the content of carried files, if anybody.
    pub keeper: Option<Arc<dyn Keeper>>,
    /// Who keeps frames as evidence, if anybody.
    pub witness: Option<Arc<dyn Witness>>,
    /// Who seals who patients are, if anybody; only with [`Redaction::Pseudonym`].
    pub identities: Option<Arc<dyn Identities>>,
    /// Published default accounts with their secrets: `(account, secret)`.
    pub default_credentials: Arc<[(String, String)]>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            wants_message: Arc::new(|_| false),
            waveforms: Waveforms::Omit,
            redaction: Redaction::Withhold,
            keeper: None,
            witness: None,
            identities: None,
            default_credentials: Arc::new([]),
        }
    }
}

impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options").field("waveforms", &self.waveforms).finish_non_exhaustive()
    }
}

/// Whether observations carry the samples of waveforms.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Waveforms {
    /// Only how many there were.
    Omit,
    /// All of them.
    Carry,
}

/// What becomes of a patient identifier before it leaves the pipeline.
#[derive(Clone, Eq, PartialEq)]
pub enum Redaction {
    /// Left out.
    Withhold,
    /// HMAC-SHA-256 under this key, cut to 64 bits (FIPS 198-1).
    Pseudonym(Box<[u8]>),
    /// In clear: the operator gave a reason.
    Show,
}

impl std::fmt::Debug for Redaction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Withhold => "Withhold",
            Self::Pseudonym(_) => "Pseudonym(…)",
            Self::Show => "Show",
        })
    }
}

impl Redaction {
    /// What leaves the pipeline of `identifier`.
    #[must_use]
    pub fn token(&self, identifier: &[u8]) -> PatientToken {
        match self {
            Self::Withhold => PatientToken::Withheld,
            Self::Pseudonym(key) => PatientToken::Pseudonym(pseudonym(key, identifier)),
            Self::Show => PatientToken::Clear(Text::from_bytes(identifier)),
        }
    }
}

fn pseudonym(key: &[u8], identifier: &[u8]) -> Pseudonym {
    // HMAC takes keys of any length, so this cannot fail; zero would be visible as such.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return Pseudonym(0) };
    mac.update(identifier);
    let digest: [u8; 32] = mac.finalize().into_bytes().into();
    Pseudonym(digest.first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes)))
}

/// Keeps the content of carried files, for `--evidence`. Called from several threads; bytes may come in any
/// order of offsets and more than once.
pub trait Keeper: Send + Sync {
    /// Bytes of a file that is being carried. `file` is unique in the run.
    fn bytes(&self, file: u64, offset: u64, bytes: &[u8]);

    /// The file is over.
    fn end(&self, file: u64, carried: &CarriedFile);
}

/// Seals who patients are, for a site that turned a vault on. Called from several threads.
pub trait Identities: Send + Sync {
    /// A unit names the patient whose keyed hash is `patient`. What is borrowed here is in clear nowhere else.
    fn named(&self, patient: Pseudonym, fields: &PatientFields<'_>, time: CaptureTime);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pseudonym_is_the_hmac_of_rfc_4231() {
        // RFC 4231 test case 2.
        let token = Redaction::Pseudonym(b"Jefe".as_slice().into()).token(b"what do ya want for nothing?");
        assert_eq!(token, PatientToken::Pseudonym(Pseudonym(0x5BDC_C146_BF60_754E)));
    }
}
