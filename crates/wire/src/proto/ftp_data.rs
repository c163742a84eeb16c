//! File transfer, the data connection: one file, from its first byte to the end of the connection.
//!
//! # Wire format
//! The bytes of the file (stream mode, RFC 959 §3.4.1) and nothing else, so this protocol is never found by
//! its content: the control connection (`ftp`) announces it with a token. Its layout says which side is the
//! FTP server; what that sends was fetched, what the other sends was pushed.
//!
//! The sender's orderly close is the end of the file (RFC 959 §3.4.1), unless the control connection heard of
//! a failure. Where the close was not captured, the server's "226 done" says as much.
//!
//! A listing is no file and is not carried. A file that is resumed starts at the offset of `REST`.
//!
//! # Limits
//! Nothing is kept. Block and compressed mode, which nobody uses, would be carried as they are.
//!
//! # Source
//! RFC 959 §3.

use super::ftp::{BROKEN, COMPLETE, LISTING, Token};
use crate::{ContentPart, Gap, Parser, Probe, Protocol, Sink, Start, Step, Verdict};
use model::{Mover, Side, Text, Transport, Value};

/// Row of the registry.
pub static PROTOCOL: Protocol = Protocol {
    name: "ftp-data",
    title: "FTP data",
    source: "RFC 959 §3",
    transports: &[Transport::Tcp],
    ports: &[20],
    schema: &SCHEMA,
    probe: |_: &Probe<'_>| Verdict::NotForUs,
    start: |start: &Start| Box::new(FtpData::new(start)),
};

schema! { "ftp-data":
    PUSHED = "pushed" Flag Device "The file goes to the server, not from it.";
}

/// How far a carried file is.
struct Carried {
    sender: Side,
    mover: Mover,
    offset: u64,
    ended: bool,
}

struct FtpData {
    token: Option<Token>,
    server: Side,
    carried: Option<Carried>,
    /// It is a listing, or came unannounced.
    ignored: bool,
}

impl FtpData {
    fn new(start: &Start) -> Self {
        let token = start.expected.map(Token);
        let server = token.map_or(Side::Server, |token| token.server_side(start.server.port));
        Self { token, server, carried: None, ignored: token.is_none() }
    }

    /// The side that sends first sends the file.
    fn begin(&mut self, side: Side, out: &mut dyn Sink) {
        let kind = self.token.and_then(|token| out.recall(token.kind_key()));
        let kind = kind.as_ref().map_or("", Text::as_str);
        if kind == LISTING {
            self.ignored = true;
            return;
        }
        let mover = if side == self.server { Mover::Fetched } else { Mover::Pushed };
        let offset = kind.parse().unwrap_or(0);
        self.carried = Some(Carried { sender: side, mover, offset, ended: false });
        out.message(&SCHEMA, &[(&PUSHED, Value::Flag(mover == Mover::Pushed))], 0..1);
    }

    /// Ends the file: its sender closed in order, or (none) the flow is over without that.
    fn finish(&mut self, closed: Option<Side>, out: &mut dyn Sink) {
        let (Some(token), Some(carried)) = (self.token, &mut self.carried) else { return };
        if carried.ended || closed.is_some_and(|side| side != carried.sender) {
            return;
        }
        let outcome = out.recall(token.outcome_key());
        let complete = match outcome.as_ref().map(Text::as_str) {
            Some(COMPLETE) => true,
            Some(BROKEN) => false,
            _ => closed.is_some(),
        };
        carried.ended = true;
        out.content(token.content(carried.mover), ContentPart::End { complete });
    }
}

impl Parser for FtpData {
    fn step(&mut self, side: Side, input: &[u8], out: &mut dyn Sink) -> Step {
        if self.carried.is_none() && !self.ignored {
            self.begin(side, out);
        }
        let (Some(token), Some(carried)) = (self.token, &mut self.carried) else { return Step::Ignore };
        if carried.sender != side {
            return Step::Ignore;
        }
        let part = ContentPart::Bytes { offset: carried.offset, bytes: input };
        out.content(token.content(carried.mover), part);
        carried.offset = carried.offset.saturating_add(input.len() as u64);
        Step::Done(input.len())
    }

