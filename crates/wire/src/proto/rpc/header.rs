//! Headers of calls and replies, RFC 5531 §9.

use super::xdr::Xdr;
use model::{Malformed, Reason};

/// Longest body of a credential or verifier, in bytes; RFC 5531 §9 (`opaque_auth`).
pub(crate) const AUTH_BYTES_MAX: u32 = 400;
/// Longest machine name of AUTH_SYS, in bytes; RFC 5531 appendix A.
pub(crate) const MACHINE_NAME_BYTES_MAX: u32 = 255;
/// Version of the RPC protocol that RFC 5531 and its predecessors describe.
pub(crate) const RPC_VERSION: u32 = 2;

/// `auth_flavor` of RFC 5531 §8.2 and RFC 9289: machine name, user and groups in clear.
pub(crate) const AUTH_SYS: u32 = 1;
/// GSS-API; what follows may be sealed.
pub(crate) const RPCSEC_GSS: u32 = 6;
/// Asks whether the server would go on under TLS.
pub(crate) const AUTH_TLS: u32 = 7;

/// Front of a call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CallHeader<'a> {
    /// Transaction number that the reply repeats.
    pub(crate) xid: u32,
    /// Program.
    pub(crate) program: u32,
    /// Version of the program.
    pub(crate) version: u32,
    /// Procedure.
    pub(crate) procedure: u32,
    /// Kind of the credential.
    pub(crate) flavor: u32,
    /// AUTH_SYS credential.
    pub(crate) system: Option<SystemCredential<'a>>,
}

/// AUTH_SYS, RFC 5531 appendix A.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SystemCredential<'a> {
    /// Name that the caller gives itself.
    pub(crate) machine_name: &'a [u8],
    /// Effective user.
    pub(crate) uid: u32,
    /// Effective group.
    pub(crate) gid: u32,
}

/// Front of a reply behind its transaction number and message type.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReplyHeader {
    /// What the server's RPC layer said.
    pub(crate) outcome: Outcome,
    /// The verifier offers to go on under TLS, RFC 9289 §4.1.
    pub(crate) starts_tls: bool,
}

/// What the server's RPC layer said.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Outcome {
    /// The procedure ran; its results follow.
    Success,
    /// `accept_stat` other than success: program, version or procedure unavailable, arguments garbled.
    NotRun(u32),
    /// `reject_stat`: RPC version or credential refused.
    Denied(u32),
}

/// Reads the call behind `xid` and message type.
pub(crate) fn call<'a>(xid: u32, xdr: &mut Xdr<'a>) -> Result<CallHeader<'a>, Malformed> {
    let version_at = *xdr;
    let rpc_version = xdr.u32("rpcvers")?;
    if rpc_version != RPC_VERSION {
        return Err(version_at.malformed("rpcvers", Reason::NotDefined(rpc_version.into())));
    }
    let (program, version, procedure) = (xdr.u32("prog")?, xdr.u32("vers")?, xdr.u32("proc")?);
    let flavor = xdr.u32("cred flavor")?;
    let body = xdr.opaque(AUTH_BYTES_MAX, "cred body")?;
    // A credential that contradicts itself is not worth the call: the program's part stands alone.
    let system = (flavor == AUTH_SYS).then(|| system_credential(body).ok()).flatten();
    xdr.u32("verf flavor")?;
    xdr.opaque(AUTH_BYTES_MAX, "verf body")?;
    Ok(CallHeader { xid, program, version, procedure, flavor, system })
}

fn system_credential(body: &[u8]) -> Result<SystemCredential<'_>, Malformed> {
    let mut xdr = Xdr::new(body, None);
    xdr.u32("stamp")?;
    let machine_name = xdr.opaque(MACHINE_NAME_BYTES_MAX, "machinename")?;
    let (uid, gid) = (xdr.u32("uid")?, xdr.u32("gid")?);
    Ok(SystemCredential { machine_name, uid, gid })
}

/// Reads the reply behind `xid` and message type.
pub(crate) fn reply(xdr: &mut Xdr<'_>) -> Result<ReplyHeader, Malformed> {
    let at = *xdr;
    match xdr.u32("reply_stat")? {
        0 => {
            xdr.u32("verf flavor")?;
            let verifier = xdr.opaque(AUTH_BYTES_MAX, "verf body")?;
            let outcome = match xdr.u32("accept_stat")? {
                0 => Outcome::Success,
                status => Outcome::NotRun(status),
            };
            Ok(ReplyHeader { outcome, starts_tls: verifier == b"STARTTLS" })
        }
        1 => Ok(ReplyHeader { outcome: Outcome::Denied(xdr.u32("reject_stat")?), starts_tls: false }),
        other => Err(at.malformed("reply_stat", Reason::NotDefined(other.into()))),
    }
}
