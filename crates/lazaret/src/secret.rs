//! The key of pseudonyms, from a file; the passphrases of the evidence ring and the vault, from where the operator has them.

use crate::exit::Failure;
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;
use zeroize::Zeroizing;

/// Shortest key, in bytes. Our limit: 128 bits, so that nobody finds names by trying keys.
pub(crate) const KEY_BYTES_MIN: usize = 16;
/// Longest key, in bytes. Our limit; a longer file is a mistake (status 2).
pub(crate) const KEY_BYTES_MAX: usize = 4096;

/// Reads the key of pseudonyms.
pub(crate) fn read_key(path: &Path) -> Result<Box<[u8]>, Failure> {
    read_secret("--pseudonym-key", path)
}

/// A passphrase that comes from outside.
struct Passphrase {
    /// Option that names its file.
    option: &'static str,
    /// Variable of the environment that may hold it.
    variable: &'static str,
    /// What it is of: `the evidence ring`.
    of: &'static str,
    /// Where its file must not lie: `the ring`.
    place: &'static str,
}

const RING: Passphrase = Passphrase {
    option: "--ring-key-file",
    variable: "LAZARET_RING_PASSPHRASE",
    of: "the evidence ring",
    place: "the ring",
};
const VAULT: Passphrase = Passphrase {
    option: "--vault-key-file",
    variable: "LAZARET_VAULT_PASSPHRASE",
    of: "the vault",
    place: "the store",
};
const NEW_VAULT: Passphrase = Passphrase {
    option: "--new-key-file",
    variable: "LAZARET_VAULT_NEW_PASSPHRASE",
    of: "the vault from now on",
    place: "the store",
};

/// The passphrase of the evidence ring `ring`: of the file, else of the environment, else asked for at the terminal.
pub(crate) fn ring_passphrase(ring: &Path, file: Option<&Path>) -> Result<Box<[u8]>, Failure> {
    RING.get(ring, file)
}

/// The same of the vault of the store in `folder`.
pub(crate) fn vault_passphrase(folder: &Path, file: Option<&Path>) -> Result<Zeroizing<Box<[u8]>>, Failure> {
    VAULT.get(folder, file).map(Zeroizing::new)
}

/// The passphrase that such a vault is to have; where it is typed, twice.
pub(crate) fn new_vault_passphrase(
    folder: &Path,
    file: Option<&Path>,
) -> Result<Zeroizing<Box<[u8]>>, Failure> {
    let typed = file.is_none() && std::env::var_os(NEW_VAULT.variable).is_none();
    let passphrase = NEW_VAULT.get(folder, file).map(Zeroizing::new)?;
    if typed && NEW_VAULT.get(folder, file).map(Zeroizing::new)? != passphrase {
        return Err(Failure::Usage("the two passphrases are not the same; nothing was changed".to_owned()));
    }
    Ok(passphrase)
}

impl Passphrase {
    /// Of the file, which does not lie in `beside`, else of the environment, else asked for at the terminal.
    fn get(&self, beside: &Path, file: Option<&Path>) -> Result<Box<[u8]>, Failure> {
        let Self { option, variable, of, place } = *self;
        if let Some(path) = file {
            if let (Ok(beside), Ok(key)) = (beside.canonicalize(), path.canonicalize())
                && key.starts_with(beside)
            {
                return Err(Failure::Usage(format!(
                    "{option}: `{}` lies in {place} itself; whoever takes the disk must not get the key with it. Keep it \
                     elsewhere, best as a systemd credential",
                    path.display()
                )));
            }
            return read_secret(option, path);
        }
        let (from, passphrase) = match std::env::var(variable) {
            Ok(passphrase) => (format!("of {variable}"), passphrase),
            Err(_) => ("typed".to_owned(), ask(of, option, variable)?),
        };
        if !(KEY_BYTES_MIN..=KEY_BYTES_MAX).contains(&passphrase.len()) {
            return Err(Failure::Usage(format!(
                "the passphrase {from} has {} bytes; it needs {KEY_BYTES_MIN} to {KEY_BYTES_MAX}",
                passphrase.len()
            )));
        }
        Ok(passphrase.into_bytes().into())
    }
}

