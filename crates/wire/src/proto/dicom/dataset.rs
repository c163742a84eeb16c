//! The head of a data set: PS3.5 §7. Which device made it, and of whom it is.
//!
//! ```text
//! implicit:        | group 2 | element 2 | length 4 | value |
//! explicit, short: | group 2 | element 2 | VR 2 | length 2 | value |
//! explicit, long:  | group 2 | element 2 | VR 2 | rsv 2 | length 4 | value |
//!                  of OB OD OF OL OV OW SQ SV UC UN UR UT UV
//! ```
//! Elements come in ascending order, so that everything of interest stands before the image. Values inside
//! sequences are passed over: they are of referenced objects and codes.

use super::associate::trimmed;
use crate::Sink;
use model::{Field, Malformed, Reason};

/// How a data set is written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Syntax {
    /// Implicit VR, little-endian.
    Implicit,
    /// Explicit VR, little-endian: all compressed images too.
    Explicit,
    /// Explicit VR, big-endian; retired.
    ExplicitBig,
    /// Compressed as a whole: not read.
    Deflated,
    /// The negotiation was not seen: explicit where the first element has a VR.
    Unseen,
}

impl Syntax {
    /// Of a transfer syntax; PS3.5 annex A.
    pub(super) fn of(uid: &[u8]) -> Self {
        match uid {
            b"1.2.840.10008.1.2" => Self::Implicit,
            b"1.2.840.10008.1.2.2" => Self::ExplicitBig,
            b"1.2.840.10008.1.2.1.99" | b"1.2.840.10008.1.2.4.95" | b"1.2.840.10008.1.2.4.205" => {
                Self::Deflated
            }
            _ => Self::Explicit,
        }
    }
}

/// Deepest nesting that is walked; below it the rest of the head is not read.
const DEPTH_MAX: u32 = 16;
/// Length that says "until the delimiter".
const UNDEFINED: u32 = u32::MAX;
/// Group of items and delimiters.
const ITEM_GROUP: u16 = 0xFFFE;

/// Calls `found` with each tag of interest at the top level and its value, without padding.
///
/// Ends quietly where the head ends, inside a value as well: it is only the beginning of a data set.
///
/// # Errors
/// [`Malformed`] when tags are not in order, a VR is no VR, or delimiters do not match.
pub(super) fn read<'a>(
    head: &'a [u8],
    syntax: Syntax,
    mut found: impl FnMut((u16, u16), &'a [u8]),
) -> Result<(), Malformed> {
    let Some(mut walk) = Walk::new(head, syntax) else { return Ok(()) };
    let (mut depth, mut last) = (0, (0, 0));
    while let Some(element) = walk.element()? {
        let Element { tag, at, bytes } = element;
        if tag.0 == ITEM_GROUP {
            depth = nesting(element, depth)?;
            walk.at += if tag.1 == 0xE000 && bytes != UNDEFINED { bytes as usize } else { 0 };
            continue;
        }
        if depth == 0 {
            if tag <= last && last != (0, 0) {
                return Err(Malformed {
                    field: "tag order",
                    offset: at,
                    reason: Reason::Contradicts("the tag before"),
                });
            }
            last = tag;
            // Nothing of interest comes after the software versions.
            if tag > (0x0018, 0x1020) {
                break;
            }
        }
        if bytes == UNDEFINED {
            depth += 1;
            if depth > DEPTH_MAX {
                break;
            }
            continue;
        }
        let Some(value) = head.get(walk.at..).and_then(|rest| rest.get(..bytes as usize)) else { break };
        if depth == 0 {
            found(tag, trimmed(value));
        }
        walk.at += bytes as usize;
    }
    Ok(())
}

/// Conceals the values at the front of a data set but for those that tell of the device, at any depth, and gives how
/// many bytes that settles: what comes after them is not known.
pub(super) fn conceal(head: &[u8], syntax: Syntax, out: &mut dyn Sink) -> usize {
    let Some(mut walk) = Walk::new(head, syntax) else { return 0 };
    let (mut settled, mut depth, mut nested_end) = (0, 0, 0);
    while let Ok(Some(Element { tag, bytes, .. })) = walk.element() {
        let value = walk.at;
        if tag.0 == ITEM_GROUP {
            depth += match tag.1 {
                0xE000 if bytes == UNDEFINED => 1,
                0xE000 => 0,
                _ => -1,
            };
            settled = value;
            continue;
        }
        if bytes == UNDEFINED {
            depth += 1;
            settled = value;
            continue;
        }
        let end = value.saturating_add(bytes as usize);
        let nested = head.get(value..value + 4).is_some_and(|item| item == [0xFE, 0xFF, 0x00, 0xE0]);
        if nested && end <= head.len() {
            // A sequence of known length: its items are walked.
            nested_end = nested_end.max(end);
            settled = value;
            continue;
        }
        if end > head.len() {
            break;
        }
        if depth != 0 || value < nested_end || !is_of_device(tag) {
            out.conceal(value..end);
        }
        (walk.at, settled) = (end, end);
    }
    settled
}

