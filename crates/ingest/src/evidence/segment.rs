//! A segment: chunks of frames, each sealed by itself.
//!
//! ```text
//! 0            8          16        48
//! | LZSEGM 0 1 | number 8 | salt 32 | chunk …          number of the segment, as in its name; numbers little-endian
//!
//! 0      4          8          12
//! | LZCK | number 4 | length 4 | sealed: kind 1, content, tag 16         what is in clear is bound by the tag too
//! ```
//! | kind | content |
//! |---|---|
//! | 1 begin | first of every segment: run 16, its beginning 8, then with 2 bytes of length each: sensor, period |
//! | 2 period | a new period begins: name, with 2 bytes of length |
//! | 3 frames | number 8, time 8, link 2, length on the wire 4, length 4, bytes; again and again |
//! | 4 end | the segment was ended in order: frames in it 8 |
//!
//! A chunk that is cut off, or that does not open, is a flaw, and reading goes on with the next whose front is found. So a
//! process that is killed costs the chunk it was writing, and a byte that was changed the chunk it is in.

use super::{KEY_BYTES, Master};
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use model::{CaptureTime, Frame, LinkType};
use std::io;

const MAGIC: &[u8; 8] = b"LZSEGM\0\x01";
pub(super) const SALT_BYTES: usize = 32;
pub(super) const HEADER_BYTES: usize = MAGIC.len() + 8 + SALT_BYTES;
const CHUNK: &[u8; 4] = b"LZCK";
const CHUNK_HEADER_BYTES: usize = 12;
const TAG_BYTES: usize = 16;
const FRAME_HEADER_BYTES: usize = 26;
/// A chunk is full, in bytes. Our limit; one more frame may follow.
pub(super) const CHUNK_BYTES: usize = 256 << 10;
/// Longest chunk, sealed, in bytes.
const SEALED_BYTES_MAX: usize = 1 + CHUNK_BYTES + FRAME_HEADER_BYTES + crate::FRAME_BYTES_MAX + TAG_BYTES;
/// Longest segment that is read, in bytes. Our limit: far beyond what is written.
pub(super) const SEGMENT_BYTES_MAX: u64 = 128 << 20;
/// Flaws of one segment after which the rest of it is given up. Our limit: what follows is not worth the search.
const FLAWS_MAX: usize = 32;

/// What a chunk holds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u8)]
pub(super) enum Kind {
    Begin = 1,
    Period = 2,
    Frames = 3,
    End = 4,
}

/// Whose frames follow.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Begin {
    pub(super) run: [u8; 16],
    /// When the run began, by the clock.
    pub(super) started: CaptureTime,
    pub(super) sensor: String,
    pub(super) period: String,
}

impl Begin {
    pub(super) fn chunk(&self) -> Vec<u8> {
        let mut chunk = vec![Kind::Begin as u8];
        chunk.extend_from_slice(&self.run);
        chunk.extend_from_slice(&self.started.nanos().to_le_bytes());
        text(&mut chunk, &self.sensor);
        text(&mut chunk, &self.period);
        chunk
    }

    fn parse(content: &[u8]) -> Option<Self> {
        let (run, rest) = content.split_first_chunk()?;
        let (started, rest) = rest.split_first_chunk()?;
        let (sensor, rest) = parse_text(rest)?;
        let (period, rest) = parse_text(rest)?;
        let started = CaptureTime::from_nanos(i64::from_le_bytes(*started));
        rest.is_empty().then_some(Self { run: *run, started, sensor, period })
    }
}

/// The chunk that says that a period begins.
pub(super) fn period(name: &str) -> Vec<u8> {
    let mut chunk = vec![Kind::Period as u8];
    text(&mut chunk, name);
    chunk
}

/// The chunk that says that a segment ended in order.
pub(super) fn end(frames: u64) -> Vec<u8> {
    let mut chunk = vec![Kind::End as u8];
    chunk.extend_from_slice(&frames.to_le_bytes());
    chunk
}

/// Adds a frame to a chunk of [`Kind::Frames`].
pub(super) fn add(chunk: &mut Vec<u8>, frame: &Frame<'_>) {
    if chunk.is_empty() {
        chunk.push(Kind::Frames as u8);
    }
    chunk.extend_from_slice(&frame.number.to_le_bytes());
    chunk.extend_from_slice(&frame.time.nanos().to_le_bytes());
    chunk.extend_from_slice(&crate::write::link_number(frame.link).to_le_bytes());
    chunk.extend_from_slice(&frame.original_bytes.to_le_bytes());
    // A frame has no more than `FRAME_BYTES_MAX`.
    let bytes = frame.bytes.get(..frame.bytes.len().min(crate::FRAME_BYTES_MAX)).unwrap_or_default();
    chunk.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
    chunk.extend_from_slice(bytes);
}

