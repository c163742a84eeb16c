//! How the vault seals: where keys come from, what a record holds, and what is bound to what.
//!
//! ```text
//! passphrase, salt ── Argon2id ──► wrapping key ── HKDF ──► known: tells a wrong passphrase
//!                                                └────────► opens the keys of the vault: of records, of hashes
//! key of records, 32 random bytes of a record ── HKDF ──► key of one sealing, used once
//! ```
//! | what | form | bound besides |
//! |---|---|---|
//! | keys | nonce 12, then sealed: key of records 32, key of hashes 32, tag 16 | id of the vault, how the wrapping key is made |
//! | record | random 32, then sealed: content, tag 16 | id of the vault, patient 8, first 8, last 8 |
//! | content | version 1, bed 1 + 2, length 2 and name, length 2 and number, zeros up to a multiple of 128 | |
//!
//! Numbers are little-endian. AES-256-GCM (NIST SP 800-38D), HKDF-SHA256 (RFC 5869), Argon2id (RFC 9106): those of the evidence ring
//! (ADR 0012). Each sealing of a record has a key of its own, so its nonce may be zero. Contents are padded, so that their lengths do
//! not tell names apart.

use super::Identity;
use crate::error::StoreError;
use argon2::{Algorithm, Argon2, Params, Version};
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hkdf::{HKDF_SHA256, Prk};
use model::Pseudonym;
use std::fmt;
use zeroize::{Zeroize as _, Zeroizing};

pub(super) const ID_BYTES: usize = 16;
pub(super) const SALT_BYTES: usize = 16;
pub(super) const KEY_BYTES: usize = 32;
const NONCE_BYTES: usize = 12;
const TAG_BYTES: usize = 16;
const RANDOM_BYTES: usize = 32;
/// Contents are padded to a multiple of this, in bytes.
const PADDED_BYTES: usize = 128;
/// Form of a content.
const VERSION: u8 = 1;
/// Longest name or number that is kept, in bytes. Our limit: a longer one is cut, and ends in `…`.
pub(super) const TEXT_BYTES_MAX: usize = 256;

/// Memory of the wrapping key's making, in KiB, with three passes and one lane: about half a second.
const MEMORY_KIB: u32 = if cfg!(test) { 64 } else { 65_536 };
const PASSES: u32 = 3;
const LANES: u32 = 1;
/// Most memory that a vault may ask for, in KiB, and most passes and lanes. Our limits: the store may be anybody's.
const MEMORY_KIB_MAX: u32 = 1 << 20;
const PASSES_MAX: u32 = 16;
const LANES_MAX: u32 = 16;

fn impossible(what: &'static str) -> StoreError {
    StoreError::Refused(format!("the vault cannot be used: {what}"))
}

/// Random bytes.
pub(super) fn random<const BYTES: usize>() -> Result<[u8; BYTES], StoreError> {
    let mut bytes = [0; BYTES];
    getrandom::fill(&mut bytes).map_err(|_| impossible("the system gives no randomness"))?;
    Ok(bytes)
}

/// How the wrapping key is made.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Making {
    pub(super) memory_kib: u32,
    pub(super) passes: u32,
    pub(super) lanes: u32,
    pub(super) salt: [u8; SALT_BYTES],
}

impl Making {
    /// For a new passphrase.
    pub(super) fn new() -> Result<Self, StoreError> {
        Ok(Self { memory_kib: MEMORY_KIB, passes: PASSES, lanes: LANES, salt: random()? })
    }

    /// The wrapping key; it only makes others.
    fn key(&self, passphrase: &[u8]) -> Result<Prk, StoreError> {
        let Self { memory_kib, passes, lanes, salt } = self;
        let bounded = *memory_kib <= MEMORY_KIB_MAX
            && (1..=PASSES_MAX).contains(passes)
            && (1..=LANES_MAX).contains(lanes);
        if !bounded {
            return Err(StoreError::VaultDamaged("how its key is made".to_owned()));
        }
        let damaged = |_| StoreError::VaultDamaged("how its key is made".to_owned());
        let parameters = Params::new(*memory_kib, *passes, *lanes, Some(KEY_BYTES)).map_err(damaged)?;
        let mut key = Zeroizing::new([0; KEY_BYTES]);
        Argon2::new(Algorithm::Argon2id, Version::V0x13, parameters)
            .hash_password_into(passphrase, salt, &mut *key)
            .map_err(|_| impossible("the key cannot be made of the passphrase"))?;
        Ok(Prk::new_less_safe(HKDF_SHA256, &*key))
    }

    /// What the seal of the keys binds.
    fn bound(&self, id: &[u8; ID_BYTES]) -> Vec<u8> {
        let Self { memory_kib, passes, lanes, salt } = self;
        let numbers = [memory_kib, passes, lanes].map(|number| number.to_le_bytes()).concat();
        [&b"lazaret.vault/1 keys"[..], id, &numbers, salt].concat()
    }
}

