//! Whom vital signs go to, and how: named by a URL.
//!
//! ```text
//! HOST:PORT, mllp://HOST:PORT       HL7 v2 (IHE PCD-01) over MLLP, in clear
//! mllps://HOST:PORT                 the same over TLS
//! https://HOST[:PORT]/BASE          FHIR R4: a transaction of observations to the base of a FHIR server
//! mqtts://HOST[:PORT]/TOPIC         MQTT 3.1.1 over TLS, quality of service 1: a FHIR bundle a message
//! ```
//! Nothing but MLLP goes in clear: neither FHIR nor MQTT has a use on a ward's network that asks for it.

use std::fmt;
use std::str::FromStr;

/// Port of MQTT over TLS (IANA).
const MQTT_PORT: u16 = 8883;
/// Longest topic, in bytes. Our limit; MQTT allows 65535.
const TOPIC_BYTES_MAX: usize = 256;

/// Why a text names no receiver.
#[derive(Debug, thiserror::Error)]
#[error("`{text}` names no receiver: {why}")]
pub struct ReceiverError {
    text: String,
    why: &'static str,
}

/// What a message looks like.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Form {
    /// HL7 v2 ORU^R01.
    Hl7,
    /// FHIR R4 transaction.
    FhirTransaction,
    /// FHIR R4 bundle of type collection.
    FhirBundle,
}

/// How messages go there.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Way {
    /// MLLP in clear.
    Mllp,
    /// MLLP over TLS.
    MllpTls,
    /// POST over TLS.
    Https,
    /// MQTT over TLS.
    Mqtt,
}

/// Whom messages go to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Receiver {
    /// How.
    pub way: Way,
    /// Host name or address, without the brackets of IPv6.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Path of the FHIR base, with its slash; or topic. Empty for MLLP.
    pub path: String,
}

impl Receiver {
    /// What its messages look like.
    #[must_use]
    pub const fn form(&self) -> Form {
        match self.way {
            Way::Mllp | Way::MllpTls => Form::Hl7,
            Way::Https => Form::FhirTransaction,
            Way::Mqtt => Form::FhirBundle,
        }
    }

    /// Whether it proves who it is.
    #[must_use]
    pub const fn is_tls(&self) -> bool {
        !matches!(self.way, Way::Mllp)
    }

    /// Host and port.
    #[must_use]
    pub fn address(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

impl fmt::Display for Receiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = self.address();
        match self.way {
            Way::Mllp => write!(f, "mllp://{address}"),
            Way::MllpTls => write!(f, "mllps://{address}"),
            Way::Https => write!(f, "https://{address}{}", self.path),
            Way::Mqtt => write!(f, "mqtts://{address}/{}", self.path),
        }
    }
}

impl FromStr for Receiver {
    type Err = ReceiverError;

