//! Print jobs, as workstations really send them: LPD on 515 and IPP on 631.
//!
//! Port 515 is where a CMS8000 sends its telemetry, and its shortest units begin like LPD's "receive a
//! printer job" (02): here are the jobs that must not be mistaken for it.
//!
//! # Wire format
//! ```text
//! LPD   02 queue LF | 02 count SP name LF, control file, 00 | 03 count SP name LF, data file, 00
//!       each of the five answered 00
//! IPP   POST, application/ipp: version 2 | operation 2 | request 4 | groups of attributes | 03 | document
//! ```
//! # Source
//! RFC 1179 (LPD), RFC 8010 and RFC 8011 (IPP).

use crate::actor::{Actor, Stage};
use crate::background::lookup;
use crate::clock;
use crate::packet::{Host, Port};
use crate::random::Random;
use crate::site::Site;
use crate::tcp::{Dialogue, LOCAL_NANOS, Side};
use model::CaptureTime;

/// LPD's port.
const LPD_PORT: u16 = 515;
/// IPP's port.
const IPP_PORT: u16 = 631;

/// Everybody who prints.
pub(crate) struct Printing {
    random: Random,
    workstations: u16,
    /// Mean time between two jobs, in seconds.
    pause_seconds: f64,
    job: u32,
}

impl Printing {
    /// Jobs of the first `workstations` workstations.
    pub(crate) const fn new(workstations: u16, pause_seconds: f64, random: Random) -> Self {
        Self { random, workstations, pause_seconds, job: 0 }
    }

    fn page(&mut self) -> Vec<u8> {
        let mut page = String::from("%!PS-Adobe-3.0\n%%Pages: 1\n/Helvetica findfont 11 scalefont setfont\n");
        for line in 0..40 + self.random.below(300) {
            page.push_str(&format!("72 {} moveto (Rota line {line}) show\n", 760 - 12 * (line % 58)));
        }
        page.push_str("showpage\n%%EOF\n");
        page.into_bytes()
    }

    fn lpd(&mut self, host: Host, at: CaptureTime, stage: &mut Stage<'_>) {
        stage.truth.conversed("lpd");
        let document = self.page();
        let name = format!("{:03}ws{:02}", self.job % 1000, host.mac.0[5]);
        let control =
            format!("Hws{:02}\nPnurse\nJrota.ps\nldfA{name}\nUdfA{name}\nNrota.ps\n", host.mac.0[5]);
        let client = Port { host, port: 721 + (self.job % 11) as u16 };
        let server = Port { host: stage.site.printer, port: LPD_PORT };
        let mut dialogue = Dialogue::open(stage.cable, at, (client, server), LOCAL_NANOS, &mut self.random);
        let mut told = |bytes: &[u8]| {
            dialogue.say(Side::Client, bytes).pause_nanos(1_500_000).say(Side::Server, &[0]);
        };
        told(b"\x02ward-a\n");
        told(format!("\x02{} cfA{name}\n", control.len()).as_bytes());
        told(&[control.as_bytes(), &[0]].concat());
        told(format!("\x03{} dfA{name}\n", document.len()).as_bytes());
        told(&[&document, &[0_u8][..]].concat());
        dialogue.close(Side::Client);
    }

    fn ipp(&mut self, host: Host, at: CaptureTime, stage: &mut Stage<'_>) {
        stage.truth.conversed("ipp");
        let printer = stage.site.printer;
        let uri = format!("ipp://{}/ipp/print", printer.ip);
        let document =
            b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[]/Count 0>>\
                         endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n";
        let ask = ipp_message(0x000B, self.job, &uri, &[]);
        let print = ipp_message(0x0002, self.job + 1, &uri, document);
        let post = |body: &[u8]| {
            let head = format!(
                "POST /ipp/print HTTP/1.1\r\nHost: {}:{IPP_PORT}\r\nContent-Type: application/ipp\r\n\
                 User-Agent: CUPS/2.4.2 IPP/2.0\r\nContent-Length: {}\r\n\r\n",
                printer.ip,
                body.len()
            );
            [head.as_bytes(), body].concat()
        };
        let date = clock::http_date(at);
        let answer = |request: u32| {
            let mut body = vec![1, 1, 0, 0];
            body.extend_from_slice(&request.to_be_bytes());
            body.push(1);
            body.extend_from_slice(&attribute(0x47, "attributes-charset", b"utf-8"));
            body.extend_from_slice(&attribute(0x48, "attributes-natural-language", b"en"));
            body.push(3);
            let head = format!(
                "HTTP/1.1 200 OK\r\nDate: {date}\r\nContent-Type: application/ipp\r\n\
                 Content-Length: {}\r\n\r\n",
                body.len()
            );
            [head.as_bytes(), &body].concat()
        };
        let client = Port { host, port: 49_200 + (self.job % 9000) as u16 };
        let server = Port { host: printer, port: IPP_PORT };
        let mut dialogue = Dialogue::open(stage.cable, at, (client, server), LOCAL_NANOS, &mut self.random);
        dialogue.say(Side::Client, &post(&ask)).pause_nanos(4_000_000).say(Side::Server, &answer(self.job));
        dialogue
            .say(Side::Client, &post(&print))
            .pause_nanos(9_000_000)
            .say(Side::Server, &answer(self.job + 1));
        dialogue.close(Side::Client);
    }
}

fn attribute(tag: u8, name: &str, value: &[u8]) -> Vec<u8> {
    let mut bytes = vec![tag];
    for part in [name.as_bytes(), value] {
        bytes.extend_from_slice(&(part.len() as u16).to_be_bytes());
        bytes.extend_from_slice(part);
    }
    bytes
}

fn ipp_message(operation: u16, request: u32, uri: &str, document: &[u8]) -> Vec<u8> {
    let mut bytes = vec![1, 1];
    bytes.extend_from_slice(&operation.to_be_bytes());
    bytes.extend_from_slice(&request.to_be_bytes());
    bytes.push(1);
    bytes.extend_from_slice(&attribute(0x47, "attributes-charset", b"utf-8"));
    bytes.extend_from_slice(&attribute(0x48, "attributes-natural-language", b"en"));
    bytes.extend_from_slice(&attribute(0x45, "printer-uri", uri.as_bytes()));
    bytes.extend_from_slice(&attribute(0x42, "requesting-user-name", b"nurse"));
    if !document.is_empty() {
        bytes.extend_from_slice(&attribute(0x42, "job-name", b"rota"));
        bytes.extend_from_slice(&attribute(0x49, "document-format", b"application/pdf"));
    }
    bytes.push(3);
    bytes.extend_from_slice(document);
    bytes
}

impl Actor for Printing {
    fn step(&mut self, now: CaptureTime, stage: &mut Stage<'_>) -> Option<CaptureTime> {
        let host = Site::workstation(self.random.below(u64::from(self.workstations)) as u16);
        let printer = stage.site.printer;
        let ready = lookup::resolve_link(&host, &printer, now, stage);
        self.job += 1;
        if self.job % 3 == 2 {
            self.ipp(host, ready, stage);
        } else {
            self.lpd(host, ready, stage);
        }
        Some(now.plus_nanos((self.pause_seconds * self.random.between(0.7, 1.3) * 1e9) as i64))
    }
}
