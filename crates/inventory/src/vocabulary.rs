//! Words and numbers that experts know: device classes, addresses that makers hard-coded, registered ports.

use crate::form::{FormError, read_form, value_fault};
use crate::shelf;
use model::{DeviceClass, Severity, Transport};
use serde::Deserialize;
use std::net::IpAddr;

/// An address that a maker built into its devices.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct HardcodedAddress {
    /// The address.
    pub ip: IpAddr,
    /// Makers whose devices have it.
    pub makers: Vec<String>,
    /// Their models.
    pub models: Vec<String>,
    /// What it is for.
    pub purpose: String,
    /// Where that is published.
    pub source: String,
}

/// What a port is registered for.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct PortUse {
    /// The port.
    pub port: u16,
    /// `tcp` or `udp`.
    pub transport: String,
    /// The service, for people.
    pub service: String,
    /// Protocols that are that service.
    pub protocols: Vec<String>,
}

/// What conversations in a protocol are for.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct ProtocolRole {
    /// The protocol.
    pub protocol: String,
    /// What for, e.g. `vital-signs`.
    pub role: String,
    /// Patients' care depends on it.
    #[serde(default)]
    pub clinical: bool,
    /// Any device on a network needs it.
    #[serde(default)]
    pub routine: bool,
}

/// A finding that does not condemn the conversation it is about.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Tolerated {
    rule: String,
    up_to: String,
}

impl PortUse {
    fn is_on(&self, transport: Transport, port: u16) -> bool {
        let named = match transport {
            Transport::Tcp => "tcp",
            Transport::Udp => "udp",
            _ => return false,
        };
        self.port == port && self.transport == named
    }
}

/// The row that says what is spoken, or where nobody knows that, what the port is for.
fn used<'a>(rows: &'a [PortUse], protocol: Option<&str>, transport: Transport, port: u16) -> Option<&'a str> {
    let row = match protocol {
        Some(protocol) => rows.iter().find(|row| row.protocols.iter().any(|name| name == protocol)),
        None => rows.iter().find(|row| row.is_on(transport, port)),
    };
    row.map(|row| row.service.as_str())
}

/// All of it.
#[derive(Clone, Debug, Default)]
pub struct Vocabulary {
    classes: Vec<DeviceClass>,
    addresses: Vec<HardcodedAddress>,
    ports: Vec<PortUse>,
    telling: Vec<String>,
    file_services: Vec<FileService>,
    administration: Vec<PortUse>,
    regular: Vec<PortUse>,
    default_credentials: Vec<(String, String)>,
    roles: Vec<ProtocolRole>,
    tolerated: Vec<(String, Severity)>,
}

