//! Trivial file transfer: how small devices fetch firmware, configuration and boot images.
//!
//! # Wire format
//! ```text
//! 0        2
//! | 1 RRQ  | file name | 0 | mode | 0 | (option | 0 | value | 0)…     read
//! | 2 WRQ  | the same                                                 write
//! | 3 DATA | block 2 | 0..block size bytes; a short block is the last
//! | 4 ACK  | block 2 |
//! | 5 ERROR| code 2  | message | 0 |
//! | 6 OACK | (option | 0 | value | 0)…
//! ```
//! The server answers from a new port, so one transfer is two flows: the request to port 69, and the data
//! between the client's port and the new one. The request announces the data flow; whatever carries the
//! data, the side whose port the announcement names is the client. A server that answers from port 69 stays
//! in the first flow, which this parser reads just the same.
//!
//! Block numbers have 16 bits and wrap; the nearest number to the last one is meant.
//!
//! # Limits
//! No block is kept. A request sent again within [`RETRY_NANOS_MAX`] is the same request. A block size above
//! the standard's [`BLOCK_BYTES_MAX`] is malformed.
//!
//! # Source
//! RFC 1350; RFC 2347 (options), RFC 2348 (`blksize`), RFC 2349 (`tsize`), RFC 7440 (`windowsize`).

use crate::{
    ContentId, ContentPart, Cursor, Expectation, Gap, Parser, Probe, Protocol, Scope, Sink, Start, Step,
    Verdict,
};
use model::{
    CaptureTime, Endpoint, Fact, Field, Malformed, Mover, Offer, Reason, Side, Storage, StorageOutcome,
    StorageStep, Text, Transport, Value, stable_hash,
};
use std::ops::Range;

/// Row of the registry.
pub static PROTOCOL: Protocol = Protocol {
    name: "tftp",
    title: "TFTP",
    source: "RFC 1350, RFC 2347",
    transports: &[Transport::Udp],
    ports: &[PORT],
    schema: &SCHEMA,
    probe,
    start: |start: &Start| Box::new(Tftp::new(start)),
};

schema! { "tftp":
    OPCODE = "opcode" Number Device "1 read, 2 write, 3 data, 4 acknowledgement, 5 error, 6 options.";
    FILE = "file" Text Device "File that is read or written.";
    MODE = "mode" Text Device "netascii, octet or mail.";
    BLOCK = "block" Number Device "Number of the data block.";
    BYTES = "bytes" Number Device "Bytes in the data block.";
    BLOCK_SIZE = "block_size" Number Device "Block size asked for or agreed, in bytes.";
    TRANSFER_SIZE = "transfer_size" Number Device "Length of the file in bytes, asked for or told.";
    ERROR_CODE = "error_code" Number Device "0 other, 1 not found, 2 access violation, 3 disk full.";
    ERROR_TEXT = "error_text" Text Device "What the error says.";
}

const PORT: u16 = 69;
const READ: u16 = 1;
const WRITE: u16 = 2;
const DATA: u16 = 3;
const ACK: u16 = 4;
const ERROR: u16 = 5;
const OPTIONS: u16 = 6;
/// Block size without the option, RFC 1350 §5.
const BLOCK_BYTES: usize = 512;
/// Largest block size, RFC 2348: the standard's limit.
const BLOCK_BYTES_MAX: u64 = 65464;
/// Time within which the same request again is a retransmission. Our limit; clients retry after 1 to 5 s.
/// Later it is a new transfer.
const RETRY_NANOS_MAX: i64 = 10_000_000_000;
const SERVICE: &str = "TFTP";

fn probe(probe: &Probe<'_>) -> Verdict {
    // Data and answers look like anything; they come announced.
    if Request::read(probe.input).is_ok() { Verdict::Certain } else { Verdict::NotForUs }
}

/// A read or write request.
struct Request<'a> {
    opcode: u16,
    file: &'a [u8],
    mode: &'a [u8],
    options: Options,
}

