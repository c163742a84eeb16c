//! Telling RPC from other traffic by its first bytes.

use super::header::{AUTH_BYTES_MAX, RPC_VERSION};
use super::program;
use crate::{Probe, Verdict};
use memchr::memmem::Finder;
use model::Transport;
use std::sync::LazyLock;

/// Longest fragment that a probe believes, in bytes: 4 MiB, four times the largest READ of common servers.
/// Our limit; the parser itself takes longer ones.
const FRAGMENT_BYTES_MAX: u32 = 4 << 20;
/// Shortest call: six words, two empty `opaque_auth`.
const CALL_BYTES_MIN: u32 = 40;
/// Shortest reply: a denied one of five words.
const REPLY_BYTES_MIN: u32 = 20;
/// Highest program number that RFC 5531 §13 lets anybody use (defined, user, transient and callbacks).
const PROGRAM_MAX: u32 = 0x5FFF_FFFF;
/// Versions and procedures beyond these are not in use; ours, to keep look-alikes out.
const VERSION_MAX: u32 = 15;
const PROCEDURE_MAX: u32 = 255;
/// Highest credential flavour in use (RFC 9289).
const FLAVOR_MAX: u32 = 7;
/// Highest `accept_stat`.
const ACCEPT_STAT_MAX: u32 = 5;
/// Offset of the version in a call over TCP: after the record mark, transaction id and message type.
const VERSION_AT: usize = 12;
static VERSION: LazyLock<Finder<'static>> =
    LazyLock::new(|| Finder::new(&const { RPC_VERSION.to_be_bytes() }));
/// How far a probe looks for the start of a record where the capture begins inside a stream, in bytes.
const SEARCH_BYTES_MAX: usize = 512;

/// What the first bytes of one side are.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Sight {
    /// A call of this program.
    Call(u32),
    /// A reply; whose, only its call tells.
    Reply,
    /// So far it could be either.
    Open,
    /// Neither.
    Nothing,
}

/// Looks at what one side sent first.
pub(crate) fn sight(probe: &Probe<'_>) -> Sight {
    if probe.transport != Transport::Tcp {
        let bytes = u32::try_from(probe.input.len()).unwrap_or(u32::MAX);
        // A datagram has no more bytes to come.
        return match message(probe.input, bytes) {
            Sight::Open => Sight::Nothing,
            seen => seen,
        };
    }
    let seen = record(probe.input);
    if seen != Sight::Nothing || !probe.midstream {
        return seen;
    }
    search(probe)
}

/// Looks for a call of a well-known program further on, where the capture begins inside a record.
fn search(probe: &Probe<'_>) -> Sight {
    let input = probe.input;
    // The version, 2, stands in the fourth word of a call's record: only where it is, a call may begin.
    let end = input.len().min(SEARCH_BYTES_MAX + VERSION_AT + 3);
    let versions = input.get(1 + VERSION_AT..end).unwrap_or_default();
    for version in VERSION.find_iter(versions) {
        let seen = record(input.get(1 + version..).unwrap_or_default());
        if let Sight::Call(number) = seen
            && program::name(number).is_some()
        {
            return seen;
        }
    }
    let may_come = input.len() < SEARCH_BYTES_MAX && probe.on_port(&[111, 2049]);
    if may_come { Sight::Open } else { Sight::Nothing }
}

/// A record mark with a call or reply behind it.
pub(crate) fn record(input: &[u8]) -> Sight {
    let Some(&first) = input.first() else { return Sight::Open };
    if first & 0x7F != 0 {
        return Sight::Nothing;
    }
    let Some(mark) = word(input, 0) else { return Sight::Open };
    let bytes = mark & 0x7FFF_FFFF;
    if !(REPLY_BYTES_MIN..=FRAGMENT_BYTES_MAX).contains(&bytes) || !bytes.is_multiple_of(4) {
        return Sight::Nothing;
    }
    message(input.get(4..).unwrap_or_default(), bytes)
}

/// A call or reply of `bytes` bytes, of which `input` is there.
fn message(input: &[u8], bytes: u32) -> Sight {
    match word(input, 1) {
        None => Sight::Open,
        Some(0) if bytes >= CALL_BYTES_MIN => call(input),
        Some(1) if bytes >= REPLY_BYTES_MIN => reply(input),
        Some(_) => Sight::Nothing,
    }
}

fn call(input: &[u8]) -> Sight {
    let ranges = [
        (2, RPC_VERSION, RPC_VERSION),
        (3, 1, PROGRAM_MAX),
        (4, 0, VERSION_MAX),
        (5, 0, PROCEDURE_MAX),
        (6, 0, FLAVOR_MAX),
        (7, 0, AUTH_BYTES_MAX),
    ];
    if let Err(seen) = within(input, &ranges) {
        return seen;
    }
    let (program, credential) = (word(input, 3).unwrap_or(0), word(input, 7).unwrap_or(0));
    let verifier = 8 + credential.div_ceil(4) as usize;
    match within(input, &[(verifier, 0, FLAVOR_MAX), (verifier + 1, 0, AUTH_BYTES_MAX)]) {
        Ok(()) => Sight::Call(program),
        // The capture may have cut the datagram; the first eight words are enough for a program we know.
        Err(Sight::Open) if program::name(program).is_some() => Sight::Call(program),
        Err(seen) => seen,
    }
}

fn reply(input: &[u8]) -> Sight {
    if word(input, 2) == Some(1) {
        return within(input, &[(3, 0, 1), (4, 0, 14)]).map_or_else(|seen| seen, |()| Sight::Reply);
    }
    let ranges = [(2, 0, 0), (3, 0, FLAVOR_MAX), (4, 0, AUTH_BYTES_MAX)];
    if let Err(seen) = within(input, &ranges) {
        return seen;
    }
    let status = 5 + word(input, 4).unwrap_or(0).div_ceil(4) as usize;
    within(input, &[(status, 0, ACCEPT_STAT_MAX)]).map_or_else(|seen| seen, |()| Sight::Reply)
}

/// Whether each word lies between its bounds, as far as the words are there.
fn within(input: &[u8], ranges: &[(usize, u32, u32)]) -> Result<(), Sight> {
    for &(index, least, most) in ranges {
        match word(input, index) {
            None => return Err(Sight::Open),
            Some(value) if !(least..=most).contains(&value) => return Err(Sight::Nothing),
            Some(_) => {}
        }
    }
    Ok(())
}

fn word(input: &[u8], index: usize) -> Option<u32> {
    let bytes = input.get(index.checked_mul(4)?..)?.first_chunk::<4>()?;
    Some(u32::from_be_bytes(*bytes))
}

/// The verdict of a row that stands for `programs` and is usually found on `ports`.
pub(crate) fn verdict(probe: &Probe<'_>, programs: &[u32], ports: &[u16]) -> Verdict {
    match sight(probe) {
        Sight::Call(program) if programs.contains(&program) => Verdict::Certain,
        // A reply does not say whose it is; its structure and the port together do.
        Sight::Reply if probe.on_port(ports) => Verdict::Certain,
        Sight::Open => Verdict::Unsure,
        Sight::Call(_) | Sight::Reply | Sight::Nothing => Verdict::NotForUs,
    }
}
