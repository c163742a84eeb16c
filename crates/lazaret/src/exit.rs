//! How a run ends.

use std::error::Error;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

/// Exit status of a run that came to its end; part of the outside contract.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Status {
    /// Done: 0.
    Done,
    /// Done, and something at or above `--fail-on` was found: 1.
    Found,
    /// Done, but an input was wholly unreadable: 3.
    Unreadable,
}

impl From<Status> for ExitCode {
    fn from(status: Status) -> Self {
        match status {
            Status::Done => Self::SUCCESS,
            Status::Found => Self::from(1),
            Status::Unreadable => Self::from(3),
        }
    }
}

/// Why a run did not come to its end: bad usage, bad configuration, or an environment that refuses. Status 2.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// Options that make no sense together, or a value that is none; says what to do.
    #[error("{0}")]
    Usage(String),
    /// A file that an option names cannot be read.
    #[error("cannot read `{}` ({option})", path.display())]
    Read {
        option: &'static str,
        path: PathBuf,
        #[source]
        cause: io::Error,
    },
    /// A result cannot be written.
    #[error("cannot write {what}")]
    Write {
        what: String,
        #[source]
        cause: io::Error,
    },
    /// The inputs make no sense together.
    #[error(transparent)]
    Capture(#[from] ingest::CaptureError),
    /// A network interface cannot be listened to.
    #[error(transparent)]
    Live(#[from] ingest::LiveError),
    /// The evidence ring refuses.
    #[error(transparent)]
    Ring(#[from] ingest::RingError),
    /// No connections can be taken at that address.
    #[error("cannot listen on {at}; is another program there? `--listen ADDRESS:PORT` names another place")]
    Listen {
        at: std::net::SocketAddr,
        #[source]
        cause: io::Error,
    },
    /// This process could not give its privileges away, so it did not start.
    #[error("cannot give privileges away ({step}); nothing was watched")]
    Confine {
        step: &'static str,
        #[source]
        cause: Box<dyn Error + Send + Sync>,
    },
    /// The site file does not have its form; names file, line and key.
    #[error(transparent)]
    Site(#[from] inventory::SiteError),
    /// A policy file does not have its form; names what is wrong in it.
    #[error("`{}`: {what}", path.display())]
    Policy { path: PathBuf, what: String },
    /// Enforcing failed; says what stands.
    #[error(transparent)]
    Host(#[from] enforce::host::EnforceError),
    /// The kernel refuses what the gateway asks.
    #[error(transparent)]
    Kernel(#[from] enforce::gateway::KernelError),
    /// The store refuses.
    #[error(transparent)]
    Store(#[from] store::StoreError),
    /// The compiled-in data does not load: a fault of this build.
    #[error(transparent)]
    Data(#[from] detect::DataError),
}

impl Failure {
    /// Whether the reader of our output went away (`lazaret scan … | head`): not a failure of ours.
    fn is_broken_pipe(&self) -> bool {
        matches!(self, Self::Write { cause, .. } if cause.kind() == io::ErrorKind::BrokenPipe)
    }

    /// Says on standard error what went wrong, with its causes, and gives the exit status.
    pub(crate) fn tell(&self) -> ExitCode {
        if self.is_broken_pipe() {
            return ExitCode::SUCCESS;
        }
        eprintln!("lazaret: {}", with_causes(self));
        ExitCode::from(2)
    }
}

/// An error and its causes in one line, outermost first. Some libraries say the cause in the error itself: it is not said
/// again.
pub(crate) fn with_causes(error: &dyn Error) -> String {
    let mut said = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let why = inner.to_string();
        if !said.ends_with(&why) {
            said.push_str(": ");
            said.push_str(&why);
        }
        cause = inner.source();
    }
    said
}

#[cfg(test)]
mod tests {
    use super::with_causes;
    use std::error::Error;
    use std::fmt;

    /// What it says, and what caused it.
    #[derive(Debug)]
    struct Said(&'static str, Option<Box<Self>>);

    impl fmt::Display for Said {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0)
        }
    }

    impl Error for Said {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            self.1.as_deref().map(|cause| cause as &(dyn Error + 'static))
        }
    }

    fn caused(text: &'static str, cause: Said) -> Said {
        Said(text, Some(Box::new(cause)))
    }

    #[test]
    fn every_cause_is_said_once() {
        let plain = caused("mail", caused("no connection", Said("refused (111)", None)));
        assert_eq!(with_causes(&plain), "mail: no connection: refused (111)");
        let said = caused("no connection: refused (111)", Said("refused (111)", None));
        assert_eq!(with_causes(&caused("mail", said)), "mail: no connection: refused (111)");
    }
}