    fn from_str(text: &str) -> Result<Self, ReceiverError> {
        let wrong = |why| ReceiverError { text: text.to_owned(), why };
        let (scheme, rest) = text.split_once("://").unwrap_or(("mllp", text));
        let way = match scheme {
            "mllp" => Way::Mllp,
            "mllps" => Way::MllpTls,
            "https" => Way::Https,
            "mqtts" => Way::Mqtt,
            "http" | "mqtt" => {
                return Err(wrong("vital signs do not go there in clear; https:// or mqtts://"));
            }
            _ => return Err(wrong("HOST:PORT, mllp://, mllps://, https:// or mqtts:// are understood")),
        };
        let (place, path) = rest.split_once('/').map_or((rest, None), |(place, path)| (place, Some(path)));
        if place.contains('@') {
            return Err(wrong("a password on a command line is seen by everybody; --receiver-login FILE"));
        }
        let (host, port) = split(place).ok_or_else(|| wrong("host and port are written HOST:PORT"))?;
        let usual = match way {
            Way::Https => Some(443),
            Way::Mqtt => Some(MQTT_PORT),
            Way::Mllp | Way::MllpTls => None,
        };
        let port = port.or(usual).ok_or_else(|| wrong("the port is missing: HOST:PORT"))?;
        let fits = |c: char| c.is_ascii_alphanumeric() || ".-_:".contains(c);
        if host.is_empty() || host.len() > 253 || !host.chars().all(fits) || port == 0 {
            return Err(wrong("host and port are written HOST:PORT"));
        }
        let path = match (way, path) {
            (Way::Mllp | Way::MllpTls, None | Some("")) => String::new(),
            (Way::Mllp | Way::MllpTls, Some(_)) => return Err(wrong("MLLP has no path")),
            (Way::Https, path) => {
                let path = path.unwrap_or_default();
                let fits = |c: char| c.is_ascii_alphanumeric() || "-._~/%:@!$&'()*+,;=".contains(c);
                if !path.chars().all(fits) {
                    return Err(wrong("the path is the base of a FHIR server, without `?` and `#`"));
                }
                format!("/{}", path.trim_end_matches('/'))
            }
            (Way::Mqtt, None | Some("")) => return Err(wrong("the topic is missing: mqtts://HOST/TOPIC")),
            (Way::Mqtt, Some(topic)) => {
                // MQTT 3.1.1, 4.7: no wildcard in a topic to publish to; `$` is the broker's own.
                let acts = |c: char| matches!(c, '#' | '+') || c.is_control();
                if topic.len() > TOPIC_BYTES_MAX || topic.starts_with('$') || topic.contains(acts) {
                    return Err(wrong("a topic has at most 256 bytes, no `#`, no `+`, and no `$` in front"));
                }
                topic.to_owned()
            }
        };
        Ok(Self { way, host: host.to_owned(), port, path })
    }
}

/// `host`, `host:port`, `[v6]`, `[v6]:port`; nothing where the port is no number.
fn split(place: &str) -> Option<(&str, Option<u16>)> {
    let (host, port) = match place.strip_prefix('[') {
        Some(rest) => rest.split_once(']').map(|(host, rest)| (host, rest.strip_prefix(':')))?,
        None => place.split_once(':').map_or((place, None), |(host, port)| (host, Some(port))),
    };
    match port {
        None => Some((host, None)),
        Some(port) => Some((host, Some(port.parse().ok()?))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn receivers_are_named_by_url_and_come_back_as_they_were() {
        let read = |text: &str| text.parse::<Receiver>().unwrap();
        assert_eq!(read("10.20.1.9:2575"), read("mllp://10.20.1.9:2575/"));
        assert_eq!(read("mllps://[2001:db8::9]:2575").address(), "[2001:db8::9]:2575");
        let fhir = read("https://fhir.example/r4/");
        assert_eq!((fhir.port, fhir.path.as_str(), fhir.form()), (443, "/r4", Form::FhirTransaction));
        let mqtt = read("mqtts://broker.example/ward/3");
        assert_eq!((mqtt.port, mqtt.path.as_str(), mqtt.form()), (8883, "ward/3", Form::FhirBundle));
        for one in ["mllp://a:1", "mllps://[::1]:2", "https://a:443/r4", "mqtts://a:8883/t/x"] {
            assert_eq!(read(one).to_string(), one);
        }
    }

    #[test]
    fn what_is_no_receiver_is_said() {
        for text in [
            "",
            "host",
            ":5",
            "host:0",
            "host:70000",
            "a b:5",
            "mllp://h:5/x",
            "http://h/r4",
            "mqtt://h/t",
            "mqtts://h",
            "mqtts://h/a/#",
            "mqtts://h/$SYS",
            "https://u:p@h/r4",
            "https://h/r4?x",
            "ftp://h:1",
            "[::1:5",
            "https://h\r\nx/",
        ] {
            assert!(text.parse::<Receiver>().is_err(), "{text}");
        }
    }
}