impl<'a> Request<'a> {
    fn read(input: &'a [u8]) -> Result<Self, Malformed> {
        let mut cursor = Cursor::new(input);
        let opcode = cursor.u16_be("opcode")?;
        if !matches!(opcode, READ | WRITE) {
            return Err(Malformed { field: "opcode", offset: 0, reason: Reason::NotDefined(opcode.into()) });
        }
        let at = cursor;
        let file = string(&mut cursor, "file name")?;
        if file.is_empty() || file.iter().any(u8::is_ascii_control) {
            return Err(at.malformed("file name", Reason::NotText));
        }
        let at = cursor;
        let mode = string(&mut cursor, "mode")?;
        let known = |name: &&str| mode.eq_ignore_ascii_case(name.as_bytes());
        if !["octet", "netascii", "mail", "binary"].iter().any(known) {
            return Err(at.malformed("mode", Reason::NotText));
        }
        let options = Options::read(&mut cursor)?;
        Ok(Self { opcode, file, mode, options })
    }
}

/// Options that matter here, RFC 2348 and 2349.
#[derive(Clone, Copy, Default)]
struct Options {
    block_bytes: Option<usize>,
    file_bytes: Option<u64>,
}

impl Options {
    fn read(cursor: &mut Cursor<'_>) -> Result<Self, Malformed> {
        let mut options = Self::default();
        while !cursor.is_empty() {
            let name = string(cursor, "option")?;
            if name.is_empty() {
                break; // Padding behind the last option.
            }
            let at = *cursor;
            let value = string(cursor, "option value")?;
            let number = || {
                let text = std::str::from_utf8(value).ok()?;
                text.parse::<u64>().ok()
            };
            if name.eq_ignore_ascii_case(b"blksize") {
                let value = number().ok_or(at.malformed("blksize", Reason::NotText))?;
                if !(8..=BLOCK_BYTES_MAX).contains(&value) {
                    let reason = Reason::OutsideRange { value, min: 8, max: BLOCK_BYTES_MAX };
                    return Err(at.malformed("blksize", reason));
                }
                options.block_bytes = usize::try_from(value).ok();
            } else if name.eq_ignore_ascii_case(b"tsize") {
                options.file_bytes = number();
            }
        }
        Ok(options)
    }

    fn declare(self, fields: &mut Vec<(&'static Field, Value)>) {
        fields.extend(self.block_bytes.map(|bytes| (&BLOCK_SIZE, Value::Number(bytes as u64))));
        fields.extend(self.file_bytes.map(|bytes| (&TRANSFER_SIZE, Value::Number(bytes))));
    }
}

/// Bytes up to the next NUL, which is passed over.
fn string<'a>(cursor: &mut Cursor<'a>, field: &'static str) -> Result<&'a [u8], Malformed> {
    let Some(end) = memchr::memchr(0, cursor.rest()) else {
        return Err(cursor.malformed(field, Reason::CutShort));
    };
    let text = cursor.take(end, field)?;
    cursor.skip(1, field)?;
    Ok(text)
}

/// One transfer.
struct Transfer {
    token: u64,
    /// Which side of this flow asked for it.
    asker: Side,
    mover: Mover,
    /// File name; forgotten where the request was not seen by this parser and no longer remembered.
    path: Option<Text>,
    /// When it was asked for; none in an announced data flow.
    asked: Option<CaptureTime>,
    block_bytes: usize,
    granted: bool,
    /// Last data block, counted without wrapping.
    block: u64,
    /// Number of the short block that ends the file, once seen.
    last: Option<u64>,
    /// The data of this flow began; ended when the last block was acknowledged or an error came.
    began: bool,
    ended: bool,
}

/// Bit 16 of a token: the transfer writes. Bits 0 to 15: port of the client.
const TOKEN_WRITES: u64 = 1 << 16;

impl Transfer {
    fn new(token: u64, asker: Side, path: Option<Text>, asked: Option<CaptureTime>) -> Self {
        let mover = if token & TOKEN_WRITES == 0 { Mover::Fetched } else { Mover::Pushed };
        let (block_bytes, granted, block, last) = (BLOCK_BYTES, false, 0, None);
        Self {
            token,
            asker,
            mover,
            path,
            asked,
            block_bytes,
            granted,
            block,
            last,
            began: false,
            ended: false,
        }
    }

    const fn content(&self) -> ContentId {
        ContentId { scope: Scope::HostPair, key: self.token, mover: self.mover }
    }

    /// Tells what became of the request. Its origin is who asked, whoever sent the current datagram.
    fn storage(&self, side: Side, outcome: StorageOutcome, range: Range<usize>, out: &mut dyn Sink) {
        let step = if self.mover == Mover::Fetched { StorageStep::Read } else { StorageStep::Write };
        let storage = Storage { step, outcome, path: self.path.clone(), service: SERVICE };
        let fact = Fact::Storage(Box::new(storage));
        if side == self.asker { out.fact(fact, range) } else { out.fact_of_other(fact, range) }
    }

