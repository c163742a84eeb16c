//! Builds messages for the tests of the engine and its programs.

/// A growing message of XDR items.
#[derive(Clone, Debug, Default)]
pub(crate) struct Build(Vec<u8>);

impl Build {
    /// A call with an empty credential.
    pub(crate) fn call(xid: u32, program: u32, version: u32, procedure: u32) -> Self {
        Self::default().words(&[xid, 0, 2, program, version, procedure, 0, 0, 0, 0])
    }

    /// A call with a system credential of the machine `host`, user 0, group 0.
    pub(crate) fn call_from(host: &str, xid: u32, program: u32, version: u32, procedure: u32) -> Self {
        let credential = Self::default().words(&[7]).opaque(host.as_bytes()).words(&[0, 0, 0]).bytes();
        Self::default().words(&[xid, 0, 2, program, version, procedure, 1]).opaque(&credential).words(&[0, 0])
    }

    /// An accepted reply whose procedure ran.
    pub(crate) fn reply(xid: u32) -> Self {
        Self::default().words(&[xid, 1, 0, 0, 0, 0])
    }

    /// Numbers.
    pub(crate) fn words(mut self, words: &[u32]) -> Self {
        words.iter().for_each(|word| self.0.extend_from_slice(&word.to_be_bytes()));
        self
    }

    /// A hyper number.
    pub(crate) fn long(mut self, number: u64) -> Self {
        self.0.extend_from_slice(&number.to_be_bytes());
        self
    }

    /// A variable opaque with its padding.
    pub(crate) fn opaque(self, bytes: &[u8]) -> Self {
        let pad = bytes.len().next_multiple_of(4) - bytes.len();
        let length = u32::try_from(bytes.len()).unwrap();
        self.words(&[length]).raw(bytes).raw(&[0; 3][..pad])
    }

    /// Bytes as they are.
    pub(crate) fn raw(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    /// The message.
    pub(crate) fn bytes(self) -> Vec<u8> {
        self.0
    }

    /// The message as a record of one fragment.
    pub(crate) fn record(self) -> Vec<u8> {
        record(&[&self.0])
    }

    /// The message as a record of fragments of at most `bytes` bytes.
    pub(crate) fn fragments(self, bytes: usize) -> Vec<u8> {
        record(&self.0.chunks(bytes).collect::<Vec<_>>())
    }
}

/// A record of `fragments`.
pub(crate) fn record(fragments: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::new();
    for (number, fragment) in fragments.iter().enumerate() {
        let last = if number + 1 == fragments.len() { 0x8000_0000 } else { 0 };
        out.extend_from_slice(&(u32::try_from(fragment.len()).unwrap() | last).to_be_bytes());
        out.extend_from_slice(fragment);
    }
    out
}
