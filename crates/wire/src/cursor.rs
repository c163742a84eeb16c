//! Reading bytes without panicking and without losing the place.

use model::{Malformed, Reason};

/// Reads numbers and ranges from the front of a unit; an end of input becomes a [`Malformed`] that names the
/// field and its offset.
///
/// ```
/// # use wire::Cursor;
/// let mut cursor = Cursor::new(&[0, 7, 1, 2, 3]);
/// assert_eq!(cursor.u16_be("length")?, 7);
/// assert_eq!(cursor.take(2, "body")?, &[1, 2]);
/// assert_eq!(cursor.u16_be("trailer").unwrap_err().offset, 4);
/// # Ok::<(), model::Malformed>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Cursor<'a> {
    unit: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    /// At the front of `unit`.
    #[must_use]
    pub const fn new(unit: &'a [u8]) -> Self {
        Self { unit, at: 0 }
    }

    /// At offset `at` of `unit`; past its end, every read fails.
    #[must_use]
    pub const fn at(unit: &'a [u8], at: usize) -> Self {
        Self { unit, at }
    }

    /// Offset from the front of the unit, in bytes.
    #[must_use]
    pub const fn offset(&self) -> usize {
        self.at
    }

    /// What is left.
    #[must_use]
    pub fn rest(&self) -> &'a [u8] {
        self.unit.get(self.at..).unwrap_or_default()
    }

    /// The whole unit.
    #[must_use]
    pub const fn unit(&self) -> &'a [u8] {
        self.unit
    }

    /// Whether nothing is left.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rest().is_empty()
    }

    /// The next `bytes` bytes.
    ///
    /// # Errors
    /// [`Reason::CutShort`] when fewer are left.
    pub fn take(&mut self, bytes: usize, field: &'static str) -> Result<&'a [u8], Malformed> {
        let end = self.at.checked_add(bytes);
        let Some(taken) = end.and_then(|end| self.unit.get(self.at..end)) else {
            return Err(self.malformed(field, Reason::CutShort));
        };
        self.at += bytes;
        Ok(taken)
    }

    /// The next `N` bytes.
    ///
    /// # Errors
    /// [`Reason::CutShort`] when fewer are left.
    pub fn array<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N], Malformed> {
        let Some(taken) = self.rest().first_chunk::<N>() else {
            return Err(self.malformed(field, Reason::CutShort));
        };
        self.at += N;
        Ok(*taken)
    }

    /// Passes over `bytes` bytes.
    ///
    /// # Errors
    /// [`Reason::CutShort`] when fewer are left.
    pub fn skip(&mut self, bytes: usize, field: &'static str) -> Result<(), Malformed> {
        self.take(bytes, field).map(|_| ())
    }

    /// One byte.
    ///
    /// # Errors
    /// [`Reason::CutShort`] at the end.
    pub fn u8(&mut self, field: &'static str) -> Result<u8, Malformed> {
        self.array(field).map(|[byte]: [u8; 1]| byte)
    }

    /// A fault of `field`, which starts here.
    #[must_use]
    pub const fn malformed(&self, field: &'static str, reason: Reason) -> Malformed {
        Malformed { field, offset: self.at, reason }
    }
}

macro_rules! numbers {
    ($($name:ident: $type:ty, $from:ident, $doc:literal;)*) => {
        impl Cursor<'_> {
            $(
                #[doc = $doc]
                ///
                /// # Errors
                /// [`Reason::CutShort`] when fewer bytes are left.
                pub fn $name(&mut self, field: &'static str) -> Result<$type, Malformed> {
                    self.array(field).map(<$type>::$from)
                }
            )*
        }
    };
}

numbers! {
    u16_be: u16, from_be_bytes, "A 16-bit number in network byte order.";
    u32_be: u32, from_be_bytes, "A 32-bit number in network byte order.";
    u64_be: u64, from_be_bytes, "A 64-bit number in network byte order.";
    u16_le: u16, from_le_bytes, "A 16-bit number, least significant byte first.";
    u32_le: u32, from_le_bytes, "A 32-bit number, least significant byte first.";
    u64_le: u64, from_le_bytes, "A 64-bit number, least significant byte first.";
    f32_le: f32, from_le_bytes, "An IEEE 754 single, least significant byte first.";
}