/// A key for one purpose.
fn derived(from: &Prk, purpose: &[u8], more: &[u8]) -> Result<Zeroizing<[u8; KEY_BYTES]>, StoreError> {
    let mut key = Zeroizing::new([0; KEY_BYTES]);
    let info = [purpose, more];
    let made = from.expand(&info, HKDF_SHA256).and_then(|made| made.fill(&mut *key));
    made.map_err(|_| impossible("a key cannot be derived"))?;
    Ok(key)
}

fn cipher(key: &[u8; KEY_BYTES]) -> Result<LessSafeKey, StoreError> {
    let key = UnboundKey::new(&AES_256_GCM, key).map_err(|_| impossible("a key cannot be made"))?;
    Ok(LessSafeKey::new(key))
}

/// What the store keeps of a vault itself.
#[derive(Clone, Debug)]
pub(super) struct Header {
    pub(super) id: [u8; ID_BYTES],
    pub(super) making: Making,
    pub(super) known: Vec<u8>,
    pub(super) keys: Vec<u8>,
}

/// An open vault: what seals records, opens them, and hashes identifiers. Its keys leave memory with it.
pub struct Vault {
    id: [u8; ID_BYTES],
    records: Zeroizing<[u8; KEY_BYTES]>,
    hashes: Zeroizing<[u8; KEY_BYTES]>,
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Vault(…)")
    }
}

/// A record as it is stored.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Sealed {
    /// First seen, in nanoseconds of capture time; bound by the seal.
    pub(super) first: i64,
    /// Last seen, in nanoseconds of capture time; bound by the seal.
    pub(super) last: i64,
    pub(super) bytes: Vec<u8>,
}

impl Vault {
    /// With new keys; that of hashes is `hashes` where there is one already.
    pub(super) fn new(hashes: Option<&[u8; KEY_BYTES]>) -> Result<Self, StoreError> {
        let hashes = Zeroizing::new(hashes.copied().map_or_else(random, Ok)?);
        Ok(Self { id: random()?, records: Zeroizing::new(random()?), hashes })
    }

    /// Names the vault until its key is rotated.
    pub(super) const fn id(&self) -> &[u8; ID_BYTES] {
        &self.id
    }

    /// The key that the identifiers of this vault's patients are hashed with. It stays when the vault's own key is rotated, so that
    /// hashes in the store go on to mean the same patients.
    #[must_use]
    pub fn hash_key(&self) -> &[u8] {
        &*self.hashes
    }

    /// The same with a new id and a new key of records, for a rotation.
    pub(super) fn renewed(&self) -> Result<Self, StoreError> {
        Self::new(Some(&self.hashes))
    }

