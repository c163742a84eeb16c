//! E-mail: one for each message, over STARTTLS or TLS.
//!
//! `Message-ID` is the same for every repetition of a message, so that mail systems that drop what they have drop it;
//! `References` names the finding, so that what is said about it stands together.

use super::channel::{Channel, Fault, Parcel};
use super::file::{self, Security};
use super::tls;
use export::notice::{Sent, mail};
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, SinglePart};
use lettre::transport::smtp::PoolConfig;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, CertificateStore, Tls, TlsParameters};
use lettre::{Message, SmtpTransport, Transport as _};
use std::time::Duration;

/// Longest wait for an answer of the server.
const WAIT: Duration = Duration::from_secs(30);

/// A mail server.
pub(super) struct Mail {
    transport: SmtpTransport,
    from: Mailbox,
    to: Vec<Mailbox>,
    /// Name of the output: two of them do not make the same ids.
    name: String,
}

impl Mail {
    pub(super) fn new(plan: &file::Mail, name: &str) -> Result<Self, String> {
        let tls = if plan.security == Security::None {
            Tls::None
        } else {
            let mut parameters =
                TlsParameters::builder(plan.host.clone()).certificate_store(CertificateStore::None);
            for certificate in tls::trusted(plan.ca.as_deref())? {
                let certificate =
                    Certificate::from_der(certificate.to_vec()).map_err(|fault| fault.to_string())?;
                parameters = parameters.add_root_certificate(certificate);
            }
            let parameters = parameters.build_rustls().map_err(|fault| fault.to_string())?;
            if plan.security == Security::Tls { Tls::Wrapper(parameters) } else { Tls::Required(parameters) }
        };
        let mut builder = SmtpTransport::builder_dangerous(&plan.host)
            .port(plan.port)
            .tls(tls)
            .timeout(Some(WAIT))
            .pool_config(PoolConfig::new().max_size(1));
        if let Some((user, password)) = &plan.account {
            builder = builder.credentials(Credentials::new(user.clone(), password.clone()));
        }
        let (from, to) = (plan.from.clone(), plan.to.clone());
        Ok(Self { transport: builder.build(), from, to, name: name.to_owned() })
    }

    fn message(&self, parcel: &Parcel) -> Result<Message, String> {
        let notice = &parcel.notice;
        let domain = self.from.email.domain();
        let about = |id: &str| format!("<{id}.{}@{domain}>", self.name);
        let mut message = Message::builder()
            .from(self.from.clone())
            .subject(mail::subject(notice))
            .message_id(Some(about(&notice.id)))
            .references(about(&notice.finding));
        for to in &self.to {
            message = message.to(to.clone());
        }
        for (name, value) in [
            ("Auto-Submitted", "auto-generated"),
            ("X-Lazaret-Id", notice.id.as_str()),
            ("X-Lazaret-Severity", &notice.severity),
            ("X-Lazaret-Repeat", if parcel.sent == Sent::Again { "maybe" } else { "no" }),
        ] {
            let name = HeaderName::new_from_ascii(name.to_owned()).map_err(|fault| fault.to_string())?;
            message = message.raw_header(HeaderValue::new(name, value.to_owned()));
        }
        let text =
            SinglePart::builder().header(ContentType::TEXT_PLAIN).body(mail::text(notice, parcel.sent));
        message.singlepart(text).map_err(|fault| fault.to_string())
    }
}

impl Channel for Mail {
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
        for parcel in parcels {
            let message = self.message(parcel).map_err(Fault::Refused)?;
            self.transport.send(&message).map_err(|fault| {
                let why = crate::exit::with_causes(&fault);
                if fault.is_permanent() { Fault::Refused(why) } else { Fault::Unconfirmed(why) }
            })?;
        }
        Ok(())
    }
}
