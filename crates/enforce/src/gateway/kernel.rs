//! Asks the kernel for addresses and rules, by the programs that administrators know: `ip` and `nft`.

use super::rules::{Interface, Rules, TABLE};
use std::io::{self, Write as _};
use std::net::Ipv4Addr;
use std::process::{Command, Stdio};

/// Why the kernel did not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KernelError {
    /// A program is missing, or may not be started.
    #[error("cannot run `{program}`; install Debian's package {package}")]
    Start {
        /// Which.
        program: &'static str,
        /// Where it comes from.
        package: &'static str,
        /// What the system says.
        #[source]
        cause: io::Error,
    },
    /// A program refused.
    #[error("`{command}` was refused: {said}")]
    Refused {
        /// What was run.
        command: String,
        /// Its words.
        said: String,
    },
    /// The interface belongs to a bridge, whose frames these rules do not see.
    #[error(
        "`{0}` is a port of a bridge, which would carry frames past the rules; take it out of the bridge"
    )]
    Bridged(String),
    /// There is no such interface.
    #[error("there is no network interface `{0}` here; `ip link` lists those there are")]
    Missing(String),
    /// A setting of the interface cannot be written.
    #[error("cannot write `{path}`")]
    Setting {
        /// Which.
        path: String,
        /// What the system says.
        #[source]
        cause: io::Error,
    },
}

/// The device's side of this host.
#[derive(Debug)]
pub struct Kernel {
    device: Interface,
}

impl Kernel {
    /// For one interface.
    #[must_use]
    pub const fn new(device: Interface) -> Self {
        Self { device }
    }

    /// Closes the device's side, and only then takes the addresses, each with the prefix length of the segment.
    ///
    /// # Errors
    /// [`KernelError`]. Rules that were loaded stay: closed is the safe side.
    pub fn set_up(&self, rules: &Rules, prefix: u8) -> Result<(), KernelError> {
        let device = self.device.to_string();
        let about = std::path::Path::new("/sys/class/net").join(&device);
        if !about.exists() {
            return Err(KernelError::Missing(device));
        }
        if about.join("brport").exists() {
            return Err(KernelError::Bridged(device));
        }
        load(&rules.text())?;
        // IPv6 would speak of itself on this side, and an address of another side must not be answered for here.
        self.setting("ipv6", "disable_ipv6", "1")?;
        self.setting("ipv4", "arp_ignore", "1")?;
        // A source that lives on another side is no source on this one; the rules say so too.
        self.setting("ipv4", "rp_filter", "1")?;
        for station in &rules.stations {
            self.address("replace", *station, prefix)?;
        }
        self.forget_neighbours()?;
        // A device that has no address yet cannot be asked for its link address, and nobody else shall answer for it.
        for lease in &rules.leases {
            let (ip, mac) = (lease.of.ip.to_string(), lease.of.mac.to_string());
            let entry = ["neigh", "replace", &ip, "lladdr", &mac, "dev", &device, "nud", "permanent"];
            run("ip", "iproute2", &entry, None)?;
        }
        Ok(())
    }

    /// Takes back what [`Kernel::set_up`] said of neighbours.
    fn forget_neighbours(&self) -> Result<(), KernelError> {
        let device = self.device.to_string();
        run("ip", "iproute2", &["neigh", "flush", "dev", &device, "nud", "permanent"], None).map(drop)
    }

    /// Gives the addresses and the rules back, in that order.
    ///
    /// # Errors
    /// [`KernelError`].
    pub fn remove(&self, stations: &[Ipv4Addr], prefix: u8) -> Result<(), KernelError> {
        self.forget_neighbours()?;
        for station in stations {
            if self.has(*station)? {
                self.address("delete", *station, prefix)?;
            }
        }
        load(&Rules::removal())
    }

    /// The table as the kernel has it, without counters; none where it is not there.
    ///
    /// # Errors
    /// [`KernelError`].
    pub fn listed(&self) -> Result<Option<String>, KernelError> {
        let tables = run("nft", "nftables", &["list", "tables", "inet"], None)?;
        if !tables.lines().any(|line| line.trim() == format!("table inet {TABLE}")) {
            return Ok(None);
        }
        run("nft", "nftables", &["--stateless", "list", "table", "inet", TABLE], None).map(Some)
    }

    fn has(&self, station: Ipv4Addr) -> Result<bool, KernelError> {
        let device = self.device.to_string();
        let listed = run("ip", "iproute2", &["-o", "-4", "address", "show", "dev", &device], None)?;
        Ok(listed.contains(&format!(" {station}/")))
    }

    fn address(&self, verb: &str, station: Ipv4Addr, prefix: u8) -> Result<(), KernelError> {
        let (address, device) = (format!("{station}/{prefix}"), self.device.to_string());
        run("ip", "iproute2", &["address", verb, &address, "dev", &device], None).map(drop)
    }

    fn setting(&self, family: &str, name: &str, value: &str) -> Result<(), KernelError> {
        let path = format!("/proc/sys/net/{family}/conf/{}/{name}", self.device);
        match std::fs::write(&path, value) {
            // A kernel without IPv6 has nothing to switch off.
            Err(cause) if cause.kind() == io::ErrorKind::NotFound && family == "ipv6" => Ok(()),
            written => written.map_err(|cause| KernelError::Setting { path, cause }),
        }
    }
}

fn load(text: &str) -> Result<(), KernelError> {
    run("nft", "nftables", &["-f", "-"], Some(text)).map(drop)
}

fn run(
    program: &'static str,
    package: &'static str,
    arguments: &[&str],
    input: Option<&str>,
) -> Result<String, KernelError> {
    let failed = |cause| KernelError::Start { program, package, cause };
    #[expect(clippy::disallowed_methods, reason = "this crate runs the programs that change the kernel")]
    let mut command = Command::new(program);
    command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.stdin(if input.is_some() { Stdio::piped() } else { Stdio::null() });
    let mut child = command.spawn().map_err(failed)?;
    if let (Some(text), Some(mut stdin)) = (input, child.stdin.take()) {
        // One that does not read says why itself.
        drop(stdin.write_all(text.as_bytes()));
    }
    let output = child.wait_with_output().map_err(failed)?;
    if output.status.success() {
        return Ok(String::from_utf8(output.stdout).unwrap_or_default());
    }
    let command = format!("{program} {}", arguments.join(" "));
    let said = model::Text::from_bytes(&output.stderr).to_string();
    Err(KernelError::Refused { command, said: said.trim().to_owned() })
}
