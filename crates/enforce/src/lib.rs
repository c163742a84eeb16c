//! What changes the world, each change with its way back.
//!
//! An edge: the only crate that changes a firewall. It judges nothing.
//!
//! * [`host`]: a policy into this host's nftables, on trial in the kernel until somebody confirms it.

pub mod host;
