//! The head of a request or response: start line and header fields, read with `httparse`.
//!
//! Devices write odd heads, so the reader is lenient where a mistake cannot change the framing: blanks before
//! a colon, folded lines and fields that are not fields are passed over. It is strict about what frames the
//! body.
//!
//! # Source
//! RFC 9112 §2-§5 (syntax), §6.3 (length); RFC 9110 §8.6 (Content-Length), §14.4 (Content-Range).

use crate::Sink;
use httparse::{Header, ParserConfig, Status};
use model::{Malformed, Reason};

/// Longest head we buffer, in bytes. Our limit; servers commonly stop at 8 to 64 KiB. A longer one is
/// malformed.
pub(crate) const HEAD_BYTES_MAX: usize = 64 << 10;
/// Most header fields of one head. Our limit; more is malformed.
const FIELDS_MAX: usize = 128;

/// What a head says, as far as we use it.
#[derive(Debug, Default)]
pub(crate) struct Head<'a> {
    /// Length of the head with its empty line, in bytes.
    pub(crate) bytes: usize,
    /// Method of a request; empty in a response.
    pub(crate) method: &'a str,
    /// Target of a request; empty in a response.
    pub(crate) target: &'a str,
    /// Status code of a response; 0 in a request.
    pub(crate) status: u16,
    /// Field values, without surrounding blanks.
    pub(crate) host: Option<&'a [u8]>,
    pub(crate) user_agent: Option<&'a [u8]>,
    pub(crate) server: Option<&'a [u8]>,
    pub(crate) content_type: Option<&'a [u8]>,
    pub(crate) authorization: Option<&'a [u8]>,
    pub(crate) challenge: Option<&'a [u8]>,
    pub(crate) content_length: Option<u64>,
    /// The body comes in chunks.
    pub(crate) chunked: bool,
    /// Where a part lies in its whole.
    pub(crate) range: Option<ContentRange>,
    /// Fields of service discovery.
    pub(crate) search_target: Option<&'a [u8]>,
    pub(crate) service_name: Option<&'a [u8]>,
    pub(crate) location: Option<&'a [u8]>,
}

/// Content-Range of a part.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct ContentRange {
    /// Offset of its first byte.
    pub(crate) first: u64,
    /// Length of the whole, if told.
    pub(crate) whole: Option<u64>,
}

/// Fields that tell of software, of framing and of kinds of content, and of nobody. All others are concealed in frames
/// kept as evidence: they hold tokens, cookies, names of accounts, addresses that were come from.
const SHOWN: &[&[u8]] = &[
    b"host",
    b"user-agent",
    b"server",
    b"date",
    b"connection",
    b"keep-alive",
    b"accept",
    b"accept-charset",
    b"accept-encoding",
    b"accept-language",
    b"accept-ranges",
    b"allow",
    b"cache-control",
    b"content-encoding",
    b"content-length",
    b"content-range",
    b"content-type",
    b"expect",
    b"range",
    b"st",
    b"nt",
    b"nts",
    b"usn",
    b"man",
    b"mx",
    b"location",
    b"te",
    b"transfer-encoding",
    b"upgrade",
    b"vary",
];

/// Conceals of a head, which `head` is the whole of, the query of its target and the values of fields that are not
/// known to be nobody's; of a log-in the scheme may be seen.
pub(crate) fn conceal(head: &[u8], out: &mut dyn Sink) {
    let mut at = 0;
    let mut shown = false;
    for (number, line) in head.split(|byte| *byte == b'\n').enumerate() {
        let start = at;
        at += line.len() + 1;
        let text = line.trim_ascii_end();
        let end = start + text.len();
        if number == 0 {
            conceal_query(text, start, out);
            continue;
        }
        if matches!(text.first(), Some(b' ' | b'\t')) {
            // A folded line goes on with the field before.
            if !shown {
                out.conceal(start..end);
            }
            continue;
        }
        let Some(colon) = memchr::memchr(b':', text) else {
            out.conceal(start..end);
            continue;
        };
        let (name, value) = text.split_at_checked(colon).unwrap_or_default();
        let name = name.trim_ascii();
        let is = |known: &[u8]| name.eq_ignore_ascii_case(known);
        shown = SHOWN.iter().any(|known| is(known));
        if is(b"location") {
            conceal_query(text, start, out);
        } else if is(b"authorization") || is(b"www-authenticate") {
            let blanks = value.iter().skip(1).take_while(|byte| **byte == b' ').count() + 1;
            let rest = value.get(blanks..).unwrap_or_default();
            let scheme = memchr::memchr(b' ', rest).map_or(0, |at| at + 1);
            out.conceal((start + colon + blanks + scheme).min(end)..end);
        } else if !shown {
            out.conceal(start + colon + 1..end);
        }
    }
}

/// Conceals what stands between a `?` and the next blank.
fn conceal_query(line: &[u8], start: usize, out: &mut dyn Sink) {
    if let Some(mark) = memchr::memchr2(b'?', b'#', line) {
        let query = line.get(mark + 1..).unwrap_or_default();
        let bytes = memchr::memchr(b' ', query).unwrap_or(query.len());
        out.conceal(start + mark + 1..start + mark + 1 + bytes);
    }
}

