//! Signatures and keys in the format of minisign: Ed25519 over a BLAKE2b-512 hash, in a few lines of text.
//!
//! ```text
//! public key   untrusted comment: …  |  base64( "Ed" | id 8 | key 32 )
//! secret key   untrusted comment: …  |  base64( "Ed" | kdf 2 (zero: none) | "B2" | salt 32 | limits 16 |
//!                                               id 8 | seed 32, key 32 | BLAKE2b-256 of "Ed", id, both keys )
//! signature    untrusted comment: …  |  base64( "ED" | id 8 | signature 64 )
//!              trusted comment: …    |  base64( signature 64 of that signature and the trusted comment )
//! ```
//! Anybody can check one with `minisign -V`, and any unencrypted key of `minisign -G -W` can be used here. Signing
//! draws no randomness: the same bytes under the same key give the same signature.
//!
//! A signature is taken only in the one form that [`SecretKey::sign`] gives it, so that no bit of its text is free:
//! minisign itself signs neither the first comment nor the unused bits of the base64.
//!
//! # Source
//! minisign's documentation, "Signature format" and "Public key format"; RFC 8032 (Ed25519), RFC 7693 (BLAKE2).

use blake2::{Blake2b512, Digest as _, digest::consts::U32};
use data_encoding::BASE64;
use ed25519_dalek::{Signer as _, SigningKey, VerifyingKey};
use std::fmt;

type Blake2b256 = blake2::Blake2b<U32>;

/// Longest text of a key or signature that is read, in bytes. Our limit; a longer one is none.
pub const TEXT_BYTES_MAX: usize = 4_096;
/// Bytes of randomness that a key is made of.
pub const RANDOM_BYTES: usize = 40;

const UNTRUSTED: &str = "untrusted comment: ";
const TRUSTED: &str = "trusted comment: ";
const KIND: &[u8; 2] = b"Ed";
const KIND_PREHASHED: &[u8; 2] = b"ED";
const CHECKSUM_KIND: &[u8; 2] = b"B2";

/// Why a key or signature is none.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SignatureFault {
    /// Not a key.
    #[error("this is no {0} of minisign's format")]
    NotAKey(&'static str),
    /// The key asks for a passphrase.
    #[error(
        "the secret key is encrypted with a passphrase, which is not supported; make one with `minisign -G -W`"
    )]
    Encrypted,
    /// Not a signature.
    #[error("the signature does not have its form: {0}")]
    NotASignature(&'static str),
    /// Made by another key.
    #[error("the signature was made with key {made_with}, not with {expected}")]
    OtherKey {
        /// Id of the key that made it, as it says.
        made_with: String,
        /// Id of the key it was checked with.
        expected: String,
    },
    /// It signs other bytes.
    #[error("the signature does not fit what it signs")]
    Wrong,
    /// The comment was changed.
    #[error("the signature's trusted comment is not the one that was signed")]
    WrongComment,
}

/// Id of a key pair: what minisign shows of it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct KeyId([u8; 8]);

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016X}", u64::from_le_bytes(self.0))
    }
}

/// Signs.
pub struct SecretKey {
    id: KeyId,
    key: SigningKey,
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretKey").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Checks signatures.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PublicKey {
    id: KeyId,
    key: VerifyingKey,
}

impl SecretKey {
    /// Of randomness: seed and id.
    #[must_use]
    pub fn new(random: &[u8; RANDOM_BYTES]) -> Self {
        let (mut seed, mut id) = ([0; 32], [0; 8]);
        let (first, last) = random.split_at(32);
        seed.copy_from_slice(first);
        id.copy_from_slice(last);
        Self { id: KeyId(id), key: SigningKey::from_bytes(&seed) }
    }

    /// From the text of a key file without passphrase.
    ///
    /// # Errors
    /// When it is not one.
    pub fn read(text: &str) -> Result<Self, SignatureFault> {
        const FAULT: SignatureFault = SignatureFault::NotAKey("secret key");
        let bytes = BASE64.decode(second_line(text).ok_or(FAULT)?.as_bytes()).map_err(|_| FAULT)?;
        let bytes: &[u8; 158] = bytes.as_slice().try_into().map_err(|_| FAULT)?;
        let (kinds, rest) = bytes.split_at(6);
        let (_, rest) = rest.split_at(48);
        let (id, rest) = rest.split_at(8);
        let (pair, checksum) = rest.split_at(64);
        match kinds {
            [b'E', b'd', 0, 0, b'B', b'2'] => {}
            [b'E', b'd', b'S', b'c', b'B', b'2'] => return Err(SignatureFault::Encrypted),
            _ => return Err(FAULT),
        }
        let id = KeyId(id.try_into().map_err(|_| FAULT)?);
        let pair: &[u8; 64] = pair.try_into().map_err(|_| FAULT)?;
        // minisign 0.11 leaves the checksum of keys without passphrase out.
        if checksum.iter().any(|byte| *byte != 0) && checksum_of(id, pair) != *checksum {
            return Err(FAULT);
        }
        let key = SigningKey::from_keypair_bytes(pair).map_err(|_| FAULT)?;
        Ok(Self { id, key })
    }

