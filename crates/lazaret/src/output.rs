//! Where results go: a file that appears whole or not at all, or standard output.

use crate::exit::Failure;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// Bytes buffered before a write.
const BUFFER_BYTES: usize = 64 << 10;

/// Writes a file atomically: into a neighbour first, which takes the name at the end. On failure the
/// neighbour is removed and what stood under the name stands.
pub(crate) fn write_file(
    path: &Path,
    content: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
) -> Result<(), Failure> {
    let failed = |cause| Failure::Write { what: format!("`{}`", path.display()), cause };
    let neighbour = neighbour(path)
        .ok_or_else(|| failed(io::Error::new(io::ErrorKind::InvalidInput, "the path names no file")))?;
    let written = File::create_new(&neighbour).and_then(|file| {
        let mut to = BufWriter::with_capacity(BUFFER_BYTES, file);
        content(&mut to)?;
        let file = to.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.sync_all()?;
        std::fs::rename(&neighbour, path)
    });
    written.map_err(|cause| {
        if cause.kind() != io::ErrorKind::AlreadyExists {
            // The first failure is what counts; a neighbour that cannot be removed is only litter.
            drop(std::fs::remove_file(&neighbour));
        }
        failed(cause)
    })
}

/// `.ward.html.1234.part` beside `ward.html`; the process id keeps two runs apart.
fn neighbour(path: &Path) -> Option<PathBuf> {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name()?);
    name.push(format!(".{}.part", std::process::id()));
    Some(path.with_file_name(name))
}

/// Whether writing to `path` in place is right: devices and pipes (`/dev/stdout`) cannot be renamed over.
fn is_special(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|meta| !meta.is_file())
}

/// Writes to the file where one is named, else to standard output.
pub(crate) fn write_to(
    path: Option<&Path>,
    content: impl FnOnce(&mut (dyn Write + Send)) -> io::Result<()>,
) -> Result<(), Failure> {
    match path {
        Some(path) if path.is_dir() => {
            let path = path.display();
            Err(Failure::Usage(format!("--output: `{path}` is a folder; name the file to write")))
        }
        Some(path) if is_special(path) => {
            let failed = |cause| Failure::Write { what: format!("`{}`", path.display()), cause };
            let file = File::options().write(true).open(path).map_err(failed)?;
            let mut to = BufWriter::with_capacity(BUFFER_BYTES, file);
            content(&mut to).and_then(|()| to.flush()).map_err(failed)
        }
        Some(path) => write_file(path, |to| content(to)),
        None => {
            let mut to = BufWriter::with_capacity(BUFFER_BYTES, io::stdout());
            let written = content(&mut to).and_then(|()| to.flush());
            written.map_err(|cause| Failure::Write { what: "to standard output".to_owned(), cause })
        }
    }
}
