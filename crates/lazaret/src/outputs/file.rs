//! The file given with `--outputs`: which receivers get which findings, how.
//!
//! ```toml
//! schema = 1
//! console = "https://lazaret.example"     # optional: for links in messages
//!
//! [[syslog]]                              # RFC 5424; octet-counted (RFC 5425, RFC 6587) but for udp
//! name = "siem"
//! address = "siem.example:6514"
//! transport = "tls"                       # tls | tcp | udp
//! format = "rfc5424"                      # rfc5424 | cef | ecs: what the text of the message is
//! facility = 16                           # local0
//! ca = "siem-ca.pem"                      # default: the certificates this system trusts
//! certificate = "lazaret.pem"             # optional, with `key`: who we are
//! key = "lazaret-key.pem"
//! route = { severity = "medium", zones = ["ICU 3"], rules = ["offsite-*"] }
//!
//! [[lines]]                               # one JSON document a line: Logstash, Elastic Agent, Vector, Fluent Bit
//! name = "elastic"
//! address = "logstash.example:5000"
//! format = "ecs"                          # ecs | notice
//!
//! [[webhook]]                             # signed as Standard Webhooks says
//! name = "tickets"
//! url = "https://tickets.example/lazaret"
//! secret_file = "/etc/lazaret/tickets.secret"
//!
//! [[mail]]
//! name = "biomed"
//! server = "mail.example:587"
//! security = "starttls"                   # starttls | tls | none
//! from = "Lazaret <lazaret@ward.example>"
//! to = ["biomed@ward.example"]
//! user = "lazaret"                        # optional, with `password_file`
//! password_file = "/etc/lazaret/mail.password"
//! route = { severity = "high", updated = false }
//! ```
//! An unknown key is an error. Paths are as seen from the folder of the file. Secrets are in files of their own, so that
//! this one can be shown.

use super::route::{Route, RouteForm};
use crate::exit::Failure;
use export::notice::syslog::Content;
use lettre::message::Mailbox;
use serde::Deserialize;
use std::collections::BTreeSet;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Name of the option, for messages.
const OPTION: &str = "--outputs";
/// Longest file, in bytes. Our limit; a longer one is a mistake.
const FILE_BYTES_MAX: u64 = 1 << 20;
/// Most outputs. Our limit: each has a thread and a database.
const OUTPUTS_MAX: usize = 32;
/// Longest name, in bytes.
const NAME_BYTES_MAX: usize = 40;
/// Longest wait between two tries, where the file does not say.
const RETRY_MAX_S: u64 = 300;
/// Facility `local0`.
const FACILITY: u8 = 16;
/// Shortest secret of a webhook, in bytes: Standard Webhooks asks for 24.
const SECRET_BYTES_MIN: usize = 24;

/// What the file says.
#[derive(Clone, Debug)]
pub(crate) struct Outputs {
    /// Where the console is, for links.
    pub(crate) console: Option<String>,
    /// The receivers.
    pub(crate) outputs: Vec<Output>,
}

/// One receiver.
#[derive(Clone, Debug)]
pub(crate) struct Output {
    /// Its name, which is also that of its folder.
    pub(crate) name: String,
    /// Which findings it gets.
    pub(crate) route: Route,
    /// Longest wait between two tries.
    pub(crate) retry_max: Duration,
    /// How it is reached.
    pub(crate) way: Way,
}

/// How a receiver is reached.
#[derive(Clone, Debug)]
pub(crate) enum Way {
    /// Syslog over TLS or TCP, or JSON lines.
    Stream(Stream),
    /// Syslog over UDP.
    Datagram(Datagram),
    /// HTTP POST.
    Webhook(Webhook),
    /// SMTP.
    Mail(Box<Mail>),
}

/// A stream of messages.
#[derive(Clone, Debug)]
pub(crate) struct Stream {
    pub(crate) address: String,
    /// None without TLS.
    pub(crate) tls: Option<Tls>,
    pub(crate) form: Form,
}

/// What is written for each notice, and how it is set off from the next.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Form {
    /// RFC 5424 with octet counting.
    Syslog { facility: u8, content: Content },
    /// ECS, a line each.
    EcsLines,
    /// `lazaret.notice/1`, a line each.
    NoticeLines,
}