/// Asks at the terminal, without showing what is typed.
fn ask(of: &str, option: &str, variable: &str) -> Result<String, Failure> {
    let none = |_| {
        Failure::Usage(format!(
            "{of} needs its passphrase: give {option} FILE, or {variable} in the environment; there is no terminal to ask at"
        ))
    };
    let mut terminal = File::options().read(true).write(true).open("/dev/tty").map_err(none)?;
    let shown = tcgetattr(&terminal).map_err(|cause| none(cause.into()))?;
    let mut hidden = shown.clone();
    hidden.local_modes.remove(LocalModes::ECHO);
    let mut typed = String::new();
    let asked = terminal
        .write_all(format!("Passphrase of {of}: ").as_bytes())
        .and_then(|()| Ok(tcsetattr(&terminal, OptionalActions::Flush, &hidden)?))
        .and_then(|()| BufReader::new(&terminal).take(KEY_BYTES_MAX as u64 + 1).read_line(&mut typed));
    // Whatever came of it, the terminal is as it was.
    let _ = tcsetattr(&terminal, OptionalActions::Flush, &shown);
    drop(terminal.write_all(b"\n"));
    asked.map_err(none)?;
    typed.truncate(typed.trim_end_matches(['\r', '\n']).len());
    Ok(typed)
}

/// Reads a secret; line ends after it do not count, so that an editor cannot change it unseen.
fn read_secret(option: &'static str, path: &Path) -> Result<Box<[u8]>, Failure> {
    let read = |cause| Failure::Read { option, path: path.to_owned(), cause };
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(KEY_BYTES_MAX as u64 + 1).read_to_end(&mut bytes))
        .map_err(read)?;
    if bytes.len() > KEY_BYTES_MAX {
        let path = path.display();
        return Err(Failure::Usage(format!(
            "{option}: `{path}` is longer than {KEY_BYTES_MAX} bytes; is it a key?"
        )));
    }
    while bytes.last().is_some_and(|byte| matches!(byte, b'\r' | b'\n')) {
        bytes.pop();
    }
    if bytes.len() < KEY_BYTES_MIN {
        return Err(Failure::Usage(format!(
            "{option}: the key in `{}` has {} bytes and needs at least {KEY_BYTES_MIN}; make one with \
             `head -c 32 /dev/urandom > FILE` and keep it secret",
            path.display(),
            bytes.len()
        )));
    }
    Ok(bytes.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_ends_after_a_key_do_not_count() {
        let path = std::env::temp_dir().join(format!("lazaret-key-{}", std::process::id()));
        std::fs::write(&path, "sixteen bytes ok\r\n").unwrap();
        assert_eq!(&*read_key(&path).unwrap(), b"sixteen bytes ok");
        std::fs::write(&path, "fifteen bytes..\n\n\n").unwrap();
        assert!(read_key(&path).is_err());
        std::fs::write(&path, vec![b'k'; KEY_BYTES_MAX + 1]).unwrap();
        assert!(read_key(&path).is_err());
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn the_key_of_a_ring_does_not_lie_in_it() {
        let ring = std::env::temp_dir().join(format!("lazaret-ring-key-{}", std::process::id()));
        std::fs::create_dir_all(ring.join("below")).unwrap();
        let beside = ring.with_extension("key");
        for path in [ring.join("key"), ring.join("below/key"), beside.clone()] {
            std::fs::write(&path, "sixteen bytes ok\n").unwrap();
        }
        assert_eq!(&*ring_passphrase(&ring, Some(&beside)).unwrap(), b"sixteen bytes ok");
        for inside in ["key", "below/key", "below/../key"] {
            assert!(ring_passphrase(&ring, Some(&ring.join(inside))).is_err(), "{inside}");
        }
        std::fs::remove_dir_all(ring).unwrap();
        std::fs::remove_file(beside).unwrap();
    }
}