    /// As a key file: whoever reads it can sign.
    #[must_use]
    pub fn text(&self) -> String {
        let pair = self.key.to_keypair_bytes();
        let mut bytes = KIND.to_vec();
        bytes.extend_from_slice(&[0, 0]);
        bytes.extend_from_slice(CHECKSUM_KIND);
        bytes.extend_from_slice(&[0; 48]);
        bytes.extend_from_slice(&self.id.0);
        bytes.extend_from_slice(&pair);
        bytes.extend_from_slice(&checksum_of(self.id, &pair));
        format!("{UNTRUSTED}minisign secret key {}\n{}\n", self.id, BASE64.encode(&bytes))
    }

    /// The key that checks what this one signs.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        PublicKey { id: self.id, key: self.key.verifying_key() }
    }

    /// Signs `bytes`, and a comment of one line that anybody may trust.
    #[must_use]
    pub fn sign(&self, bytes: &[u8], comment: &str) -> String {
        let signature = self.key.sign(Blake2b512::digest(bytes).as_slice()).to_bytes();
        let comment: String = comment.chars().filter(|character| !character.is_control()).collect();
        let of_both = self.key.sign(&[&signature[..], comment.as_bytes()].concat()).to_bytes();
        text_of(self.id, &signature, &comment, &of_both)
    }
}

impl PublicKey {
    /// From the text of a key file, or the line of base64 in it.
    ///
    /// # Errors
    /// When it is not one.
    pub fn read(text: &str) -> Result<Self, SignatureFault> {
        const FAULT: SignatureFault = SignatureFault::NotAKey("public key");
        let line = if text.starts_with(UNTRUSTED) { second_line(text).ok_or(FAULT)? } else { text.trim() };
        let bytes = BASE64.decode(line.as_bytes()).map_err(|_| FAULT)?;
        let bytes: &[u8; 42] = bytes.as_slice().try_into().map_err(|_| FAULT)?;
        let (kind, rest) = bytes.split_at(2);
        let (id, key) = rest.split_at(8);
        if kind != KIND {
            return Err(FAULT);
        }
        let id = KeyId(id.try_into().map_err(|_| FAULT)?);
        let key = VerifyingKey::from_bytes(key.try_into().map_err(|_| FAULT)?).map_err(|_| FAULT)?;
        Ok(Self { id, key })
    }

    /// As a key file.
    #[must_use]
    pub fn text(&self) -> String {
        format!("{UNTRUSTED}minisign public key {}\n{}\n", self.id, self.line())
    }

    /// The line of base64 that `minisign -P` takes.
    #[must_use]
    pub fn line(&self) -> String {
        BASE64.encode(&[&KIND[..], &self.id.0, self.key.as_bytes()].concat())
    }

    /// Its id.
    #[must_use]
    pub const fn id(&self) -> KeyId {
        self.id
    }

    /// Whether `signature` is one of `bytes` by this key; its trusted comment.
    ///
    /// # Errors
    /// When it is not, in any bit.
    pub fn verify<'a>(&self, bytes: &[u8], signature: &'a str) -> Result<&'a str, SignatureFault> {
        let parsed = Parsed::read(signature)?;
        if parsed.id != self.id {
            let (made_with, expected) = (parsed.id.to_string(), self.id.to_string());
            return Err(SignatureFault::OtherKey { made_with, expected });
        }
        let check = |signed: &[u8], signature: &[u8; 64]| {
            self.key.verify_strict(signed, &ed25519_dalek::Signature::from_bytes(signature)).is_ok()
        };
        if !check(Blake2b512::digest(bytes).as_slice(), &parsed.signature) {
            return Err(SignatureFault::Wrong);
        }
        if !check(&[&parsed.signature[..], parsed.comment.as_bytes()].concat(), &parsed.of_both) {
            return Err(SignatureFault::WrongComment);
        }
        if text_of(parsed.id, &parsed.signature, parsed.comment, &parsed.of_both) != signature {
            return Err(SignatureFault::NotASignature("its first line or its line ends"));
        }
        Ok(parsed.comment)
    }
}

