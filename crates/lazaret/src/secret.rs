//! The key of pseudonyms, from a file.

use crate::exit::Failure;
use std::io::Read as _;
use std::path::Path;

/// Shortest key, in bytes. Our limit: 128 bits, so that nobody finds names by trying keys.
pub(crate) const KEY_BYTES_MIN: usize = 16;
/// Longest key, in bytes. Our limit; a longer file is a mistake (status 2).
pub(crate) const KEY_BYTES_MAX: usize = 4096;

/// Name of the option, for messages.
const OPTION: &str = "--pseudonym-key";

/// Reads the key; line ends after it do not count, so that an editor cannot change it unseen.
pub(crate) fn read_key(path: &Path) -> Result<Box<[u8]>, Failure> {
    let read = |cause| Failure::Read { option: OPTION, path: path.to_owned(), cause };
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(KEY_BYTES_MAX as u64 + 1).read_to_end(&mut bytes))
        .map_err(read)?;
    if bytes.len() > KEY_BYTES_MAX {
        let path = path.display();
        return Err(Failure::Usage(format!(
            "{OPTION}: `{path}` is longer than {KEY_BYTES_MAX} bytes; is it a key?"
        )));
    }
    while bytes.last().is_some_and(|byte| matches!(byte, b'\r' | b'\n')) {
        bytes.pop();
    }
    if bytes.len() < KEY_BYTES_MIN {
        return Err(Failure::Usage(format!(
            "{OPTION}: the key in `{}` has {} bytes and needs at least {KEY_BYTES_MIN}; make one with \
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
}
