//! What ties a browser that comes back to the one that left.
//!
//! A browser leaves with a cookie: when, a random number, and a seal over both. State, nonce and verifier are made of it with a key of
//! this process, so nothing is kept for those who never come back, and nobody can make room by leaving often. What was used once
//! is remembered as long as it would hold.

use super::super::problem::Problem;
use super::super::secret::{fresh, hex};
use aws_lc_rs::hmac;
use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use sha2::{Digest as _, Sha256};
use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

/// So long somebody may be at the provider.
pub(super) const DOOR_S: i64 = 600;
/// Doors that were used and are remembered. Our limit: the oldest is forgotten, and then the provider alone refuses its code.
const USED_MAX: usize = 10_000;

/// All doors of a process.
pub(super) struct Doors {
    key: hmac::Key,
    used: Mutex<VecDeque<(i64, String)>>,
}

/// One sign-in on its way.
#[derive(Debug)]
pub(super) struct Door {
    /// What is sealed: when, in seconds, and the random number.
    base: String,
    left: i64,
}

impl Doors {
    pub(super) fn new() -> Result<Self, Problem> {
        let key = hmac::Key::new(hmac::HMAC_SHA256, fresh()?.as_bytes());
        Ok(Self { key, used: Mutex::default() })
    }

    /// A new one.
    pub(super) fn open(&self, now_s: i64) -> Result<Door, Problem> {
        Ok(Door { base: format!("{now_s}.{}", fresh()?), left: now_s })
    }

    /// The one that a cookie seals, while it holds.
    pub(super) fn find(&self, cookie: &str, now_s: i64) -> Option<Door> {
        let (base, seal) = cookie.rsplit_once('.')?;
        let (left, _) = base.split_once('.')?;
        self.is(base, "seal", seal).then_some(())?;
        let left = left.parse::<i64>().ok()?;
        // A clock that was set back makes no door hold longer.
        (0..=DOOR_S).contains(&(now_s - left)).then(|| Door { base: base.to_owned(), left })
    }

    /// What the browser keeps.
    pub(super) fn cookie(&self, door: &Door) -> String {
        format!("{}.{}", door.base, self.made(&door.base, "seal"))
    }

    pub(super) fn state(&self, door: &Door) -> String {
        self.made(&door.base, "state")
    }

    pub(super) fn nonce(&self, door: &Door) -> String {
        self.made(&door.base, "nonce")
    }

    /// The secret of RFC 7636: 64 of its unreserved characters.
    pub(super) fn verifier(&self, door: &Door) -> String {
        self.made(&door.base, "verifier")
    }

    /// Its hash, which the provider is told first (S256).
    pub(super) fn challenge(&self, door: &Door) -> String {
        BASE64URL_NOPAD.encode(&Sha256::digest(self.verifier(door)))
    }

    /// Whether the provider's answer is to this sign-in.
    pub(super) fn is_state(&self, door: &Door, state: &str) -> bool {
        self.is(&door.base, "state", state)
    }

    /// Shuts the door; whether it was open.
    pub(super) fn shut(&self, door: &Door, now_s: i64) -> bool {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        used.retain(|(left, _)| now_s - left <= DOOR_S);
        if used.iter().any(|(_, base)| *base == door.base) {
            return false;
        }
        if used.len() >= USED_MAX {
            used.pop_front();
        }
        used.push_back((door.left, door.base.clone()));
        true
    }

    fn made(&self, base: &str, what: &str) -> String {
        hex(hmac::sign(&self.key, format!("{what}\n{base}").as_bytes()).as_ref())
    }

    /// Compares in constant time.
    fn is(&self, base: &str, what: &str, said: &str) -> bool {
        let Ok(said) = HEXLOWER.decode(said.as_bytes()) else { return false };
        hmac::verify(&self.key, format!("{what}\n{base}").as_bytes(), &said).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_door_is_found_by_its_cookie_once_and_not_for_long() {
        let (doors, others) = (Doors::new().unwrap(), Doors::new().unwrap());
        let door = doors.open(1_000).unwrap();
        let cookie = doors.cookie(&door);
        let found = doors.find(&cookie, 1_000 + DOOR_S).unwrap();
        assert_eq!(doors.state(&found), doors.state(&door));
        assert!(doors.is_state(&found, &doors.state(&door)));
        assert!(!doors.is_state(&found, &doors.nonce(&door)));
        let later = cookie.replacen("1000", "1001", 1);
        for (wrong, now_s) in [
            (cookie.as_str(), 1_001 + DOOR_S),
            (cookie.as_str(), 999),
            (later.as_str(), 1_001),
            (&others.cookie(&door), 1_000),
            ("", 1_000),
            ("..", 1_000),
            ("1000.x.zz", 1_000),
        ] {
            assert!(doors.find(wrong, now_s).is_none(), "{wrong} at {now_s}");
        }
        assert!(doors.shut(&found, 1_010) && !doors.shut(&door, 1_011), "once");
        let verifier = doors.verifier(&door);
        assert_eq!((verifier.len(), doors.challenge(&door).len()), (64, 43));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let doors = Doors::new().unwrap();
        let door = |left| Door { base: format!("{left}"), left };
        for left in 0..(USED_MAX as i64 + 5) {
            assert!(doors.shut(&door(left), 0));
        }
        assert_eq!(doors.used.lock().unwrap().len(), USED_MAX);
        assert!(doors.shut(&door(-1), USED_MAX as i64 + 5 + DOOR_S));
        assert_eq!(doors.used.lock().unwrap().len(), 1, "what holds no more is forgotten");
    }
}