/// Messages in datagrams.
#[derive(Clone, Debug)]
pub(crate) struct Datagram {
    pub(crate) address: String,
    pub(crate) facility: u8,
    pub(crate) content: Content,
}

/// Whom to trust, and who we are.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tls {
    pub(crate) ca: Option<PathBuf>,
    pub(crate) identity: Option<(PathBuf, PathBuf)>,
}

/// A receiver of HTTP POSTs.
#[derive(Clone)]
pub(crate) struct Webhook {
    pub(crate) url: String,
    pub(crate) secret: Vec<u8>,
    pub(crate) tls: Tls,
    pub(crate) ecs: bool,
}

impl std::fmt::Debug for Webhook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Webhook").field("url", &self.url).finish_non_exhaustive()
    }
}

/// A mail server and who gets mail.
#[derive(Clone)]
pub(crate) struct Mail {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) security: Security,
    pub(crate) ca: Option<PathBuf>,
    pub(crate) from: Mailbox,
    pub(crate) to: Vec<Mailbox>,
    pub(crate) account: Option<(String, String)>,
}

impl std::fmt::Debug for Mail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mail").field("host", &self.host).finish_non_exhaustive()
    }
}

/// What keeps mail from being read on its way.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Security {
    /// TLS is begun by a command; a server without it is an error.
    Starttls,
    /// TLS from the first byte.
    Tls,
    /// Nothing.
    None,
}