/// Whether an element tells of the device or the kind of object, and of nobody.
fn is_of_device(tag: (u16, u16)) -> bool {
    const SHOWN: &[(u16, u16)] = &[
        (0x0008, 0x0005), // character set
        (0x0008, 0x0008), // image type
        (0x0008, 0x0016), // kind of object
        (0x0008, 0x0052), // query level
        (0x0008, 0x0060), // modality
        (0x0008, 0x0070), // maker
        (0x0008, 0x0080), // institution
        (0x0008, 0x1010), // station
        (0x0008, 0x1090), // model
        (0x0018, 0x1000), // serial number
        (0x0018, 0x1020), // software
    ];
    // Group lengths, and how the picture is laid out: rows, columns, bits.
    tag.1 == 0 || SHOWN.contains(&tag) || tag.0 == 0x0028 && tag.1 < 0x0107
}

/// The depth after an item or delimiter.
fn nesting(element: Element, depth: u32) -> Result<u32, Malformed> {
    let Element { tag: (_, element), at, bytes } = element;
    let step = match element {
        0xE000 if bytes == UNDEFINED => 1,
        0xE000 => 0,
        0xE00D | 0xE0DD => -1,
        other => {
            return Err(Malformed {
                field: "item tag",
                offset: at,
                reason: Reason::NotDefined(other.into()),
            });
        }
    };
    let unbalanced =
        Malformed { field: "item", offset: at, reason: Reason::Contradicts("the sequence around it") };
    // Items stand in sequences.
    if depth == 0 { Err(unbalanced) } else { depth.checked_add_signed(step).ok_or(unbalanced) }
}

/// Tag, offset and length of an element; the value starts at the walk's place.
#[derive(Clone, Copy)]
struct Element {
    tag: (u16, u16),
    at: usize,
    bytes: u32,
}

struct Walk<'a> {
    head: &'a [u8],
    at: usize,
    explicit: bool,
    big: bool,
}

impl<'a> Walk<'a> {
    /// From the start of a data set; `None` where it is compressed.
    fn new(head: &'a [u8], syntax: Syntax) -> Option<Self> {
        let vr = head.get(4..6).is_some_and(|vr| vr.iter().all(u8::is_ascii_uppercase));
        let (explicit, big) = match syntax {
            Syntax::Implicit => (false, false),
            Syntax::Explicit => (true, false),
            Syntax::ExplicitBig => (true, true),
            Syntax::Deflated => return None,
            Syntax::Unseen => (vr, false),
        };
        Some(Self { head, at: 0, explicit, big })
    }

    fn u16(&mut self) -> Option<u16> {
        let bytes = *self.head.get(self.at..)?.first_chunk()?;
        self.at += 2;
        Some(if self.big { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) })
    }

    fn u32(&mut self) -> Option<u32> {
        let bytes = *self.head.get(self.at..)?.first_chunk()?;
        self.at += 4;
        Some(if self.big { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) })
    }

    /// Tag and length of the next element; `None` at the end.
    fn element(&mut self) -> Result<Option<Element>, Malformed> {
        let at = self.at;
        let (Some(group), Some(number)) = (self.u16(), self.u16()) else { return Ok(None) };
        let tag = (group, number);
        let bytes = if !self.explicit || group == ITEM_GROUP {
            self.u32()
        } else {
            let Some(vr) = self.head.get(self.at..self.at + 2) else { return Ok(None) };
            if !vr.iter().all(u8::is_ascii_uppercase) {
                return Err(Malformed { field: "VR", offset: self.at, reason: Reason::NotText });
            }
            self.at += 2;
            if is_long(vr) {
                self.at += 2;
                self.u32()
            } else {
                self.u16().map(u32::from)
            }
        };
        Ok(bytes.map(|bytes| Element { tag, at, bytes }))
    }
}

/// Value representations with a length of four bytes.
fn is_long(vr: &[u8]) -> bool {
    matches!(
        vr,
        b"OB" | b"OD" | b"OF" | b"OL" | b"OV" | b"OW" | b"SQ" | b"SV" | b"UC" | b"UN" | b"UR" | b"UT" | b"UV"
    )
}

/// Field of a tag that a message shows.
pub(super) fn field(tag: (u16, u16)) -> Option<&'static Field> {
    Some(match tag {
        (0x0008, 0x0016) => &super::SOP_CLASS,
        (0x0008, 0x0018) => &super::SOP_INSTANCE,
        (0x0008, 0x0052) => &super::QUERY_LEVEL,
        (0x0008, 0x0060) => &super::MODALITY,
        (0x0008, 0x0070) => &super::MANUFACTURER,
        (0x0008, 0x0080) => &super::INSTITUTION,
        (0x0008, 0x1010) => &super::STATION_NAME,
        (0x0008, 0x1090) => &super::MODEL,
        (0x0010, 0x0010) => &super::PATIENT_NAME,
        (0x0010, 0x0020) => &super::PATIENT_ID,
        (0x0010, 0x0030) => &super::BIRTH_DATE,
        (0x0018, 0x1000) => &super::SERIAL,
        (0x0018, 0x1020) => &super::SOFTWARE,
        _ => return None,
    })
}
