//! A whole message at once, for whoever answers one or checks an answer: it must read to its last byte.

use super::{HEADER_BYTES, Head, Part, Read, Said, Section};
use crate::Cursor;
use model::{Malformed, Reason};

/// Most records of a message. Our limit: a datagram of 512 bytes has fewer than 50; a longer message is malformed here.
const RECORDS_MAX: usize = 128;

/// What is asked for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Question {
    /// Name, its labels joined by dots, lower case.
    pub name: Vec<u8>,
    /// Type of record.
    pub kind: u16,
    /// Class; 1 is the internet.
    pub class: u16,
}

/// One record.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Answer {
    /// Where it stands.
    pub section: Section,
    /// What it is about, in the form of [`Question::name`].
    pub name: Vec<u8>,
    /// Its type.
    pub kind: u16,
    /// Its class.
    pub class: u16,
    /// Seconds that it may be kept.
    pub ttl: u32,
    /// What it says.
    pub said: Said,
}

/// A message.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Message {
    /// Number that matches answers with questions.
    pub id: u16,
    /// Flags and codes of the header, as they stand there.
    pub flags: u16,
    /// Questions.
    pub questions: Vec<Question>,
    /// Records of all sections, in order.
    pub records: Vec<Answer>,
}

impl Message {
    /// Reads a datagram that holds one message and nothing behind it.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn read(datagram: &[u8]) -> Result<Self, Malformed> {
        let head = Head::read(&mut Cursor::new(datagram))?;
        let records: usize = head.counts.iter().map(|count| usize::from(*count)).sum();
        if records > RECORDS_MAX {
            let reason = Reason::OutsideRange { value: records as u64, min: 0, max: RECORDS_MAX as u64 };
            return Err(Malformed { field: "counts", offset: 4, reason });
        }
        let mut message = Self { id: head.id, flags: head.flags, questions: Vec::new(), records: Vec::new() };
        let mut reader = Read::new(datagram);
        reader.message(&mut |part, _| match part {
            Part::Question { name, kind, class } => {
                message.questions.push(Question { name: name.to_vec(), kind, class });
            }
            Part::Record { section, name, kind, class, ttl, said, .. } => {
                let said = said.clone();
                message.records.push(Answer { section, name: name.to_vec(), kind, class, ttl, said });
            }
        })?;
        if reader.at != datagram.len() {
            let reason = Reason::Contradicts("counts");
            return Err(Malformed { field: "end", offset: reader.at.max(HEADER_BYTES), reason });
        }
        Ok(message)
    }

    /// Whether it is an answer.
    #[must_use]
    pub const fn is_response(&self) -> bool {
        self.flags & 0x8000 != 0
    }

    /// What kind of request; 0 is a query.
    #[must_use]
    pub const fn opcode(&self) -> u16 {
        self.flags >> 11 & 0x0F
    }

    /// Outcome; 0 is success.
    #[must_use]
    pub const fn rcode(&self) -> u16 {
        self.flags & 0x0F
    }

    /// Whether the rest did not fit.
    #[must_use]
    pub const fn is_truncated(&self) -> bool {
        self.flags & 0x0200 != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::hex;

    #[test]
    fn a_message_reads_to_its_last_byte_or_not_at_all() {
        let answer = hex("abcd 8180 0001 0002 0000 0000
            03 777777 07 6578616d706c65 00 0001 0001
            c00c 0005 0001 0000003c 0006 03 63646e c010
            c029 0001 0001 0000003c 0004 c6336407");
        let message = Message::read(&answer).unwrap();
        assert!(message.is_response() && !message.is_truncated());
        assert_eq!((message.opcode(), message.rcode()), (0, 0));
        assert_eq!(message.questions, [Question { name: b"www.example".to_vec(), kind: 1, class: 1 }]);
        let said: Vec<&Said> = message.records.iter().map(|record| &record.said).collect();
        assert_eq!(said, [&Said::Name(b"cdn.example".to_vec()), &Said::Ip([198, 51, 100, 7].into())]);
        for bytes in 0..answer.len() {
            assert!(Message::read(&answer[..bytes]).is_err(), "{bytes}");
        }
        assert_eq!(Message::read(&[&answer[..], b"x"].concat()).unwrap_err().field, "end");
        assert_eq!(Message::read(&hex("abcd 8180 0001 ffff 0000 0000")).unwrap_err().field, "counts");
    }
}