/// Reads a request's head from the front of `input`; `None` while it is not whole.
///
/// # Errors
/// [`Malformed`] when it is not a head, or too long.
pub(crate) fn request(input: &[u8]) -> Result<Option<Head<'_>>, Malformed> {
    let mut fields = [httparse::EMPTY_HEADER; FIELDS_MAX];
    let mut request = httparse::Request::new(&mut fields);
    let mut config = ParserConfig::default();
    config.allow_multiple_spaces_in_request_line_delimiters(true).ignore_invalid_headers_in_requests(true);
    let Status::Complete(bytes) = config.parse_request(&mut request, input).map_err(fault)? else {
        return unfinished(input);
    };
    let (method, target) = (request.method.unwrap_or_default(), request.path.unwrap_or_default());
    let mut head = Head { bytes, method, target, ..Head::default() };
    head.fields(request.headers)?;
    Ok(Some(head))
}

/// Reads a response's head from the front of `input`; `None` while it is not whole.
///
/// # Errors
/// [`Malformed`] when it is not a head, or too long.
pub(crate) fn response(input: &[u8]) -> Result<Option<Head<'_>>, Malformed> {
    let mut fields = [httparse::EMPTY_HEADER; FIELDS_MAX];
    let mut response = httparse::Response::new(&mut fields);
    let mut config = ParserConfig::default();
    config
        .allow_spaces_after_header_name_in_responses(true)
        .allow_obsolete_multiline_headers_in_responses(true)
        .allow_multiple_spaces_in_response_status_delimiters(true)
        .ignore_invalid_headers_in_responses(true);
    let Status::Complete(bytes) = config.parse_response(&mut response, input).map_err(fault)? else {
        return unfinished(input);
    };
    let mut head = Head { bytes, status: response.code.unwrap_or_default(), ..Head::default() };
    head.fields(response.headers)?;
    Ok(Some(head))
}

fn unfinished(input: &[u8]) -> Result<Option<Head<'_>>, Malformed> {
    if input.len() < HEAD_BYTES_MAX {
        return Ok(None);
    }
    let reason = Reason::OutsideRange { value: input.len() as u64, min: 0, max: HEAD_BYTES_MAX as u64 };
    Err(Malformed { field: "head", offset: 0, reason })
}

/// The reader does not tell where; the field says which part of the head it is.
fn fault(error: httparse::Error) -> Malformed {
    let (field, reason) = match error {
        httparse::Error::HeaderName => ("field-name", Reason::NotText),
        httparse::Error::HeaderValue => ("field-value", Reason::NotText),
        httparse::Error::NewLine => ("line end", Reason::NotText),
        httparse::Error::Status => ("status-code", Reason::NotText),
        httparse::Error::Token => ("start-line", Reason::NotText),
        httparse::Error::Version => ("HTTP-version", Reason::NotText),
        httparse::Error::TooManyHeaders => {
            let max = FIELDS_MAX as u64;
            ("fields", Reason::OutsideRange { value: max + 1, min: 0, max })
        }
    };
    Malformed { field, offset: 0, reason }
}

impl<'a> Head<'a> {
    fn fields(&mut self, fields: &[Header<'a>]) -> Result<(), Malformed> {
        for field in fields {
            let value = field.value.trim_ascii();
            match () {
                () if is(field, "host") => self.host = Some(value),
                () if is(field, "user-agent") => self.user_agent = Some(value),
                () if is(field, "server") => self.server = Some(value),
                () if is(field, "content-type") => self.content_type = Some(value),
                () if is(field, "content-length") => self.length(value)?,
                () if is(field, "transfer-encoding") => self.chunked = ends_with(value, b"chunked"),
                () if is(field, "authorization") => self.authorization = Some(value),
                () if is(field, "www-authenticate") => self.challenge = Some(value),
                () if is(field, "content-range") => self.range = content_range(value),
                () if is(field, "st") || is(field, "nt") => self.search_target = Some(value),
                () if is(field, "usn") => self.service_name = Some(value),
                () if is(field, "location") => self.location = Some(value),
                () => {}
            }
        }
        Ok(())
    }

    /// RFC 9112 §6.3: repeated values must agree, else the message cannot be framed.
    fn length(&mut self, value: &[u8]) -> Result<(), Malformed> {
        const FIELD: &str = "Content-Length";
        for part in value.split(|byte| *byte == b',') {
            let Some(length) = decimal(part.trim_ascii()) else {
                return Err(Malformed { field: FIELD, offset: 0, reason: Reason::NotText });
            };
            if self.content_length.is_some_and(|earlier| earlier != length) {
                return Err(Malformed { field: FIELD, offset: 0, reason: Reason::Contradicts(FIELD) });
            }
            self.content_length = Some(length);
        }
        Ok(())
    }
}

fn is(field: &Header<'_>, name: &str) -> bool {
    field.name.trim_end().eq_ignore_ascii_case(name)
}

fn ends_with(value: &[u8], end: &[u8]) -> bool {
    value.len() >= end.len()
        && value.get(value.len() - end.len()..).is_some_and(|tail| tail.eq_ignore_ascii_case(end))
}

/// A number of digits only; `None` where it is not or does not fit.
fn decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// `bytes 0-99/1234` or `bytes 0-99/*`.
fn content_range(value: &[u8]) -> Option<ContentRange> {
    let rest = value.strip_prefix(b"bytes")?.trim_ascii_start();
    let dash = memchr::memchr(b'-', rest)?;
    let slash = memchr::memchr(b'/', rest)?;
    let first = decimal(rest.get(..dash)?.trim_ascii())?;
    Some(ContentRange { first, whole: decimal(rest.get(slash + 1..)?.trim_ascii()) })
}