    fn grant(&mut self, side: Side, out: &mut dyn Sink) {
        if !self.granted && side != self.asker {
            self.granted = true;
            self.storage(side, StorageOutcome::Granted, 0..4, out);
            out.fact(Fact::Offers(Offer::FileTransfer), 0..4);
        }
    }

    /// The count without wrapping that `number` is nearest to, seen from the last block.
    fn unwrapped(&self, number: u16) -> u64 {
        let [low, high, ..] = self.block.to_le_bytes();
        let ahead = number.wrapping_sub(u16::from_le_bytes([low, high])).cast_signed();
        self.block.saturating_add_signed(ahead.into())
    }

    /// Who sends the blocks.
    const fn sender(&self) -> Side {
        match self.mover {
            Mover::Fetched => self.asker.other(),
            Mover::Pushed => self.asker,
        }
    }
}

struct Tftp {
    client: Endpoint,
    server: Endpoint,
    expected: Option<u64>,
    transfer: Option<Transfer>,
}

impl Tftp {
    const fn new(start: &Start) -> Self {
        Self { client: start.client, server: start.server, expected: start.expected, transfer: None }
    }

    /// The transfer that announced this flow.
    fn announced(&mut self, out: &dyn Sink) {
        if let Some(token) = self.expected.take() {
            let [low, high, ..] = token.to_le_bytes();
            let asks = self.client.port == u16::from_le_bytes([low, high]);
            // Whoever has the announced port asked; the server's answer makes it the flow's client.
            let asker = if asks { Side::Client } else { Side::Server };
            self.transfer = Some(Transfer::new(token, asker, out.recall(token), None));
        }
    }
}

impl Parser for Tftp {
    fn step(&mut self, side: Side, input: &[u8], out: &mut dyn Sink) -> Step {
        if self.transfer.is_none() {
            self.announced(out);
        }
        Step::datagram(input, self.datagram(side, input, out))
    }

    fn gap(&mut self, _: Side, _: u64, _: &mut dyn Sink) -> Gap {
        Gap::Resume
    }

    fn end(&mut self, out: &mut dyn Sink) {
        if let Some(transfer) = self.transfer.take()
            && transfer.began
            && !transfer.ended
        {
            // The last block came, but not its acknowledgement: the file is there all the same.
            out.content(transfer.content(), ContentPart::End { complete: transfer.last.is_some() });
        }
    }
}

impl Tftp {
    fn datagram(&mut self, side: Side, input: &[u8], out: &mut dyn Sink) -> Result<(), Malformed> {
        let mut cursor = Cursor::new(input);
        match cursor.u16_be("opcode")? {
            READ | WRITE => self.request(side, input, out),
            DATA => self.data(side, cursor, out),
            ACK => self.acknowledgement(side, cursor, out),
            ERROR => self.error(side, cursor, out),
            OPTIONS => self.agreed(side, cursor, out),
            other => Err(Malformed { field: "opcode", offset: 0, reason: Reason::NotDefined(other.into()) }),
        }
    }

    fn request(&mut self, side: Side, input: &[u8], out: &mut dyn Sink) -> Result<(), Malformed> {
        let request = Request::read(input)?;
        let Request { opcode, file, mode, options } = request;
        let mut fields = vec![
            (&OPCODE, Value::Number(opcode.into())),
            (&FILE, Value::text(file)),
            (&MODE, Value::text(mode)),
        ];
        options.declare(&mut fields);
        out.message(&SCHEMA, &fields, 0..input.len());
        let (path, now) = (Text::from_bytes(file), out.time());
        let again = self.transfer.as_ref().is_some_and(|known| {
            let age = known.asked.map(|asked| now.nanos_since(asked));
            !known.began && known.path.as_ref() == Some(&path) && age.is_some_and(|age| age < RETRY_NANOS_MAX)
        });
        if again && let Some(known) = &self.transfer {
            // Announced again: the first announcement may have been used up.
            out.content(known.content(), ContentPart::Path(file));
            self.announce(side, known.token, out);
            return Ok(());
        }
        self.end(out);
        let asker = if side == Side::Client { self.client } else { self.server };
        let (ip, time) = (asker.ip.to_string(), now.nanos().to_be_bytes());
        let hash = stable_hash(&[ip.as_bytes(), &asker.port.to_be_bytes(), file, &time]);
        let writes = if opcode == WRITE { TOKEN_WRITES } else { 0 };
        let token = hash & !0x1_FFFF | writes | u64::from(asker.port);
        let transfer = Transfer::new(token, side, Some(path.clone()), Some(now));
        transfer.storage(side, StorageOutcome::Asked, 0..2 + file.len() + 1, out);
        out.content(transfer.content(), ContentPart::Path(file));
        if let Some(bytes) = options.file_bytes.filter(|_| opcode == WRITE) {
            out.content(transfer.content(), ContentPart::Length(bytes));
        }
        out.remember(token, path);
        self.announce(side, token, out);
        self.transfer = Some(transfer);
        Ok(())
    }

