//! The operations of NFS v4 and the shapes of their arguments and results.
//!
//! Operations carry no length, so that each must be known to get past it. Most are a row of plain items,
//! which a *shape* spells: one letter an item.
//!
//! | letter | item |
//! |---|---|
//! | `4`, `8` | a number or flag of so many bytes; `8` also a verifier |
//! | `s` | a state or session id, 16 bytes |
//! | `c` | change information of a directory, 20 bytes |
//! | `o` | an opaque or text with its length before it |
//! | `b` | a bitmap or an array of numbers |
//! | `a` | attributes: a bitmap and an opaque |
//! | `w` | a lock owner: client id and opaque |
//! | `e` | attributes of a channel: six numbers and an array of at most one |
//! | `*` | read by code in [`super::compound`] |
//! | `!` | not read: the compound ends here |

use crate::proto::rpc::Xdr;
use model::Malformed;

/// Longest opaque that is passed over, in bytes. Our limit.
const OPAQUE_BYTES_MAX: u32 = 64 << 10;

/// One operation.
#[derive(Debug)]
pub(super) struct Operation {
    /// Name as the RFCs write it, without `OP_`.
    pub(super) name: &'static str,
    /// Shape of its arguments.
    pub(super) arguments: &'static str,
    /// Shape of its results after status 0.
    pub(super) results: &'static str,
}

/// Number of the first row of [`OPERATIONS`].
const FIRST: usize = 3;

macro_rules! operations {
    ($($name:literal $arguments:literal $results:literal;)*) => {
        /// RFC 7530 §16, RFC 8881 §18, RFC 7862 §15, RFC 8276 §8.4, in the order of their numbers.
        static OPERATIONS: &[Operation] =
            &[$(Operation { name: $name, arguments: $arguments, results: $results }),*];
    };
}

operations! {
    "ACCESS" "4" "44";
    "CLOSE" "4s" "s";
    "COMMIT" "84" "8";
    "CREATE" "*" "cb";
    "DELEGPURGE" "8" "";
    "DELEGRETURN" "s" "";
    "GETATTR" "b" "*";
    "GETFH" "" "*";
    "LINK" "*" "c";
    "LOCK" "*" "s";
    "LOCKT" "488w" "";
    "LOCKU" "44s88" "s";
    "LOOKUP" "*" "";
    "LOOKUPP" "" "";
    "NVERIFY" "a" "";
    "OPEN" "*" "*";
    "OPENATTR" "4" "";
    "OPEN_CONFIRM" "s4" "s";
    "OPEN_DOWNGRADE" "s444" "s";
    "PUTFH" "*" "";
    "PUTPUBFH" "" "";
    "PUTROOTFH" "" "";
    "READ" "*" "*";
    "READDIR" "8844b" "*";
    "READLINK" "" "o";
    "REMOVE" "*" "c";
    "RENAME" "*" "cc";
    "RENEW" "8" "";
    "RESTOREFH" "" "";
    "SAVEFH" "" "";
    "SECINFO" "*" "*";
    "SETATTR" "sa" "b";
    "SETCLIENTID" "8o4oo4" "88";
    "SETCLIENTID_CONFIRM" "88" "";
    "VERIFY" "a" "";
    "WRITE" "*" "448";
    "RELEASE_LOCKOWNER" "w" "";
    "BACKCHANNEL_CTL" "!" "";
    "BIND_CONN_TO_SESSION" "s44" "s44";
    "EXCHANGE_ID" "*" "*";
    "CREATE_SESSION" "*" "s44ee";
    "DESTROY_SESSION" "s" "";
    "FREE_STATEID" "s" "";
    "GET_DIR_DELEGATION" "!" "!";
    "GETDEVICEINFO" "s44b" "4ob";
    "GETDEVICELIST" "4488" "!";
    "LAYOUTCOMMIT" "!" "!";
    "LAYOUTGET" "444888s4" "!";
    "LAYOUTRETURN" "!" "!";
    "SECINFO_NO_NAME" "4" "*";
    "SEQUENCE" "s4444" "s44444";
    "SET_SSV" "oo" "o";
    "TEST_STATEID" "!" "b";
    "WANT_DELEGATION" "!" "!";
    "DESTROY_CLIENTID" "8" "";
    "RECLAIM_COMPLETE" "4" "";
    "ALLOCATE" "s88" "";
    "COPY" "!" "!";
    "COPY_NOTIFY" "!" "!";
    "DEALLOCATE" "s88" "";
    "IO_ADVISE" "s88b" "b";
    "LAYOUTERROR" "!" "";
    "LAYOUTSTATS" "!" "";
    "OFFLOAD_CANCEL" "s" "";
    "OFFLOAD_STATUS" "s" "8b";
    "READ_PLUS" "*" "*";
    "SEEK" "s84" "48";
    "WRITE_SAME" "!" "!";
    "CLONE" "ss888" "";
    "GETXATTR" "o" "o";
    "SETXATTR" "4oo" "c";
    "LISTXATTRS" "84" "!";
    "REMOVEXATTR" "o" "c";
}

