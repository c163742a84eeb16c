//! Secrets of sign-in: random tokens, their hashes, passwords.
//!
//! A token is 256 random bits; the store keeps its SHA-256, which nobody turns back. A password is hashed with argon2id
//! (RFC 9106), which takes memory and time on purpose: so few are hashed at once, and whoever waits too long is refused.

use super::problem::Problem;
use argon2::{Algorithm, Argon2, Params, PasswordHasher as _, PasswordVerifier as _, Version};
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;
use std::time::Duration;
use tokio::sync::Semaphore;

/// Bytes of a token.
const TOKEN_BYTES: usize = 32;
/// What an API token begins with, so that a leaked one is recognised.
pub(crate) const API_TOKEN_PREFIX: &str = "lzt_";

/// Shortest password, in bytes. Our limit (NIST SP 800-63B-4 asks for 15 where it is the only factor, 8 else).
pub(crate) const PASSWORD_BYTES_MIN: usize = 12;
/// Longest password, in bytes. Our limit; a longer one is refused with 400.
pub(crate) const PASSWORD_BYTES_MAX: usize = 256;

/// Memory of one hash, in KiB; with [`PASSES`] and one lane the first choice of OWASP's password storage cheat sheet.
const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;
/// Passwords hashed at once. Our limit: more wait, and at last are refused with 503.
const HASHES_MAX: usize = 2;
/// Longest wait for a hash.
const HASH_WAIT: Duration = Duration::from_secs(5);

/// A fresh secret, in hexadecimal digits.
pub(crate) fn fresh() -> Result<String, Problem> {
    let mut bytes = [0; TOKEN_BYTES];
    getrandom::fill(&mut bytes).map_err(|cause| Problem::fault(&cause))?;
    Ok(hex(&bytes))
}

/// Lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
        // Writing to a string cannot fail.
        let _ = write!(out, "{byte:02x}");
        out
    })
}

/// What the store keeps of a secret.
pub(crate) fn kept(secret: &str) -> String {
    hex(&Sha256::digest(secret.as_bytes()))
}

/// What a browser must send along with a change, besides its cookie: no other site can read it.
pub(crate) fn csrf(session: &str) -> String {
    let mut hash = Sha256::new();
    hash.update(b"lazaret.csrf/1\n");
    hash.update(session.as_bytes());
    hex(&hash.finalize())
}

/// Hashes passwords, few at once.
pub(crate) struct Passwords {
    free: Semaphore,
    /// Compared with where there is no such user, so that the answer takes as long.
    nobody: String,
}

impl Passwords {
    pub(crate) fn new() -> Result<Self, Problem> {
        Ok(Self { free: Semaphore::new(HASHES_MAX), nobody: hash(&fresh()?)? })
    }

    /// The hash of a new password, in PHC form.
    pub(crate) async fn hash(&self, password: String) -> Result<String, Problem> {
        self.slowly(move || hash(&password)).await
    }

    /// Whether the password is the one of that hash; takes as long where there is none.
    pub(crate) async fn is(&self, password: String, kept: Option<String>) -> Result<bool, Problem> {
        let known = kept.is_some();
        let kept = kept.unwrap_or_else(|| self.nobody.clone());
        let same = move || {
            let kept = argon2::PasswordHash::new(&kept).map_err(|cause| Problem::fault(&cause))?;
            Ok(argon2()?.verify_password(password.as_bytes(), &kept).is_ok())
        };
        Ok(self.slowly(same).await? && known)
    }

    async fn slowly<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        let free = tokio::time::timeout(HASH_WAIT, self.free.acquire()).await;
        let Ok(Ok(_free)) = free else {
            return Err(Problem::busy("Many people sign in just now; try again."));
        };
        tokio::task::spawn_blocking(work).await.map_err(|cause| Problem::fault(&cause))?
    }
}

fn argon2() -> Result<Argon2<'static>, Problem> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(|cause| Problem::fault(&cause))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

fn hash(password: &str) -> Result<String, Problem> {
    let hash = argon2()?.hash_password(password.as_bytes()).map_err(|cause| Problem::fault(&cause))?;
    Ok(hash.to_string())
}

/// Whether a new password will do.
pub(crate) fn will_do(password: &str, name: &str) -> Result<(), Problem> {
    let bytes = password.len();
    if bytes < PASSWORD_BYTES_MIN {
        return Err(Problem::malformed(format!(
            "The password is too short: it needs at least {PASSWORD_BYTES_MIN} characters. A few words in a row do."
        )));
    }
    if bytes > PASSWORD_BYTES_MAX {
        return Err(Problem::malformed(format!("The password is longer than {PASSWORD_BYTES_MAX} bytes.")));
    }
    let first = password.chars().next();
    if password.chars().all(|letter| Some(letter) == first)
        || password.to_lowercase().contains(&name.to_lowercase())
    {
        return Err(Problem::malformed(
            "The password must not be one letter again and again, nor hold the user's name.",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_differ_and_their_hashes_say_nothing_of_them() {
        let (one, other) = (fresh().unwrap(), fresh().unwrap());
        assert_ne!(one, other);
        assert_eq!((one.len(), kept(&one).len()), (64, 64));
        assert_ne!(kept(&one), csrf(&one));
        assert_eq!(kept("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[test]
    fn passwords_are_long_and_not_the_name() {
        assert!(will_do("green lamp by the door", "haldis").is_ok());
        for (password, name) in [("short", "x"), ("aaaaaaaaaaaaaaaa", "x"), ("Haldis-2026-03", "haldis")] {
            assert!(will_do(password, name).is_err(), "{password}");
        }
    }

    #[tokio::test]
    async fn only_the_password_itself_is_right() {
        let passwords = Passwords::new().unwrap();
        let kept = passwords.hash("green lamp by the door".to_owned()).await.unwrap();
        assert!(kept.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{kept}");
        assert!(passwords.is("green lamp by the door".to_owned(), Some(kept.clone())).await.unwrap());
        assert!(!passwords.is("green lamp by the wall".to_owned(), Some(kept)).await.unwrap());
        assert!(!passwords.is("green lamp by the door".to_owned(), None).await.unwrap());
    }
}