    /// Announces the flow in which the server will answer `side`.
    fn announce(&self, side: Side, token: u64, out: &mut dyn Sink) {
        let Endpoint { ip, port } = if side == Side::Client { self.client } else { self.server };
        let (transport, protocol) = (Transport::Udp, PROTOCOL.name);
        out.expect(Expectation { transport, ip, port, protocol, token });
    }

    fn data(&mut self, side: Side, mut cursor: Cursor<'_>, out: &mut dyn Sink) -> Result<(), Malformed> {
        let at = cursor;
        let number = cursor.u16_be("block")?;
        let bytes = cursor.rest();
        if out.wants_message(&SCHEMA) {
            let fields = [
                (&OPCODE, Value::Number(DATA.into())),
                (&BLOCK, Value::Number(number.into())),
                (&BYTES, Value::Number(bytes.len() as u64)),
            ];
            out.message(&SCHEMA, &fields, 0..cursor.unit().len());
        }
        let Some(transfer) = self.transfer.as_mut().filter(|transfer| side == transfer.sender()) else {
            return Ok(());
        };
        let block = transfer.unwrapped(number);
        if block == 0 {
            let reason = Reason::OutsideRange { value: number.into(), min: 1, max: 0xFFFF };
            return Err(at.malformed("block", reason));
        }
        if bytes.len() > transfer.block_bytes {
            // The agreement on the block size was not seen, so the first full block tells.
            if block > 1 || transfer.began {
                let (value, max) = (bytes.len() as u64, transfer.block_bytes as u64);
                return Err(cursor.malformed("data", Reason::OutsideRange { value, min: 0, max }));
            }
            transfer.block_bytes = bytes.len();
        }
        transfer.grant(side, out);
        transfer.began = true;
        transfer.block = block;
        let offset = (block - 1).saturating_mul(transfer.block_bytes as u64);
        if !bytes.is_empty() {
            out.content(transfer.content(), ContentPart::Bytes { offset, bytes });
        }
        if bytes.len() < transfer.block_bytes && transfer.last.is_none() {
            transfer.last = Some(block);
            out.content(transfer.content(), ContentPart::Length(offset + bytes.len() as u64));
        }
        Ok(())
    }

    fn acknowledgement(
        &mut self,
        side: Side,
        mut cursor: Cursor<'_>,
        out: &mut dyn Sink,
    ) -> Result<(), Malformed> {
        let number = cursor.u16_be("block")?;
        if out.wants_message(&SCHEMA) {
            let fields = [(&OPCODE, Value::Number(ACK.into())), (&BLOCK, Value::Number(number.into()))];
            out.message(&SCHEMA, &fields, 0..4);
        }
        let Some(transfer) = self.transfer.as_mut().filter(|transfer| side != transfer.sender()) else {
            return Ok(());
        };
        transfer.grant(side, out);
        let block = transfer.unwrapped(number);
        if transfer.last == Some(block) && !transfer.ended {
            transfer.ended = true;
            out.content(transfer.content(), ContentPart::End { complete: true });
        }
        Ok(())
    }