/// The operation with the number `number`.
pub(super) fn operation(number: u32) -> Option<&'static Operation> {
    OPERATIONS.get((number as usize).checked_sub(FIRST)?)
}

/// Passes over items of `shape`. False at an item that cannot be passed over.
pub(super) fn pass(shape: &str, xdr: &mut Xdr<'_>) -> Result<bool, Malformed> {
    for letter in shape.bytes() {
        match letter {
            b'4' => xdr.skip(4, "number")?,
            b'8' => xdr.skip(8, "number")?,
            b's' => xdr.skip(16, "stateid or sessionid")?,
            b'c' => xdr.skip(20, "change_info4")?,
            b'o' => xdr.opaque(OPAQUE_BYTES_MAX, "opaque").map(|_| ())?,
            b'b' => xdr.words::<0>("bitmap4").map(|_| ())?,
            b'a' => {
                xdr.words::<0>("attrmask")?;
                xdr.opaque(OPAQUE_BYTES_MAX, "attr_vals")?;
            }
            b'w' => {
                xdr.skip(8, "clientid")?;
                xdr.opaque(OPAQUE_BYTES_MAX, "owner")?;
            }
            b'e' => {
                xdr.skip(24, "channel_attrs4")?;
                xdr.words::<0>("ca_rdma_ird")?;
            }
            _ => return Ok(false),
        }
    }
    Ok(true)
}

/// Type and size of a file by attributes, as far as those are among them (RFC 8881 §5.8.1: bits 1 and 4).
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Attributes {
    /// 1 file, 2 directory, …
    pub(super) file_type: Option<u32>,
    /// In bytes.
    pub(super) size: Option<u64>,
}

/// Reads attributes as far as their size.
pub(super) fn attributes(xdr: &mut Xdr<'_>) -> Result<Attributes, Malformed> {
    let [mask] = xdr.words("attrmask")?;
    let values = xdr.opaque(OPAQUE_BYTES_MAX, "attr_vals")?;
    let mut values = Xdr::new(values, None);
    let mut found = Attributes::default();
    let has = |bit: u32| mask & 1 << bit != 0;
    // What contradicts itself inside the opaque does not stop the compound.
    let mut read = || -> Result<(), Malformed> {
        if has(0) {
            values.words::<0>("supported_attrs")?;
        }
        if has(1) {
            found.file_type = Some(values.u32("type")?);
        }
        if has(2) {
            values.u32("fh_expire_type")?;
        }
        if has(3) {
            values.u64("change")?;
        }
        if has(4) {
            found.size = Some(values.u64("size")?);
        }
        Ok(())
    };
    let _ = read();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_names_agree_with_the_standards() {
        for (number, name) in [
            (3, "ACCESS"),
            (10, "GETFH"),
            (18, "OPEN"),
            (24, "PUTROOTFH"),
            (25, "READ"),
            (38, "WRITE"),
            (42, "EXCHANGE_ID"),
            (53, "SEQUENCE"),
            (58, "RECLAIM_COMPLETE"),
            (68, "READ_PLUS"),
            (71, "CLONE"),
            (75, "REMOVEXATTR"),
        ] {
            assert_eq!(operation(number).map(|operation| operation.name), Some(name));
        }
        assert!(operation(2).is_none());
        assert!(operation(76).is_none());
    }
}