    fn gap(&mut self, side: Side, bytes: u64, out: &mut dyn Sink) -> Gap {
        if self.carried.is_none() && !self.ignored {
            self.begin(side, out);
        }
        if let (Some(token), Some(carried)) = (self.token, &mut self.carried)
            && carried.sender == side
        {
            out.content(token.content(carried.mover), ContentPart::Missing { offset: carried.offset, bytes });
            carried.offset = carried.offset.saturating_add(bytes);
        }
        Gap::Resume
    }

    fn closed(&mut self, side: Side, out: &mut dyn Sink) {
        self.finish(Some(side), out);
    }

    fn end(&mut self, out: &mut dyn Sink) {
        self.finish(None, out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Bench, probe as probed, sturdy};
    use model::Endpoint;
    use std::net::Ipv4Addr;

    const TOKEN: Token = Token(0xAB_0000_0000 | 40001);

    /// A passive data connection: the client opens it to port 40001 of the server.
    fn bench() -> Bench {
        let end = |last, port| Endpoint { ip: Ipv4Addr::new(192, 0, 2, last).into(), port };
        let (transport, client, server) = (Transport::Tcp, end(1, 50001), end(2, 40001));
        let start = Start { transport, client, server, expected: Some(TOKEN.0), midstream: false };
        Bench::started(&PROTOCOL, &start)
    }

    #[test]
    fn what_the_server_sends_was_fetched_and_ends_with_its_close() {
        let mut bench = bench();
        bench.feed(Side::Server, b"\x7fELF");
        bench.feed(Side::Server, b"rest");
        bench.close(Side::Client);
        bench.close(Side::Server);
        let want = "s 0..1 ftp-data.pushed=false\ns content Fetched bytes 0..8\n\
                    s content Fetched end complete=true\n";
        assert_eq!(bench.finish(), want);
    }

    #[test]
    fn without_a_close_the_word_of_the_server_counts() {
        for (word, complete) in [("complete", true), ("broken", false), ("", false)] {
            let mut bench = bench().remembering(TOKEN.outcome_key(), word);
            bench.feed(Side::Server, b"all");
            assert!(bench.finish().ends_with(&format!("c content Fetched end complete={complete}\n")));
        }
        let mut failed = bench().remembering(TOKEN.outcome_key(), BROKEN);
        failed.feed(Side::Server, b"all");
        failed.close(Side::Server);
        assert!(failed.finish().ends_with("s content Fetched end complete=false\n"));
    }

    #[test]
    fn what_the_client_sends_was_pushed() {
        let mut bench = bench();
        bench.feed(Side::Client, b"log");
        bench.close(Side::Client);
        assert_eq!(
            bench.finish(),
            "c 0..1 ftp-data.pushed=true\nc content Pushed bytes 0..3\nc content Pushed end complete=true\n"
        );
    }

    #[test]
    fn a_listing_is_no_file_and_a_resumed_file_starts_later() {
        let mut listing = bench().remembering(TOKEN.kind_key(), LISTING);
        listing.feed(Side::Server, b"drwxr-xr-x ...");
        assert_eq!(listing.finish(), "");
        let mut resumed = bench().remembering(TOKEN.kind_key(), "100");
        resumed.feed(Side::Server, b"tail");
        assert!(resumed.finish().contains("s content Fetched bytes 100..104\n"));
    }

    #[test]
    fn missing_bytes_are_told_and_the_rest_is_read() {
        let mut bench = bench();
        bench.feed(Side::Server, b"ab");
        bench.gap(Side::Server, 10);
        bench.feed(Side::Server, b"cd");
        let want = "s 0..1 ftp-data.pushed=false\ns content Fetched bytes 0..2\n\
                    s content Fetched missing 10 at 2\ns content Fetched bytes 12..14\n\
                    c content Fetched end complete=false\n";
        assert_eq!(bench.finish(), want);
    }

    #[test]
    fn it_is_never_found_by_its_content() {
        assert_eq!(probed(&PROTOCOL, Side::Server, b"\x7fELF"), Verdict::NotForUs);
    }

    #[test]
    fn it_is_sturdy_and_silent_unannounced() {
        sturdy(&PROTOCOL, &[(Side::Server, b"bytes")]);
    }
}
