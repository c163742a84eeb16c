//! Webhooks, signed as Standard Webhooks says, so that receivers can use its libraries.
//!
//! ```text
//! POST URL
//! content-type: application/json
//! webhook-id: f-0123456789abcdef-1          the same for every repetition: keep it, and drop what has it again
//! webhook-timestamp: 1772435649             seconds since 1970 when this try was made: refuse what is older than 5 minutes
//! webhook-signature: v1,BASE64              HMAC-SHA256 with the secret over `ID.TIMESTAMP.BODY`
//! lazaret-repeat: maybe                     only where it may have arrived before
//! ```
//! Any 2xx confirms. 429 and 5xx, and answers that say that we are not welcome (401, 403, 404, 410), are a receiver that is
//! down; other 4xx refuse this one message, which is tried some times more and then put aside.
//!
//! # Source
//! Standard Webhooks 1.0.0 (github.com/standard-webhooks/standard-webhooks), "Webhook Headers", "Signature Scheme".

use super::channel::{Channel, Fault, Parcel};
use super::{file, tls};
use crate::stored::now;
use data_encoding::BASE64;
use export::notice::{Sender, Sent, ecs};
use hmac::{Hmac, KeyInit as _, Mac as _};
use reqwest::blocking::Client;
use sha2::Sha256;
use std::time::Duration;

/// Longest time of one try, from connecting to the answer's head.
const WAIT: Duration = Duration::from_secs(30);
/// Longest wait for a connection.
const CONNECT_WAIT: Duration = Duration::from_secs(10);
/// Longest time a connection is kept for the next message.
const KEEP: Duration = Duration::from_secs(20);

/// A receiver of HTTP POSTs.
pub(super) struct Webhook {
    client: Client,
    url: String,
    secret: Vec<u8>,
    ecs: bool,
    sender: Sender,
}

impl Webhook {
    pub(super) fn new(plan: &file::Webhook, sender: &Sender) -> Result<Self, String> {
        let client = Client::builder()
            .tls_backend_preconfigured(tls::client(&plan.tls)?)
            .timeout(WAIT)
            .connect_timeout(CONNECT_WAIT)
            .pool_idle_timeout(KEEP)
            // A redirect would take the signed message to somebody the site did not name.
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .user_agent(format!("lazaret/{}", sender.version))
            .build()
            .map_err(|fault| crate::exit::with_causes(&fault))?;
        let (url, secret) = (plan.url.clone(), plan.secret.clone());
        Ok(Self { client, url, secret, ecs: plan.ecs, sender: sender.clone() })
    }

    fn post(&self, parcel: &Parcel) -> Result<(), Fault> {
        let refused = |fault: &dyn std::fmt::Display| Fault::Refused(fault.to_string());
        let notice = &parcel.notice;
        let body = if self.ecs {
            ecs::document(notice, &self.sender, parcel.sent).to_string().into_bytes()
        } else {
            notice.to_json().map_err(|fault| refused(&fault))?
        };
        let timestamp = (now() / 1_000_000_000).to_string();
        let signature =
            signature(&self.secret, &notice.id, &timestamp, &body).map_err(|fault| refused(&fault))?;
        let mut request = self
            .client
            .post(&self.url)
            .header("content-type", "application/json")
            .header("webhook-id", &notice.id)
            .header("webhook-timestamp", timestamp)
            .header("webhook-signature", signature);
        if parcel.sent == Sent::Again {
            request = request.header("lazaret-repeat", "maybe");
        }
        let answer = request.body(body).send().map_err(|fault| {
            let connect = fault.is_connect();
            // The address may hold a secret.
            let why = crate::exit::with_causes(&fault.without_url());
            if connect { Fault::Unreached(why) } else { Fault::Unconfirmed(why) }
        })?;
        let status = answer.status();
        match status.as_u16() {
            200..=299 => Ok(()),
            401 | 403 | 404 | 407 | 408 | 410 | 425 | 429 | 500.. => {
                Err(Fault::Unconfirmed(format!("it answered {status}")))
            }
            _ => Err(Fault::Refused(format!("it answered {status}"))),
        }
    }
}

impl Channel for Webhook {
    fn most(&self) -> usize {
        1
    }

    fn doubts(&self) -> bool {
        false
    }

    fn open(&mut self) -> Result<(), Fault> {
        Ok(())
    }

    fn send(&mut self, parcels: &[Parcel]) -> Result<(), Fault> {
        parcels.iter().try_for_each(|parcel| self.post(parcel))
    }
}

/// The signature of a message.
fn signature(
    secret: &[u8],
    id: &str,
    timestamp: &str,
    body: &[u8],
) -> Result<String, hmac::digest::InvalidLength> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret)?;
    mac.update(format!("{id}.{timestamp}.").as_bytes());
    mac.update(body);
    Ok(format!("v1,{}", BASE64.encode(&mac.finalize().into_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_that_of_the_standards_example() {
        // Of the specification's own libraries' tests.
        let secret = BASE64.decode(b"MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let made =
            signature(&secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", b"{\"test\": 2432232314}")
                .unwrap();
        assert_eq!(made, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }
}
