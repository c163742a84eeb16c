//! Log-ins in clear: `Authorization` and forms.
//!
//! What is read here stays here until the answer is known, then goes to the sink, which keeps neither the
//! secret nor an unlisted name.
//!
//! # Source
//! RFC 7617 (Basic: base64 of `account:secret`), RFC 7616 (Digest: only the account is in clear), WHATWG URL
//! §5 (`application/x-www-form-urlencoded`). Names of form fields: as web interfaces of devices use them.

use crate::{Login, Sink};
use model::Accepted;
use std::ops::Range;

/// Most bytes of an account and its secret that are held. Our limit; a longer pair is not told.
const PAIR_BYTES_MAX: usize = 256;
/// Most bytes of a form that is searched for a log-in. Our limit; a longer one is passed over.
pub(super) const FORM_BYTES_MAX: usize = 4096;

/// A log-in that waits for its answer.
#[derive(Clone, Eq, PartialEq)]
pub(super) struct Pair {
    account: Box<[u8]>,
    secret: Option<Box<[u8]>>,
    /// It came in a form: a success status alone does not tell that it was accepted.
    form: bool,
}

impl std::fmt::Debug for Pair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Pair(withheld)")
    }
}

impl Pair {
    /// From the value of `Authorization`; `None` for schemes that show no account.
    pub(super) fn from_authorization(value: &[u8]) -> Option<Self> {
        let blank = memchr::memchr(b' ', value)?;
        let (scheme, rest) = value.split_at_checked(blank)?;
        if scheme.eq_ignore_ascii_case(b"digest") {
            let name = quoted(rest, b"username=\"")?;
            return (name.len() <= PAIR_BYTES_MAX).then(|| Self {
                account: name.into(),
                secret: None,
                form: false,
            });
        }
        if !scheme.eq_ignore_ascii_case(b"basic") {
            return None;
        }
        let pair = base64(rest.trim_ascii())?;
        let colon = memchr::memchr(b':', &pair)?;
        let (account, secret) = (pair.get(..colon)?, pair.get(colon + 1..)?);
        Some(Self { account: account.into(), secret: Some(secret.into()), form: false })
    }

    /// From a form, if it has a field for a secret.
    pub(super) fn from_form(form: &[u8]) -> Option<Self> {
        let (mut account, mut secret) = (Vec::new(), None);
        for field in form.split(|byte| *byte == b'&') {
            let mut halves = field.splitn(2, |byte| *byte == b'=');
            let name = halves.next().unwrap_or_default().to_ascii_lowercase();
            let value = halves.next().unwrap_or_default();
            let has = |part: &[u8]| memchr::memmem::find(&name, part).is_some();
            if has(b"pass") || has(b"pwd") || has(b"psd") {
                secret = secret.or_else(|| Some(unescaped(value).into_boxed_slice()));
            } else if account.is_empty() && (has(b"user") || has(b"login") || has(b"account")) {
                account = unescaped(value);
            }
        }
        let secret = secret?;
        let fits = account.len() + secret.len() <= PAIR_BYTES_MAX;
        fits.then(|| Self { account: account.into(), secret: Some(secret), form: true })
    }

    /// What a response with `status` says to it.
    pub(super) const fn answer(&self, status: u16) -> Accepted {
        match status {
            401 | 403 | 407 => Accepted::No,
            200..=399 if !self.form => Accepted::Yes,
            _ => Accepted::Unknown,
        }
    }

    /// Tells it.
    pub(super) fn tell(&self, accepted: Accepted, range: Range<usize>, out: &mut dyn Sink) {
        out.login(&Login { account: &self.account, secret: self.secret.as_deref(), accepted }, range);
    }
}

/// The value after `key` up to the closing quote.
fn quoted<'a>(text: &'a [u8], key: &[u8]) -> Option<&'a [u8]> {
    let start = memchr::memmem::find(text, key)? + key.len();
    let rest = text.get(start..)?;
    rest.get(..memchr::memchr(b'"', rest)?)
}

/// RFC 4648 §4, padding optional; `None` for anything else or more than [`PAIR_BYTES_MAX`].
fn base64(text: &[u8]) -> Option<Vec<u8>> {
    let end = text.iter().rposition(|byte| *byte != b'=').map_or(0, |at| at + 1);
    let mut out = Vec::with_capacity(PAIR_BYTES_MAX.min(text.len()));
    let (mut bits, mut held) = (0_u32, 0_u32);
    for byte in text.get(..end)? {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        held += 6;
        if held >= 8 {
            held -= 8;
            out.push((bits >> held).to_le_bytes()[0]);
        }
        if out.len() > PAIR_BYTES_MAX {
            return None;
        }
    }
    Some(out)
}

/// `+` is a blank, `%41` is `A`; what is not an escape stays.
fn unescaped(value: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(value.len());
    let mut rest = value;
    while let [first, after @ ..] = rest {
        rest = after;
        let digit = |byte: Option<&u8>| byte.and_then(|byte| char::from(*byte).to_digit(16));
        match (first, digit(after.first()), digit(after.get(1))) {
            (b'+', ..) => out.push(b' '),
            (b'%', Some(high), Some(low)) => {
                out.push((high << 4 | low).to_le_bytes()[0]);
                rest = after.get(2..).unwrap_or_default();
            }
            _ => out.push(*first),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_that_of_the_standard() {
        let cases: [(&[u8], &[u8]); 5] =
            [(b"", b""), (b"Zg==", b"f"), (b"Zm8=", b"fo"), (b"Zm9v", b"foo"), (b"Zm9vYmE", b"fooba")];
        for (text, bytes) in cases {
            assert_eq!(base64(text).as_deref(), Some(bytes));
        }
        assert_eq!(base64(b"Zm9v!"), None);
        assert_eq!(base64(&[b'A'; 4 * PAIR_BYTES_MAX]), None);
    }

    #[test]
    fn forms_with_a_secret_are_log_ins_and_others_are_not() {
        let pair = Pair::from_form(b"lang=en&Username=adm%69n&passwd=a+b%2").unwrap();
        assert_eq!((&*pair.account, pair.secret.as_deref()), (&b"admin"[..], Some(&b"a b%2"[..])));
        assert_eq!(Pair::from_form(b"user=1&bed=4"), None);
        assert_eq!(format!("{pair:?}"), "Pair(withheld)");
    }
}
