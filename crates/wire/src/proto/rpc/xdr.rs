//! External Data Representation (RFC 4506): big-endian words, opaques padded to four bytes.

use crate::Cursor;
use model::{Malformed, Reason};
use std::ops::Range;

/// Most words of a variable bitmap or of an array of numbers that are read. Our limit, far above every list
/// of the programs we read; a longer one is [`Reason::OutsideRange`].
pub(crate) const WORDS_MAX: u32 = 1024;

/// Reads one message. Padding is passed over as far as it is there: a message may end without it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Xdr<'a> {
    cursor: Cursor<'a>,
    /// The message was gathered from several fragments: its offsets mean nothing to the sink, and this
    /// stretch of the current input stands for all of it.
    gathered: Option<usize>,
}

impl<'a> Xdr<'a> {
    /// Over `message`; `gathered` when it is not the front of the current input but was put together, with
    /// the length of the input that ended it.
    pub(crate) const fn new(message: &'a [u8], gathered: Option<usize>) -> Self {
        Self { cursor: Cursor::new(message), gathered }
    }

    /// Offset from the front of the message.
    pub(crate) const fn offset(&self) -> usize {
        self.cursor.offset()
    }

    /// The bytes from `start` to here, as a range of the current input.
    pub(crate) const fn since(&self, start: usize) -> Range<usize> {
        match self.gathered {
            Some(bytes) => 0..bytes,
            None => start..self.cursor.offset(),
        }
    }

    /// The whole message, as a range of the current input.
    pub(crate) const fn whole(&self) -> Range<usize> {
        match self.gathered {
            Some(bytes) => 0..bytes,
            None => 0..self.cursor.unit().len(),
        }
    }

    /// An unsigned word.
    pub(crate) fn u32(&mut self, field: &'static str) -> Result<u32, Malformed> {
        self.cursor.u32_be(field)
    }

    /// An unsigned hyper.
    pub(crate) fn u64(&mut self, field: &'static str) -> Result<u64, Malformed> {
        self.cursor.u64_be(field)
    }

    /// A Boolean; every number but zero counts as true, as implementations do.
    pub(crate) fn flag(&mut self, field: &'static str) -> Result<bool, Malformed> {
        Ok(self.u32(field)? != 0)
    }

    /// A fixed opaque whose length is a multiple of four.
    pub(crate) fn fixed(&mut self, bytes: usize, field: &'static str) -> Result<&'a [u8], Malformed> {
        self.cursor.take(bytes, field)
    }

    /// Passes over `bytes` bytes.
    pub(crate) fn skip(&mut self, bytes: usize, field: &'static str) -> Result<(), Malformed> {
        self.cursor.skip(bytes, field)
    }

    /// A number that counts what follows, at most `max`.
    pub(crate) fn length(&mut self, max: u32, field: &'static str) -> Result<u32, Malformed> {
        let fault = self.cursor;
        let length = self.u32(field)?;
        if length > max {
            let reason = Reason::OutsideRange { value: length.into(), min: 0, max: max.into() };
            return Err(fault.malformed(field, reason));
        }
        Ok(length)
    }

    /// A variable opaque or string of at most `max` bytes, with its padding.
    pub(crate) fn opaque(&mut self, max: u32, field: &'static str) -> Result<&'a [u8], Malformed> {
        let length = self.length(max, field)? as usize;
        let taken = self.cursor.take(length, field)?;
        self.pad(length);
        Ok(taken)
    }

    /// Passes over the padding behind `length` bytes, as far as it is there.
    pub(crate) fn pad(&mut self, length: usize) {
        let pad = length.next_multiple_of(4).saturating_sub(length).min(self.cursor.rest().len());
        let _ = self.cursor.skip(pad, "padding");
    }

    /// Passes over an array of words; the first `N` are returned, zero where there are fewer.
    pub(crate) fn words<const N: usize>(&mut self, field: &'static str) -> Result<[u32; N], Malformed> {
        let count = self.length(WORDS_MAX, field)?;
        let mut first = [0; N];
        for at in 0..count as usize {
            let word = self.u32(field)?;
            if let Some(slot) = first.get_mut(at) {
                *slot = word;
            }
        }
        Ok(first)
    }

    /// Takes at most `bytes` bytes of what is left.
    pub(crate) fn take_up_to(&mut self, bytes: usize) -> &'a [u8] {
        let there = bytes.min(self.cursor.rest().len());
        self.cursor.take(there, "opaque").unwrap_or_default()
    }

    /// A fault of `field`, which starts here.
    pub(crate) const fn malformed(&self, field: &'static str, reason: Reason) -> Malformed {
        self.cursor.malformed(field, reason)
    }
}
