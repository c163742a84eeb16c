//! What changes the world, each change with its way back.
//!
//! An edge: the only crate that sends to a device's network or changes a firewall. It judges nothing.
//!
//! * [`gateway`]: a monitor's "central station" that leads nowhere, and what it said handed on to the ward.
//! * [`host`]: a policy into this host's nftables, on trial in the kernel until somebody confirms it.

pub mod gateway;
pub mod host;
