//! Numbers and names of programs (IANA, "Remote Procedure Call (RPC) Program Numbers").

/// Port mapper and rpcbind, RFC 1833.
pub(crate) const PORTMAP: u32 = 100_000;
/// Network File System.
pub(crate) const NFS: u32 = 100_003;
/// Mount protocol of NFS v2 and v3.
pub(crate) const MOUNT: u32 = 100_005;
/// Callbacks of NFS v4: the number that clients commonly announce.
pub(crate) const NFS_CALLBACK: u32 = 0x4000_0000;

/// Programs that have a row of their own.
pub(crate) const WITH_ROW: [u32; 4] = [PORTMAP, NFS, MOUNT, NFS_CALLBACK];

/// Name of a program, as rpcinfo shows it; `None` for those we do not know.
pub(crate) const fn name(program: u32) -> Option<&'static str> {
    Some(match program {
        PORTMAP => "portmapper",
        100_001 => "rstatd",
        100_002 => "rusersd",
        NFS => "nfs",
        100_004 => "ypserv",
        MOUNT => "mountd",
        100_007 => "ypbind",
        100_008 => "walld",
        100_009 => "yppasswdd",
        100_011 => "rquotad",
        100_012 => "sprayd",
        100_017 => "rexd",
        100_021 => "nlockmgr",
        100_024 => "status",
        100_026 => "bootparam",
        100_028 => "ypupdated",
        100_068 => "cmsd",
        100_083 => "ttdbserverd",
        100_227 => "nfs_acl",
        100_232 => "sadmind",
        100_300 => "nisd",
        150_001 => "pcnfsd",
        395_180 => "vxi11_async",
        395_183 => "vxi11_core",
        395_185 => "vxi11_intr",
        NFS_CALLBACK => "nfs_callback",
        _ => return None,
    })
}