/// With two bytes of length; cut where it is longer than they can say.
fn text(chunk: &mut Vec<u8>, text: &str) {
    let mut length = text.len().min(usize::from(u16::MAX));
    while !text.is_char_boundary(length) {
        length -= 1;
    }
    chunk.extend_from_slice(&(length as u16).to_le_bytes());
    chunk.extend_from_slice(text.get(..length).unwrap_or_default().as_bytes());
}

fn parse_text(bytes: &[u8]) -> Option<(String, &[u8])> {
    let (length, rest) = bytes.split_first_chunk()?;
    let (text, rest) = rest.split_at_checked(usize::from(u16::from_le_bytes(*length)))?;
    Some((str::from_utf8(text).ok()?.to_owned(), rest))
}

/// The key of one segment, and the number of its next chunk.
pub(super) struct Sealer {
    key: LessSafeKey,
    segment: u64,
    next: u32,
}

fn segment_key(master: &Master, salt: &[u8]) -> io::Result<LessSafeKey> {
    let mut key: [u8; KEY_BYTES] = master.key(b"lazaret.ring/1 segment", salt)?;
    let made = UnboundKey::new(&AES_256_GCM, &key).map_err(|_| io::Error::other("the key cannot be made"));
    key.fill(0);
    Ok(LessSafeKey::new(made?))
}

/// The nonce of a chunk: its number. Each segment has a key of its own.
fn nonce(chunk: u32) -> Nonce {
    let mut nonce = [0; 12];
    if let Some(front) = nonce.first_chunk_mut() {
        *front = chunk.to_le_bytes();
    }
    Nonce::assume_unique_for_key(nonce)
}

fn bound(segment: u64, header: &[u8]) -> Vec<u8> {
    [b"lazaret.ring/1", &segment.to_le_bytes()[..], header].concat()
}

impl Sealer {
    /// For a new segment; what stands at its front.
    pub(super) fn new(master: &Master, segment: u64, salt: &[u8; SALT_BYTES]) -> io::Result<(Self, Vec<u8>)> {
        let front = [&MAGIC[..], &segment.to_le_bytes(), salt].concat();
        Ok((Self { key: segment_key(master, salt)?, segment, next: 0 }, front))
    }

    /// Whether one more chunk can be sealed.
    pub(super) const fn has_room(&self) -> bool {
        self.next < u32::MAX
    }

    /// Seals a chunk where it lies, and gives what stands before it.
    pub(super) fn seal(&mut self, chunk: &mut Vec<u8>) -> io::Result<[u8; CHUNK_HEADER_BYTES]> {
        let header =
            [&CHUNK[..], &self.next.to_le_bytes(), &((chunk.len() + TAG_BYTES) as u32).to_le_bytes()];
        let mut front = [0; CHUNK_HEADER_BYTES];
        front.copy_from_slice(&header.concat());
        let aad = Aad::from(bound(self.segment, &front));
        self.key
            .seal_in_place_append_tag(nonce(self.next), aad, chunk)
            .map_err(|_| io::Error::other("a chunk cannot be sealed"))?;
        self.next += 1;
        Ok(front)
    }
}

/// What a segment tells.
pub(super) enum Told<'a> {
    /// A segment begins; whose it is, is not known yet.
    Segment,
    Begin(Begin),
    Period(String),
    Frame(Frame<'a>),
    /// Something is wrong with it: where, and what.
    Flaw {
        offset: u64,
        what: String,
    },
}

/// Opens a chunk into `room`. Not in place: where it fails, what stands there may be the front of another chunk.
fn open<'a>(
    key: &LessSafeKey,
    chunk: u32,
    aad: &[u8],
    sealed: &[u8],
    room: &'a mut Vec<u8>,
) -> Option<&'a [u8]> {
    let (content, tag) = sealed.split_at_checked(sealed.len().checked_sub(TAG_BYTES)?)?;
    room.resize(content.len(), 0);
    key.open_separate_gather(nonce(chunk), Aad::from(aad), content, tag, room).ok()?;
    Some(room)
}