/// A port of a file service.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileService {
    port: u16,
    service: String,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct VocabularyForm {
    schema: u32,
    #[serde(default)]
    class: Vec<ClassForm>,
    #[serde(default)]
    address: Vec<AddressForm>,
    #[serde(default)]
    port: Vec<PortUse>,
    /// Protocols that mean something when they hide on a port registered for another.
    #[serde(default)]
    telling: Vec<String>,
    /// File services whose connection attempts count where nobody answers them.
    #[serde(default)]
    file_service: Vec<FileService>,
    /// Services by which people administer a host.
    #[serde(default)]
    administration: Vec<PortUse>,
    /// Services that every host asks again and again, by the clock.
    #[serde(default)]
    regular: Vec<PortUse>,
    /// Accounts and secrets that makers shipped.
    #[serde(default)]
    default_credential: Vec<CredentialForm>,
    /// What conversations are for.
    #[serde(default)]
    role: Vec<ProtocolRole>,
    /// Findings that do not condemn a conversation.
    #[serde(default)]
    tolerated: Vec<Tolerated>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CredentialForm {
    account: String,
    secret: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClassForm {
    id: String,
    medical: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AddressForm {
    ip: String,
    makers: Vec<String>,
    models: Vec<String>,
    purpose: String,
    source: String,
}

impl Vocabulary {
    /// What is compiled in.
    ///
    /// # Errors
    /// [`FormError`] for a file that does not have its form.
    pub fn built_in() -> Result<Self, FormError> {
        let mut all = Self::default();
        for (file, text) in shelf::VOCABULARY {
            all.add(text, file)?;
        }
        all.addresses.sort_by_key(|address| address.ip);
        Ok(all)
    }

    fn add(&mut self, text: &str, file: &str) -> Result<(), FormError> {
        let form: VocabularyForm = read_form(text, file)?;
        if form.schema != 1 {
            return Err(value_fault(text, file, "schema", &form.schema.to_string(), "must be 1"));
        }
        let class = |form: ClassForm| DeviceClass { id: form.id, medical: form.medical };
        self.classes.extend(form.class.into_iter().map(class));
        for address in form.address {
            let ip = address.ip.parse();
            let ip = ip.map_err(|_| value_fault(text, file, "ip", &address.ip, "is not an address"))?;
            let AddressForm { makers, models, purpose, source, .. } = address;
            self.addresses.push(HardcodedAddress { ip, makers, models, purpose, source });
        }
        self.ports.extend(form.port);
        self.telling.extend(form.telling);
        self.file_services.extend(form.file_service);
        self.administration.extend(form.administration);
        self.regular.extend(form.regular);
        let pairs = form.default_credential.into_iter().map(|pair| (pair.account, pair.secret));
        self.default_credentials.extend(pairs);
        self.roles.extend(form.role);
        for Tolerated { rule, up_to } in form.tolerated {
            let severities = [Severity::Low, Severity::Medium, Severity::High, Severity::Critical];
            let severity = severities.into_iter().find(|severity| severity.as_str() == up_to);
            let severity =
                severity.ok_or_else(|| value_fault(text, file, "up_to", &up_to, "is no severity"))?;
            self.tolerated.push((rule, severity));
        }
        Ok(())
    }

    /// The class called `id`.
    #[must_use]
    pub fn class(&self, id: &str) -> Option<&DeviceClass> {
        self.classes.iter().find(|class| class.id == id)
    }

    /// What is known of `ip` as a hard-coded address.
    #[must_use]
    pub fn hardcoded(&self, ip: IpAddr) -> Option<&HardcodedAddress> {
        self.addresses.iter().find(|address| address.ip == ip)
    }

    /// What a port is registered for, where that is known here.
    #[must_use]
    pub fn port(&self, transport: Transport, port: u16) -> Option<&PortUse> {
        self.ports.iter().find(|row| row.is_on(transport, port))
    }

    /// The service by which people administer a host, as far as what is spoken tells, else the port.
    #[must_use]
    pub fn administration(&self, protocol: Option<&str>, transport: Transport, port: u16) -> Option<&str> {
        used(&self.administration, protocol, transport, port)
    }

    /// The service that every host asks again and again, as far as what is spoken tells, else the port.
    #[must_use]
    pub fn regular_service(&self, protocol: Option<&str>, transport: Transport, port: u16) -> Option<&str> {
        used(&self.regular, protocol, transport, port)
    }

    /// The file service behind a TCP port, where connection attempts alone tell what is wanted.
    #[must_use]
    pub fn file_service(&self, port: u16) -> Option<&str> {
        self.file_services.iter().find(|row| row.port == port).map(|row| row.service.as_str())
    }

    /// Accounts with their secrets that makers shipped and published.
    #[must_use]
    pub fn default_credentials(&self) -> &[(String, String)] {
        &self.default_credentials
    }

    /// What conversations in `protocol` are for, where that is known.
    #[must_use]
    pub fn role(&self, protocol: &str) -> Option<&ProtocolRole> {
        self.roles.iter().find(|row| row.protocol == protocol)
    }

    /// Protocols whose role is known: a test compares them with the registry.
    #[must_use]
    pub fn roles(&self) -> &[ProtocolRole] {
        &self.roles
    }

    /// Whether a finding of `rule` at `severity` says that the conversation it is about must not be.
    #[must_use]
    pub fn condemns(&self, rule: &str, severity: Severity) -> bool {
        !self.tolerated.iter().any(|(name, up_to)| name == rule && severity <= *up_to)
    }

    /// Rules that are tolerated up to some severity: a test compares them with the findings.
    pub fn tolerated(&self) -> impl Iterator<Item = &str> {
        self.tolerated.iter().map(|(rule, _)| rule.as_str())
    }

    /// Whether `protocol` on a port registered for another one hides something.
    #[must_use]
    pub fn is_telling(&self, protocol: &str) -> bool {
        self.telling.iter().any(|name| name == protocol)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_words_load() {
        let all = Vocabulary::built_in().unwrap();
        assert!(all.class("patient-monitor").unwrap().medical && !all.class("printer").unwrap().medical);
        let address = all.hardcoded("202.114.4.119".parse().unwrap()).unwrap();
        assert!(address.makers.iter().any(|maker| maker == "Contec"));
        assert!(all.hardcoded("202.114.4.118".parse().unwrap()).is_none());
        assert_eq!(all.port(Transport::Tcp, 515).unwrap().port, 515);
        assert!(all.port(Transport::Icmp, 515).is_none());
        assert!(all.roles().iter().any(|role| role.clinical) && all.roles().iter().any(|role| role.routine));
        assert!(all.condemns("hardcoded-address", Severity::High));
        assert!(!all.condemns("hardcoded-address", Severity::Low));
        assert!(all.condemns("a-rule-to-come", Severity::Low), "what is not named condemns");
    }

    #[test]
    fn what_is_spoken_outweighs_the_port() {
        let all = Vocabulary::built_in().unwrap();
        assert!(all.administration(None, Transport::Tcp, 22).is_some());
        assert!(all.administration(Some("ssh"), Transport::Tcp, 9_999).is_some());
        assert!(all.administration(Some("http"), Transport::Tcp, 22).is_none());
        assert!(all.regular_service(Some("ntp"), Transport::Udp, 123).is_some());
        assert!(all.regular_service(None, Transport::Tcp, 123).is_none());
    }
}