/// A signature, taken apart.
struct Parsed<'a> {
    id: KeyId,
    signature: [u8; 64],
    comment: &'a str,
    of_both: [u8; 64],
}

impl<'a> Parsed<'a> {
    fn read(text: &'a str) -> Result<Self, SignatureFault> {
        let fault = SignatureFault::NotASignature;
        if text.len() > TEXT_BYTES_MAX {
            return Err(fault("too long"));
        }
        let mut lines = text.lines();
        let (Some(_), Some(signature), Some(comment), Some(of_both)) =
            (lines.next(), lines.next(), lines.next(), lines.next())
        else {
            return Err(fault("it has four lines"));
        };
        let comment = comment.strip_prefix(TRUSTED).ok_or(fault("its third line"))?;
        let signature = BASE64.decode(signature.as_bytes()).map_err(|_| fault("its second line"))?;
        let signature: &[u8; 74] = signature.as_slice().try_into().map_err(|_| fault("its second line"))?;
        let (kind, rest) = signature.split_at(2);
        let (id, signature) = rest.split_at(8);
        if kind != KIND_PREHASHED {
            return Err(fault("its second line"));
        }
        let id = KeyId(id.try_into().map_err(|_| fault("its second line"))?);
        let signature = signature.try_into().map_err(|_| fault("its second line"))?;
        let of_both = BASE64.decode(of_both.as_bytes()).map_err(|_| fault("its fourth line"))?;
        let of_both = of_both.as_slice().try_into().map_err(|_| fault("its fourth line"))?;
        Ok(Self { id, signature, comment, of_both })
    }
}

fn text_of(id: KeyId, signature: &[u8; 64], comment: &str, of_both: &[u8; 64]) -> String {
    let first = BASE64.encode(&[&KIND_PREHASHED[..], &id.0, signature].concat());
    let second = BASE64.encode(of_both);
    format!("{UNTRUSTED}signature of key {id}\n{first}\n{TRUSTED}{comment}\n{second}\n")
}

fn checksum_of(id: KeyId, pair: &[u8; 64]) -> [u8; 32] {
    let mut hash = Blake2b256::new();
    hash.update(KIND);
    hash.update(id.0);
    hash.update(pair);
    hash.finalize().into()
}

fn second_line(text: &str) -> Option<&str> {
    if text.len() > TEXT_BYTES_MAX || !text.starts_with(UNTRUSTED) {
        return None;
    }
    text.lines().nth(1).map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> SecretKey {
        SecretKey::new(&std::array::from_fn(|at| at as u8))
    }

    #[test]
    fn what_is_signed_is_checked_with_the_key_as_it_was_written() {
        let secret = SecretKey::read(&key().text()).unwrap();
        let public = PublicKey::read(&secret.public().text()).unwrap();
        assert_eq!(PublicKey::read(&public.line()).unwrap(), public);
        let signature = secret.sign(b"abc", "a comment");
        assert_eq!(public.verify(b"abc", &signature), Ok("a comment"));
        assert_eq!(signature, secret.sign(b"abc", "a comment"), "signing draws no randomness");
        assert_eq!(public.verify(b"abd", &signature), Err(SignatureFault::Wrong));
        let other = SecretKey::new(&[7; RANDOM_BYTES]).public();
        assert!(matches!(other.verify(b"abc", &signature), Err(SignatureFault::OtherKey { .. })));
    }

    #[test]
    fn no_bit_of_a_signature_is_free() {
        let (secret, public) = (key(), key().public());
        let signature = secret.sign(b"abc", "c").into_bytes();
        for bit in 0..signature.len() * 8 {
            let mut flipped = signature.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let taken = std::str::from_utf8(&flipped).is_ok_and(|text| public.verify(b"abc", text).is_ok());
            assert!(!taken, "bit {bit}");
        }
    }

    #[test]
    fn keys_that_are_none_are_refused() {
        let mut text = key().text();
        assert!(SecretKey::read("").is_err() && PublicKey::read("nothing").is_err());
        let at = text.len() - 20;
        text.replace_range(at..=at, if text.as_bytes()[at] == b'A' { "B" } else { "A" });
        assert_eq!(SecretKey::read(&text).unwrap_err(), SignatureFault::NotAKey("secret key"));
        assert!(!format!("{:?}", key()).contains("0, 1, 2"));
    }
}