/// Reads a segment.
pub(super) fn read(master: &Master, number: u64, bytes: &[u8], each: &mut dyn FnMut(Told<'_>)) {
    let flaw = |offset: usize, what: String, each: &mut dyn FnMut(Told<'_>)| {
        each(Told::Flaw { offset: offset as u64, what: format!("segment {number}: {what}") });
    };
    let Some(salt) = front(bytes, number) else {
        let what = if bytes.len() < HEADER_BYTES {
            "it is cut off before its first chunk"
        } else {
            "its front is damaged, so none of it can be read"
        };
        return flaw(0, what.to_owned(), each);
    };
    let Ok(key) = segment_key(master, &salt) else {
        return flaw(0, "its key cannot be made".to_owned(), each);
    };
    let (mut at, mut expected, mut flaws, mut frames) = (HEADER_BYTES, 0_u32, 0, 0);
    let (mut begun, mut ended, mut room) = (false, None, Vec::new());
    while at < bytes.len() && flaws < FLAWS_MAX {
        let Some(found) = Chunk::at(bytes, at).filter(|chunk| chunk.number >= expected) else {
            flaws += 1;
            let next = Chunk::after(bytes, at + 1, expected);
            let end = next.unwrap_or(bytes.len());
            let torn = next.is_none() && is_cut(bytes, at, expected);
            let what = if torn { "cut off" } else { "damaged" };
            flaw(at, format!("chunk {expected} is {what}: {} bytes are not read", end - at), each);
            at = end;
            continue;
        };
        let end = found.start + found.length;
        let aad = bound(number, bytes.get(at..found.start).unwrap_or_default());
        let sealed = bytes.get(found.start..end).unwrap_or_default();
        let Some(plain) = open(&key, found.number, &aad, sealed, &mut room) else {
            flaws += 1;
            // Its number and length may be what was changed.
            let next = Chunk::after(bytes, at + CHUNK_HEADER_BYTES, expected).unwrap_or(bytes.len());
            flaw(
                at,
                format!("chunk {expected} is not as it was written: {} bytes are not read", next - at),
                each,
            );
            expected = expected.saturating_add(u32::from(found.number == expected));
            at = next;
            continue;
        };
        if found.number > expected {
            flaws += 1;
            flaw(at, format!("{} before it cannot be read", chunks(expected, found.number)), each);
        }
        expected = found.number.saturating_add(1);
        match tell(plain, &mut begun, &mut frames, each) {
            Some(Some(said)) => ended = Some((at, said)),
            Some(None) => {}
            None => flaw(at, format!("chunk {} does not have its form", found.number), each),
        }
        at = end;
    }
    if !begun && frames > 0 {
        flaw(
            HEADER_BYTES,
            format!("whose its {frames} frames are is not known: its first chunk cannot be read"),
            each,
        );
    }
    if at < bytes.len() {
        flaw(at, format!("too much of it is damaged: {} bytes are not read", bytes.len() - at), each);
    }
    match ended {
        Some((at, said)) if said != frames => {
            flaw(at, format!("{said} frames were written and {frames} are read"), each);
        }
        Some(_) => {}
        None => {
            flaw(at, "it has no end: its process was killed, goes on, or it was cut off".to_owned(), each);
        }
    }
}

/// The chunks from one number up to another.
fn chunks(from: u32, to: u32) -> String {
    if from + 1 == to { format!("chunk {from}") } else { format!("chunks {from} to {}", to - 1) }
}

fn front(bytes: &[u8], number: u64) -> Option<[u8; SALT_BYTES]> {
    let (told, rest) = bytes.strip_prefix(MAGIC)?.split_first_chunk()?;
    let (salt, _) = rest.split_first_chunk()?;
    (u64::from_le_bytes(*told) == number).then_some(*salt)
}

/// Where a chunk lies.
struct Chunk {
    number: u32,
    start: usize,
    length: usize,
}

impl Chunk {
    /// The chunk whose front stands at `at`, where it is whole.
    fn at(bytes: &[u8], at: usize) -> Option<Self> {
        let (number, length) = head(bytes, at)?;
        let start = at + CHUNK_HEADER_BYTES;
        let fits = (TAG_BYTES..=SEALED_BYTES_MAX).contains(&length) && length <= bytes.len() - start;
        fits.then_some(Self { number, start, length })
    }

    /// Where the next whole chunk begins, from `from` on.
    fn after(bytes: &[u8], from: usize, expected: u32) -> Option<usize> {
        let rest = bytes.get(from..)?;
        let fronts = rest.windows(CHUNK.len()).enumerate().filter(|(_, window)| window == CHUNK);
        let mut places = fronts.map(|(at, _)| from + at);
        places.find(|at| Self::at(bytes, *at).is_some_and(|chunk| chunk.number >= expected))
    }
}

fn head(bytes: &[u8], at: usize) -> Option<(u32, usize)> {
    let (number, rest) = bytes.get(at..)?.strip_prefix(CHUNK)?.split_first_chunk()?;
    let (length, _) = rest.split_first_chunk()?;
    Some((u32::from_le_bytes(*number), u32::from_le_bytes(*length) as usize))
}

/// Whether what stands at `at` is the beginning of the chunk that was to come.
fn is_cut(bytes: &[u8], at: usize, expected: u32) -> bool {
    let rest = bytes.get(at..).unwrap_or_default();
    let number = expected.to_le_bytes();
    let front = [&CHUNK[..], &number].concat();
    let length = front.len().min(rest.len());
    rest.get(..length) == front.get(..length)
}

/// Tells what a chunk holds; the frames that its segment has, where it is the end; none where it does not have its form.
#[expect(clippy::option_option, reason = "no form, no end, the end")]
fn tell(
    chunk: &[u8],
    begun: &mut bool,
    frames: &mut u64,
    each: &mut dyn FnMut(Told<'_>),
) -> Option<Option<u64>> {
    let (kind, content) = chunk.split_first()?;
    match *kind {
        kind if kind == Kind::Begin as u8 => {
            *begun = true;
            each(Told::Begin(Begin::parse(content)?));
        }
        kind if kind == Kind::Period as u8 => each(Told::Period(parse_text(content)?.0)),
        kind if kind == Kind::End as u8 => return Some(Some(u64::from_le_bytes(content.try_into().ok()?))),
        kind if kind == Kind::Frames as u8 => {
            let mut rest = content;
            while !rest.is_empty() {
                let (frame, after) = parse_frame(rest)?;
                *frames += 1;
                each(Told::Frame(frame));
                rest = after;
            }
        }
        _ => return None,
    }
    Some(None)
}

fn parse_frame(bytes: &[u8]) -> Option<(Frame<'_>, &[u8])> {
    let (number, rest) = bytes.split_first_chunk()?;
    let (time, rest) = rest.split_first_chunk()?;
    let (link, rest) = rest.split_first_chunk()?;
    let (original, rest) = rest.split_first_chunk()?;
    let (length, rest) = rest.split_first_chunk()?;
    let (bytes, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
    let frame = Frame {
        capture: 0,
        number: u64::from_le_bytes(*number),
        time: CaptureTime::from_nanos(i64::from_le_bytes(*time)),
        link: LinkType::from_number(u16::from_le_bytes(*link)),
        original_bytes: u32::from_le_bytes(*original),
        bytes,
    };
    Some((frame, rest))
}

/// Any bytes as the header of a ring, as a segment, and as a chunk that opened: nothing of it harms, and frames
/// are no longer than what they came in. For fuzzing.
///
/// # Panics
/// Where that does not hold.
pub fn any_bytes(bytes: &[u8]) {
    let _ = super::Header::parse(bytes);
    let master = Master(aws_lc_rs::hkdf::Prk::new_less_safe(aws_lc_rs::hkdf::HKDF_SHA256, &[7; KEY_BYTES]));
    let total = std::cell::Cell::new(0);
    let mut each = |told: Told<'_>| {
        if let Told::Frame(frame) = told {
            total.set(total.get() + frame.bytes.len());
        }
    };
    let _ = tell(bytes, &mut false, &mut 0, &mut each);
    assert!(total.take() <= bytes.len());
    read(&master, 1, bytes, &mut each);
    // The same bytes as chunks of a segment that is sealed rightly, and that segment with one byte changed.
    let salt = [3; SALT_BYTES];
    let Ok((mut sealer, mut segment)) = Sealer::new(&master, 1, &salt) else { return };
    for part in bytes.chunks(1 + bytes.len() / 3) {
        let mut chunk = part.to_vec();
        let Ok(front) = sealer.seal(&mut chunk) else { return };
        segment.extend_from_slice(&front);
        segment.extend_from_slice(&chunk);
    }
    let flaws = |segment: &[u8]| {
        let mut flaws = Vec::new();
        read(&master, 1, segment, &mut |told| {
            if let Told::Flaw { offset, what } = told {
                flaws.push((offset, what));
            }
        });
        flaws
    };
    let before = flaws(&segment);
    let at = bytes.first().map_or(0, |byte| usize::from(*byte) * segment.len() / 256);
    if let Some(byte) = segment.get_mut(at) {
        *byte ^= 0x10;
    }
    assert_ne!(before, flaws(&segment), "a byte was changed at {at} and nobody noticed");
    assert!(total.get() <= bytes.len(), "{} of {}", total.get(), bytes.len());
}