impl Output {
    /// What kind it is, for people.
    pub(crate) const fn kind(&self) -> &'static str {
        match &self.way {
            Way::Stream(Stream { form: Form::Syslog { .. }, tls: Some(_), .. }) => "syslog over TLS",
            Way::Stream(Stream { form: Form::Syslog { .. }, .. }) => "syslog over TCP",
            Way::Stream(Stream { tls: Some(_), .. }) => "lines over TLS",
            Way::Stream(_) => "lines over TCP",
            Way::Datagram(_) => "syslog over UDP",
            Way::Webhook(_) => "webhook",
            Way::Mail(_) => "mail",
        }
    }

    /// Where it goes, for people: no secrets.
    pub(crate) fn to(&self) -> String {
        match &self.way {
            Way::Stream(stream) => stream.address.clone(),
            Way::Datagram(datagram) => datagram.address.clone(),
            // A path or a query may be the receiver's secret.
            Way::Webhook(webhook) => webhook.url.split('/').take(3).collect::<Vec<_>>().join("/"),
            Way::Mail(mail) => format!("{}:{}", mail.host, mail.port),
        }
    }

    /// What whoever wrote the file should think of again.
    pub(crate) fn doubt(&self) -> Option<&'static str> {
        match &self.way {
            Way::Datagram(_) => {
                Some("UDP: what is lost on the way is lost, and anybody on the way reads and forges it")
            }
            Way::Stream(Stream { tls: None, .. }) => Some("no TLS: anybody on the way reads and forges it"),
            Way::Mail(mail) if mail.security == Security::None => {
                Some("no TLS: anybody on the way reads and forges it")
            }
            _ => None,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileForm {
    schema: u32,
    console: Option<String>,
    #[serde(default)]
    syslog: Vec<SyslogForm>,
    #[serde(default)]
    lines: Vec<LinesForm>,
    #[serde(default)]
    webhook: Vec<WebhookForm>,
    #[serde(default)]
    mail: Vec<MailForm>,
}

#[derive(Clone, Copy, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Transport {
    #[default]
    Tls,
    Tcp,
    Udp,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum SyslogFormat {
    #[default]
    Rfc5424,
    Cef,
    Ecs,
}

#[derive(Clone, Copy, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
enum JsonFormat {
    Ecs,
    #[default]
    Notice,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SyslogForm {
    name: String,
    address: String,
    #[serde(default)]
    transport: Transport,
    #[serde(default)]
    format: SyslogFormat,
    facility: Option<u8>,
    ca: Option<PathBuf>,
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
    retry_max_s: Option<u64>,
    #[serde(default)]
    route: RouteForm,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LinesForm {
    name: String,
    address: String,
    #[serde(default)]
    transport: Transport,
    #[serde(default)]
    format: JsonFormat,
    ca: Option<PathBuf>,
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
    retry_max_s: Option<u64>,
    #[serde(default)]
    route: RouteForm,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WebhookForm {
    name: String,
    url: String,
    secret_file: PathBuf,
    #[serde(default)]
    format: JsonFormat,
    ca: Option<PathBuf>,
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
    retry_max_s: Option<u64>,
    #[serde(default)]
    route: RouteForm,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MailForm {
    name: String,
    server: String,
    security: Security,
    from: String,
    to: Vec<String>,
    user: Option<String>,
    password_file: Option<PathBuf>,
    ca: Option<PathBuf>,
    retry_max_s: Option<u64>,
    #[serde(default)]
    route: RouteForm,
}

/// Reads the file.
pub(crate) fn read(path: &Path) -> Result<Outputs, Failure> {
    let text = read_text(path)?;
    let refused = |what: String| Failure::Usage(format!("{OPTION}: `{}`: {what}", path.display()));
    // The parser's message quotes the line, which may hold what should not be shown; its place is enough.
    let form: FileForm = toml::from_str(&text).map_err(|fault| {
        let at =
            fault.span().map_or(0, |span| text.get(..span.start).unwrap_or_default().lines().count().max(1));
        refused(format!("line {at}: {}", fault.message()))
    })?;
    let folder = path.parent().unwrap_or(Path::new(""));
    outputs(form, folder).map_err(refused)
}

fn read_text(path: &Path) -> Result<String, Failure> {
    let failed = |cause| Failure::Read { option: OPTION, path: path.to_owned(), cause };
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(failed)?;
    file.take(FILE_BYTES_MAX + 1).read_to_string(&mut text).map_err(failed)?;
    if text.len() as u64 > FILE_BYTES_MAX {
        return Err(Failure::Usage(format!(
            "{OPTION}: `{}` is longer than {FILE_BYTES_MAX} bytes",
            path.display()
        )));
    }
    Ok(text)
}

fn outputs(form: FileForm, folder: &Path) -> Result<Outputs, String> {
    if form.schema != 1 {
        return Err(format!("schema is {}; this version reads 1", form.schema));
    }
    let console = form.console.map(|url| url.trim_end_matches('/').to_owned());
    if console.as_ref().is_some_and(|url| !url.starts_with("https://") && !url.starts_with("http://")) {
        return Err("console: an address like https://lazaret.example".to_owned());
    }
    let mut outputs = Vec::new();
    for one in form.syslog {
        outputs.push(syslog(one, folder)?);
    }
    for one in form.lines {
        outputs.push(lines(one, folder)?);
    }
    for one in form.webhook {
        outputs.push(webhook(one, folder)?);
    }
    for one in form.mail {
        outputs.push(mail(one, folder)?);
    }
    if outputs.is_empty() || outputs.len() > OUTPUTS_MAX {
        return Err(format!(
            "{} outputs; from 1 to {OUTPUTS_MAX} are needed: [[syslog]], [[lines]], [[webhook]], [[mail]]",
            outputs.len()
        ));
    }
    let mut names = BTreeSet::new();
    for output in &outputs {
        let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let name = output.name.as_str();
        if name.is_empty() || name.len() > NAME_BYTES_MAX || name.starts_with('-') || !name.bytes().all(fits)
        {
            return Err(format!("name {name:?}: small letters, digits and `-`, at most {NAME_BYTES_MAX}"));
        }
        if !names.insert(name) {
            return Err(format!("name {name:?} is there twice; each output needs its own"));
        }
    }
    Ok(Outputs { console, outputs })
}

fn syslog(form: SyslogForm, folder: &Path) -> Result<Output, String> {
    let place = |what: String| format!("syslog {:?}: {what}", form.name);
    let facility = form.facility.unwrap_or(FACILITY);
    if facility > 23 {
        return Err(place(format!("facility {facility}: 0 to 23 (RFC 5424, table 1)")));
    }
    let content = match form.format {
        SyslogFormat::Rfc5424 => Content::Words,
        SyslogFormat::Cef => Content::Cef,
        SyslogFormat::Ecs => Content::Ecs,
    };
    address(&form.address).map_err(place)?;
    let keys = (form.ca.as_ref(), form.certificate.as_ref(), form.key.as_ref());
    let tls = tls(keys, folder).map_err(place)?;
    let way = match form.transport {
        Transport::Udp => Way::Datagram(Datagram { address: form.address.clone(), facility, content }),
        transport => Way::Stream(Stream {
            address: form.address.clone(),
            tls: (transport == Transport::Tls).then_some(tls),
            form: Form::Syslog { facility, content },
        }),
    };
    let route = form.route.read().map_err(place)?;
    Ok(Output { name: form.name, route, retry_max: retry(form.retry_max_s)?, way })
}

fn lines(form: LinesForm, folder: &Path) -> Result<Output, String> {
    let place = |what: String| format!("lines {:?}: {what}", form.name);
    address(&form.address).map_err(place)?;
    let keys = (form.ca.as_ref(), form.certificate.as_ref(), form.key.as_ref());
    let tls = tls(keys, folder).map_err(place)?;
    let tls = match form.transport {
        Transport::Tls => Some(tls),
        Transport::Tcp => None,
        Transport::Udp => return Err(place("transport: tls or tcp".to_owned())),
    };
    let form_of = if form.format == JsonFormat::Ecs { Form::EcsLines } else { Form::NoticeLines };
    let way = Way::Stream(Stream { address: form.address.clone(), tls, form: form_of });
    let route = form.route.read().map_err(place)?;
    Ok(Output { name: form.name, route, retry_max: retry(form.retry_max_s)?, way })
}

fn webhook(form: WebhookForm, folder: &Path) -> Result<Output, String> {
    let place = |what: String| format!("webhook {:?}: {what}", form.name);
    let url = reqwest::Url::parse(&form.url).map_err(|fault| place(format!("url: {fault}")))?;
    let here = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
    if url.scheme() != "https" && !(url.scheme() == "http" && here) {
        return Err(place("url: https://… (http only to this machine itself)".to_owned()));
    }
    let secret = secret(&folder.join(&form.secret_file)).map_err(place)?;
    let secret = match secret.strip_prefix("whsec_") {
        Some(coded) => {
            decoded(coded).ok_or_else(|| place("secret_file: after whsec_ comes base64".to_owned()))?
        }
        None => secret.into_bytes(),
    };
    if secret.len() < SECRET_BYTES_MIN {
        return Err(place(format!(
            "secret_file: {} bytes; at least {SECRET_BYTES_MIN} are needed: \
             (printf whsec_; head -c 32 /dev/urandom | base64) > FILE",
            secret.len()
        )));
    }
    let keys = (form.ca.as_ref(), form.certificate.as_ref(), form.key.as_ref());
    let tls = tls(keys, folder).map_err(place)?;
    let route = form.route.read().map_err(place)?;
    let way = Way::Webhook(Webhook { url: form.url, secret, tls, ecs: form.format == JsonFormat::Ecs });
    Ok(Output { name: form.name, route, retry_max: retry(form.retry_max_s)?, way })
}

fn mail(form: MailForm, folder: &Path) -> Result<Output, String> {
    let place = |what: String| format!("mail {:?}: {what}", form.name);
    let (host, port) = address(&form.server).map_err(place)?;
    let mailbox =
        |text: &String| text.parse::<Mailbox>().map_err(|fault| place(format!("{text:?}: {fault}")));
    let to = form.to.iter().map(mailbox).collect::<Result<Vec<_>, _>>()?;
    if to.is_empty() {
        return Err(place("to: at least one address".to_owned()));
    }
    let account = match (form.user, form.password_file) {
        (None, None) => None,
        (Some(user), Some(file)) => Some((user, secret(&folder.join(file)).map_err(place)?)),
        _ => return Err(place("user and password_file go together".to_owned())),
    };
    if account.is_some() && form.security == Security::None {
        return Err(place("user: a password is not sent without TLS".to_owned()));
    }
    let from = mailbox(&form.from)?;
    let ca = form.ca.map(|ca| folder.join(ca));
    let route = form.route.read().map_err(place)?;
    let way = Way::Mail(Box::new(Mail { host, port, security: form.security, ca, from, to, account }));
    Ok(Output { name: form.name, route, retry_max: retry(form.retry_max_s)?, way })
}

fn retry(seconds: Option<u64>) -> Result<Duration, String> {
    let seconds = seconds.unwrap_or(RETRY_MAX_S);
    if !(1..=3_600).contains(&seconds) {
        return Err(format!("retry_max_s {seconds}: 1 to 3600"));
    }
    Ok(Duration::from_secs(seconds))
}

/// Host and port.
pub(crate) fn address(text: &str) -> Result<(String, u16), String> {
    let parts = text.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse().ok()?)));
    match parts {
        Some((host, port)) if !host.is_empty() && port != 0 => {
            Ok((host.trim_start_matches('[').trim_end_matches(']').to_owned(), port))
        }
        _ => Err(format!("{text:?}: host:port is needed, like siem.example:6514")),
    }
}

type Keys<'a> = (Option<&'a PathBuf>, Option<&'a PathBuf>, Option<&'a PathBuf>);

fn tls((ca, certificate, key): Keys<'_>, folder: &Path) -> Result<Tls, String> {
    let identity = match (certificate, key) {
        (None, None) => None,
        (Some(certificate), Some(key)) => Some((folder.join(certificate), folder.join(key))),
        _ => return Err("certificate and key go together".to_owned()),
    };
    Ok(Tls { ca: ca.map(|ca| folder.join(ca)), identity })
}

fn secret(path: &Path) -> Result<String, String> {
    let mut text = String::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(4_096).read_to_string(&mut text))
        .map_err(|cause| format!("cannot read `{}`: {cause}", path.display()))?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

/// Base64, with or without padding.
fn decoded(text: &str) -> Option<Vec<u8>> {
    data_encoding::BASE64_NOPAD.decode(text.trim_end_matches('=').as_bytes()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        let form: Result<FileForm, _> = toml::from_str(text);
        match form {
            Err(fault) => fault.message().to_owned(),
            Ok(form) => outputs(form, Path::new("/nowhere")).unwrap_err(),
        }
    }

    #[test]
    fn a_file_that_is_wrong_says_where() {
        let siem = "schema = 1\n[[syslog]]\nname = 'siem'\naddress = 'siem:6514'\n";
        for (text, why) in [
            ("schema = 2", "schema"),
            ("schema = 1", "0 outputs"),
            ("schema = 1\ncolour = 'red'", "unknown field"),
            (&format!("{siem}port = 7"), "unknown field"),
            (&siem.replace("siem:6514", "siem"), "host:port"),
            (&siem.replace("'siem'", "'../siem'"), "small letters"),
            (&format!("{siem}facility = 24"), "facility"),
            (&format!("{siem}key = 'x'"), "go together"),
            (&format!("{siem}route = {{ severity = 'bad' }}"), "severity"),
            (&format!("{siem}{}", siem.replace("schema = 1\n", "")), "twice"),
            (&format!("{siem}retry_max_s = 0"), "retry_max_s"),
            ("schema = 1\n[[webhook]]\nname='x'\nurl='http://far.example'\nsecret_file='x'", "https"),
            ("schema = 1\n[[webhook]]\nname='x'\nurl='https://far.example'\nsecret_file='x'", "cannot read"),
            (
                "schema = 1\n[[mail]]\nname='x'\nserver='m:25'\nsecurity='none'\nfrom='a@b'\nto=['c@d\\r\\nBcc: e@f']",
                "c@d",
            ),
        ] {
            let said = refused(text);
            assert!(said.contains(why), "{text}: {said}");
        }
        let form = toml::from_str(siem).unwrap();
        let read = outputs(form, Path::new("/nowhere")).unwrap();
        assert_eq!(
            (read.outputs[0].kind(), read.outputs[0].to()),
            ("syslog over TLS", "siem:6514".to_owned())
        );
    }
}
