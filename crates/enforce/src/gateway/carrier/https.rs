//! FHIR R4 over HTTPS: each message is a transaction, POSTed to the base of a FHIR server.
//!
//! A message may go twice, where the answer to the first was lost: each of its resources is made only if none has its
//! identifier (`ifNoneExist`), so the second makes nothing.
//!
//! # Source
//! HL7 FHIR R4, 3.1.0.11 (transaction), 3.1.0.8.1 (conditional create); RFC 9110, 15.

use super::super::receiver::Receiver;
use super::super::{Kept, Outcome};
use super::{ANSWER_MAX, Carrier, Identity, Login, TlsError};
use reqwest::blocking::{Client, RequestBuilder};
use std::io;
use std::time::Duration;

/// How long a connection is kept for the next message.
const KEEP: Duration = Duration::from_secs(20);

/// A client of a FHIR server.
pub(super) struct Https {
    client: Client,
    url: String,
    login: Option<Login>,
}

impl Https {
    pub(super) fn new(receiver: &Receiver, identity: &Identity) -> Result<Self, TlsError> {
        let client = Client::builder()
            .tls_backend_preconfigured((*identity.client()?).clone())
            .https_only(true)
            .timeout(ANSWER_MAX)
            .connect_timeout(ANSWER_MAX)
            .pool_idle_timeout(KEEP)
            .tcp_nodelay(true)
            // A redirect would take vital signs to somebody whom the site did not name.
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .user_agent("lazaret")
            .build()
            .map_err(|fault| TlsError::Library(fault.to_string()))?;
        Ok(Self { client, url: receiver.to_string(), login: identity.login.clone() })
    }

    fn known(&self, request: RequestBuilder) -> RequestBuilder {
        match &self.login {
            None => request,
            Some(Login::User { name, password }) => request.basic_auth(name, Some(password)),
            Some(Login::Token(token)) => request.bearer_auth(token),
        }
    }
}

impl Carrier for Https {
    fn send(&mut self, _: &Kept, text: &[u8]) -> io::Result<Outcome> {
        let request = self.client.post(&self.url).header("content-type", "application/fhir+json");
        let answer = self.known(request).body(text.to_vec()).send().map_err(|fault| {
            // What the connection says lies below the library's own words.
            let mut words = fault.to_string();
            let mut below = std::error::Error::source(&fault);
            while let Some(cause) = below {
                words = cause.to_string();
                below = cause.source();
            }
            io::Error::other(words)
        })?;
        let status = answer.status();
        outcome_of(status.as_u16()).ok_or_else(|| io::Error::other(format!("answers {status}")))
    }
}

/// Whether the server has it, or will never take it; else it goes again: a log-in, a place or a server can be mended.
const fn outcome_of(status: u16) -> Option<Outcome> {
    match status {
        200..=299 => Some(Outcome::Delivered),
        400 | 412 | 413 | 422 => Some(Outcome::Refused),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_can_never_be_taken_is_refused() {
        assert_eq!(outcome_of(200), Some(Outcome::Delivered));
        assert_eq!(outcome_of(422), Some(Outcome::Refused));
        for status in [301, 401, 403, 404, 408, 429, 500, 503] {
            assert_eq!(outcome_of(status), None, "{status}");
        }
    }
}
