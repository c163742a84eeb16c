//! Reading what people write: TOML into strict forms, with faults that name file, line and key.

use serde::de::DeserializeOwned;

/// A text does not have the form it should. Shown to whoever wrote it, so it names the place.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{file}:{line}: {what}")]
pub struct FormError {
    /// The file.
    pub file: String,
    /// Line from 1; 0 where the fault has no single line.
    pub line: usize,
    /// What is wrong; names the key.
    pub what: String,
}

/// Reads `text` as a `T`.
///
/// # Errors
/// [`FormError`] for text that is not TOML, a missing or an unknown key, or a value of another type.
pub fn read_form<T: DeserializeOwned>(text: &str, file: &str) -> Result<T, FormError> {
    toml::from_str(text).map_err(|fault| {
        let at = fault.span().map_or(0, |span| span.start);
        let before = text.get(..at).unwrap_or(text);
        let what = fault.message().replace('\n', " ");
        FormError { file: file.to_owned(), line: before.matches('\n').count() + 1, what }
    })
}

/// A fault of a value that stands after `key` in `text`: the first line that holds both tells where.
pub(crate) fn value_fault(text: &str, file: &str, key: &str, value: &str, what: &str) -> FormError {
    let holds = |line: &str| line.contains(key) && line.contains(value);
    let line = text.lines().position(holds).map_or(0, |at| at + 1);
    FormError { file: file.to_owned(), line, what: format!("{key} = \"{value}\": {what}") }
}