    /// As the store keeps it, for who knows the passphrase.
    pub(super) fn header(&self, passphrase: &[u8]) -> Result<Header, StoreError> {
        let making = Making::new()?;
        let wrapping = making.key(passphrase)?;
        let known = derived(&wrapping, b"lazaret.vault/1 known", &self.id)?.to_vec();
        let nonce: [u8; NONCE_BYTES] = random()?;
        // With room for the tag: what grows leaves its old place behind.
        let mut sealed = Zeroizing::new(Vec::with_capacity(2 * KEY_BYTES + TAG_BYTES));
        sealed.extend_from_slice(&*self.records);
        sealed.extend_from_slice(&*self.hashes);
        cipher(&*derived(&wrapping, b"lazaret.vault/1 keys", &self.id)?)?
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(making.bound(&self.id)),
                &mut *sealed,
            )
            .map_err(|_| impossible("its keys cannot be sealed"))?;
        Ok(Header { id: self.id, making, known, keys: [&nonce[..], &sealed].concat() })
    }

    /// From what the store keeps.
    ///
    /// # Errors
    /// [`StoreError::VaultKey`] where the passphrase is another, [`StoreError::VaultDamaged`] where the header is not as it was written.
    pub(super) fn open(header: &Header, passphrase: &[u8]) -> Result<Self, StoreError> {
        let Header { id, making, known, keys } = header;
        let wrapping = making.key(passphrase)?;
        let is_known = derived(&wrapping, b"lazaret.vault/1 known", id)?;
        verify_slices_are_equal(known, &*is_known).map_err(|_| StoreError::VaultKey)?;
        let damaged = || StoreError::VaultDamaged("its keys".to_owned());
        let (nonce, sealed) = keys.split_first_chunk::<NONCE_BYTES>().ok_or_else(damaged)?;
        let mut sealed = Zeroizing::new(sealed.to_vec());
        let opened = cipher(&*derived(&wrapping, b"lazaret.vault/1 keys", id)?)?
            .open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(making.bound(id)), &mut sealed)
            .map_err(|_| damaged())?;
        let (records, hashes) = opened.split_first_chunk::<KEY_BYTES>().ok_or_else(damaged)?;
        let hashes: &[u8; KEY_BYTES] = hashes.try_into().map_err(|_| damaged())?;
        Ok(Self { id: *id, records: Zeroizing::new(*records), hashes: Zeroizing::new(*hashes) })
    }

    /// The key of one sealing.
    fn sealing(&self, random: &[u8; RANDOM_BYTES]) -> Result<LessSafeKey, StoreError> {
        let from = Prk::new_less_safe(HKDF_SHA256, &*self.records);
        cipher(&*derived(&from, b"lazaret.vault/1 record", random)?)
    }

    /// What the seal of a record binds: nothing of it can be moved to another patient, time or vault.
    fn bound(&self, patient: Pseudonym, (first, last): (i64, i64)) -> Vec<u8> {
        let (patient, first, last) = (patient.0.to_le_bytes(), first.to_le_bytes(), last.to_le_bytes());
        [&b"lazaret.vault/1 record"[..], &self.id, &patient, &first, &last].concat()
    }

    /// Seals who a patient is.
    ///
    /// # Errors
    /// Where the system gives no randomness.
    pub fn seal(&self, patient: Pseudonym, identity: &Identity) -> Result<Sealed, StoreError> {
        let random = random()?;
        let mut content = content(identity);
        self.sealing(&random)?
            .seal_in_place_append_tag(
                // The key is of this sealing alone.
                Nonce::assume_unique_for_key([0; NONCE_BYTES]),
                Aad::from(self.bound(patient, (identity.first, identity.last))),
                &mut *content,
            )
            .map_err(|_| impossible("a record cannot be sealed"))?;
        let bytes = [&random[..], &content].concat();
        Ok(Sealed { first: identity.first, last: identity.last, bytes })
    }

    /// Opens who a patient is.
    ///
    /// # Errors
    /// [`StoreError::VaultDamaged`] where the record is not as it was sealed, or is of another patient.
    pub fn open_record(&self, patient: Pseudonym, sealed: &Sealed) -> Result<Identity, StoreError> {
        let Sealed { first, last, bytes } = sealed;
        let damaged = || StoreError::VaultDamaged(format!("its record of {patient}"));
        let (random, rest) = bytes.split_first_chunk::<RANDOM_BYTES>().ok_or_else(damaged)?;
        let mut content = Zeroizing::new(rest.to_vec());
        let opened = self
            .sealing(random)?
            .open_in_place(
                Nonce::assume_unique_for_key([0; NONCE_BYTES]),
                Aad::from(self.bound(patient, (*first, *last))),
                &mut content,
            )
            .map_err(|_| damaged())?;
        let (name, number, bed) = parse(opened).ok_or_else(damaged)?;
        Ok(Identity { name, number, bed, first: *first, last: *last })
    }
}

/// What is sealed, with room for the tag.
fn content(identity: &Identity) -> Zeroizing<Vec<u8>> {
    let Identity { name, number, bed, .. } = identity;
    let whole = 1 + 3 + 2 + name.len().min(TEXT_BYTES_MAX) + 2 + number.len().min(TEXT_BYTES_MAX);
    let padded = whole.next_multiple_of(PADDED_BYTES);
    let mut content = Zeroizing::new(Vec::with_capacity(padded + TAG_BYTES));
    content.push(VERSION);
    content.push(u8::from(bed.is_some()));
    content.extend_from_slice(&bed.unwrap_or_default().to_le_bytes());
    for text in [name, number] {
        // `Identity` holds no longer ones.
        let text = text.as_bytes().get(..text.len().min(TEXT_BYTES_MAX)).unwrap_or_default();
        content.extend_from_slice(&(text.len() as u16).to_le_bytes());
        content.extend_from_slice(text);
    }
    content.resize(padded, 0);
    content
}

type Content = (Zeroizing<String>, Zeroizing<String>, Option<u16>);

fn parse(content: &mut [u8]) -> Option<Content> {
    let parsed = parse_content(content);
    content.zeroize();
    parsed
}

fn parse_content(content: &[u8]) -> Option<Content> {
    let ([version, has_bed], rest) = content.split_first_chunk::<2>()?;
    if *version != VERSION {
        return None;
    }
    let (bed, rest) = rest.split_first_chunk()?;
    let (name, rest) = parse_text(rest)?;
    let (number, _) = parse_text(rest)?;
    Some((name, number, (*has_bed != 0).then_some(u16::from_le_bytes(*bed))))
}

fn parse_text(bytes: &[u8]) -> Option<(Zeroizing<String>, &[u8])> {
    let (length, rest) = bytes.split_first_chunk()?;
    let (text, rest) = rest.split_at_checked(usize::from(u16::from_le_bytes(*length)))?;
    Some((Zeroizing::new(str::from_utf8(text).ok()?.to_owned()), rest))
}