    fn error(&mut self, side: Side, mut cursor: Cursor<'_>, out: &mut dyn Sink) -> Result<(), Malformed> {
        let code = cursor.u16_be("error code")?;
        // Many senders leave the final NUL away.
        let text = cursor.rest().split(|byte| *byte == 0).next().unwrap_or_default();
        let fields = [
            (&OPCODE, Value::Number(ERROR.into())),
            (&ERROR_CODE, Value::Number(code.into())),
            (&ERROR_TEXT, Value::text(text)),
        ];
        out.message(&SCHEMA, &fields, 0..cursor.unit().len());
        let Some(transfer) = self.transfer.as_mut() else { return Ok(()) };
        if side != transfer.asker && !transfer.granted {
            transfer.storage(side, StorageOutcome::Refused(code.into()), 0..4, out);
        }
        if transfer.began && !transfer.ended {
            transfer.ended = true;
            out.content(transfer.content(), ContentPart::End { complete: false });
        }
        Ok(())
    }

    /// The server's answer to options.
    fn agreed(&mut self, side: Side, mut cursor: Cursor<'_>, out: &mut dyn Sink) -> Result<(), Malformed> {
        let options = Options::read(&mut cursor)?;
        let mut fields = vec![(&OPCODE, Value::Number(OPTIONS.into()))];
        options.declare(&mut fields);
        out.message(&SCHEMA, &fields, 0..cursor.unit().len());
        let Some(transfer) = self.transfer.as_mut().filter(|transfer| side != transfer.asker) else {
            return Ok(());
        };
        transfer.grant(side, out);
        if !transfer.began {
            transfer.block_bytes = options.block_bytes.unwrap_or(BLOCK_BYTES);
        }
        if let Some(bytes) = options.file_bytes {
            out.content(transfer.content(), ContentPart::Length(bytes));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Bench, check, hex, probe as probed, sturdy};
    use std::net::Ipv4Addr;

    const READ_REQUEST: &[u8] = b"\0\x01fw/monitor.bin\0octet\0";

    fn data(number: u16, bytes: &[u8]) -> Vec<u8> {
        [&DATA.to_be_bytes(), &number.to_be_bytes(), bytes].concat()
    }

    fn ack(number: u16) -> Vec<u8> {
        [ACK.to_be_bytes(), number.to_be_bytes()].concat()
    }

    /// The flow in which the server answers: it sends first, so it is the client.
    fn answer(token: u64) -> Bench {
        let end = |last, port| Endpoint { ip: Ipv4Addr::new(192, 0, 2, last).into(), port };
        let (client, server) = (end(2, 40001), end(1, 50000));
        let start =
            Start { transport: Transport::Udp, client, server, expected: Some(token), midstream: false };
        Bench::started(&PROTOCOL, &start).remembering(token, "fw/monitor.bin")
    }

    #[test]
    fn a_request_asks_and_announces_the_answer() {
        check(
            &PROTOCOL,
            &[(Side::Client, READ_REQUEST), (Side::Client, READ_REQUEST)],
            "c 0..23 tftp.opcode=1 tftp.file=fw/monitor.bin tftp.mode=octet
             c 0..17 Storage(Storage { step: Read, outcome: Asked, path: Some(\"fw/monitor.bin\"), \
               service: \"TFTP\" })
             c content Fetched path \"fw/monitor.bin\"
             c expect tftp over udp at 192.0.2.1 port 50000
             c 0..23 tftp.opcode=1 tftp.file=fw/monitor.bin tftp.mode=octet
             c content Fetched path \"fw/monitor.bin\"
             c expect tftp over udp at 192.0.2.1 port 50000",
        );
    }

    #[test]
    fn the_announced_flow_carries_the_file_to_who_asked() {
        let mut bench = answer(0xAB_0000_0000 | 50000);
        bench.feed(Side::Client, &hex("0006 626c6b73697a6500 3800 7473697a6500 313100")); // blksize 8, tsize 11
        bench.feed(Side::Server, &ack(0));
        bench.feed(Side::Client, &data(1, b"\x7fELF1234"));
        bench.feed(Side::Client, &data(1, b"\x7fELF1234"));
        bench.feed(Side::Server, &ack(1));
        bench.feed(Side::Client, &data(2, b"567"));
        bench.feed(Side::Server, &ack(2));
        let transcript = bench.finish();
        let lines: Vec<_> = transcript.lines().filter(|line| !line.contains("tftp.opcode")).collect();
        let want = [
            "c 0..4 of other: Storage(Storage { step: Read, outcome: Granted, path: \
             Some(\"fw/monitor.bin\"), service: \"TFTP\" })",
            "c 0..4 Offers(FileTransfer)",
            "c content Fetched length 11",
            "c content Fetched bytes 0..8",
            "c content Fetched bytes 0..8",
            "c content Fetched bytes 8..11",
            "c content Fetched length 11",
            "s content Fetched end complete=true",
        ];
        assert_eq!(lines, want, "{transcript}");
    }

    #[test]
    fn a_write_is_granted_by_the_first_acknowledgement() {
        let mut bench = answer(0xAB_0000_0000 | TOKEN_WRITES | 50000);
        bench.feed(Side::Client, &ack(0));
        bench.feed(Side::Server, &data(1, b"log"));
        let transcript = bench.finish();
        let lines: Vec<_> = transcript.lines().filter(|line| !line.contains("tftp.opcode")).collect();
        let want = [
            "c 0..4 of other: Storage(Storage { step: Write, outcome: Granted, path: \
             Some(\"fw/monitor.bin\"), service: \"TFTP\" })",
            "c 0..4 Offers(FileTransfer)",
            "s content Pushed bytes 0..3",
            "s content Pushed length 3",
            "c content Pushed end complete=true",
        ];
        assert_eq!(lines, want, "{transcript}");
    }

    #[test]
    fn an_error_refuses() {
        let mut bench = answer(0xAB_0000_0000 | 50000);
        bench.feed(Side::Client, b"\0\x05\0\x01File not found\0");
        let transcript = bench.finish();
        assert!(transcript.contains("of other: Storage(Storage { step: Read, outcome: Refused(1)"));
        assert!(!transcript.contains("content"), "{transcript}");
    }

    #[test]
    fn block_numbers_wrap() {
        let mut transfer = Transfer::new(0, Side::Client, None, None);
        for block in [1_u64, 2, 40_000, 65_535, 65_536, 65_537, 65_535, 100_000] {
            let [low, high, ..] = block.to_le_bytes();
            // A step of half the range or more cannot be told from one backwards: go there in two.
            transfer.block = transfer.block.max(block.saturating_sub(20_000));
            transfer.block = transfer.unwrapped(u16::from_le_bytes([low, high]));
            assert_eq!(transfer.block, block);
        }
    }

    #[test]
    fn faults_name_their_field() {
        let stop = |input: &[u8]| {
            let mut bench = answer(0xAB_0000_0000 | 50000);
            bench.feed(Side::Client, input);
            let transcript = bench.finish();
            transcript.lines().last().unwrap_or_default().to_owned()
        };
        assert_eq!(stop(&data(0, b"x")), "c stop block at byte 2: 0 is outside 1..=65535");
        assert_eq!(stop(b"\0\x09"), "c stop opcode at byte 0: 9 is not defined");
        assert_eq!(stop(b"\0\x01a\0hex\0"), "c stop mode at byte 4: not text of the prescribed kind");
        assert_eq!(stop(b"\0\x06blksize\x007\0"), "c stop blksize at byte 10: 7 is outside 8..=65464");
        let mut bench = answer(0xAB_0000_0000 | 50000);
        bench.feed(Side::Client, &data(1, &[0; 512]));
        bench.feed(Side::Client, &data(2, &[0; 513]));
        assert!(bench.finish().contains("c stop data at byte 4: 513 is outside 0..=512"));
    }

    #[test]
    fn the_probe_wants_a_request() {
        assert_eq!(probed(&PROTOCOL, Side::Client, READ_REQUEST), Verdict::Certain);
        assert_eq!(probed(&PROTOCOL, Side::Client, b"\0\x02a\0OCTET\0tsize\x005\0"), Verdict::Certain);
        assert_eq!(probed(&PROTOCOL, Side::Client, b"\0\x01\0\0\0\x01\0\0"), Verdict::NotForUs);
        assert_eq!(probed(&PROTOCOL, Side::Client, &data(1, b"x")), Verdict::NotForUs);
        // A DNS query with id 1.
        let query = hex("0001 0100 0001 0000 0000 0000 0161 00 0001 0001");
        assert_eq!(probed(&PROTOCOL, Side::Client, &query), Verdict::NotForUs);
    }

    #[test]
    fn it_is_sturdy() {
        let dialogue = [
            (Side::Client, READ_REQUEST.to_vec()),
            (Side::Server, data(1, &[7; 512])),
            (Side::Client, ack(1)),
            (Side::Server, data(2, b"end")),
            (Side::Client, ack(2)),
        ];
        sturdy(&PROTOCOL, &dialogue.each_ref().map(|(side, bytes)| (*side, bytes.as_slice())));
    }
}
