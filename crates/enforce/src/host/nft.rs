//! The one place that runs a program: `nft`.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// Why enforcing failed. The ruleset is then what it was before the step that is named.
#[derive(Debug, thiserror::Error)]
pub enum EnforceError {
    /// The program cannot be run.
    #[error("cannot run nft; install the package nftables, and run as root")]
    Run(#[source] std::io::Error),
    /// It refuses.
    #[error("nft refuses to {what}: {said}")]
    Refused {
        /// What was asked.
        what: &'static str,
        /// What it said.
        said: String,
    },
    /// The policy has no words in nftables.
    #[error(transparent)]
    Policy(policy::render::RenderError),
    /// The folder cannot be used.
    #[error("cannot {what} `{}`", path.display())]
    Place {
        /// What was to be done.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        cause: std::io::Error,
    },
    /// A file in the folder does not have its form.
    #[error("`{}` is not what was written there; nothing was changed", .0.display())]
    Form(PathBuf),
    /// Another policy is on trial.
    #[error("the policy {0} is on trial; confirm or undo it first")]
    OnTrial(String),
    /// No policy is on trial.
    #[error("no policy is on trial: none was applied, or its time was over and the old rules hold again")]
    NothingOnTrial,
    /// Nothing was applied.
    #[error("nothing was applied from this folder, so there is nothing to undo")]
    NothingApplied,
    /// The table is somebody else's.
    #[error(
        "the table inet lazaret is there and was not made by `lazaret enforce` (perhaps by loading a rendered policy by \
         hand); take it out first: nft delete table inet lazaret"
    )]
    Foreign,
    /// The table changed since the plan.
    #[error("the table inet lazaret changed since the plan was made; plan again")]
    Changed,
    /// The caller's record of a step failed.
    #[error("the step could not be recorded, so it was not done: {0}")]
    Record(String),
}

/// nftables of the network namespace that this process is in.
#[derive(Clone, Copy, Debug, Default)]
pub struct Nft;

impl Nft {
    /// Listing of the table `inet lazaret`, with counters; empty where it is not there.
    ///
    /// # Errors
    /// [`EnforceError`] where nftables cannot be asked.
    pub fn table(&self) -> Result<String, EnforceError> {
        let tables = run("list tables", &["list", "tables"], None)?;
        if !tables.lines().any(|line| line == "table inet lazaret") {
            return Ok(String::new());
        }
        run("list the table", &["list", "table", "inet", "lazaret"], None)
    }

    /// Loads a script in one transaction: all of it or nothing.
    ///
    /// # Errors
    /// [`EnforceError::Refused`] with what nft said.
    pub fn load(&self, script: &str) -> Result<(), EnforceError> {
        run("load rules", &["-f", "-"], Some(script)).map(drop)
    }

    /// Whether nftables would take a script.
    ///
    /// # Errors
    /// [`EnforceError::Refused`] with what nft said.
    pub fn check(&self, script: &str) -> Result<(), EnforceError> {
        run("take the rules", &["-c", "-f", "-"], Some(script)).map(drop)
    }
}

fn run(what: &'static str, words: &[&str], script: Option<&str>) -> Result<String, EnforceError> {
    #[expect(clippy::disallowed_methods, reason = "enforcing is running nft; the arguments are fixed words")]
    let mut command = Command::new("nft");
    let input = if script.is_some() { Stdio::piped() } else { Stdio::null() };
    command.args(words).env("LC_ALL", "C").stdin(input).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(EnforceError::Run)?;
    if let (Some(script), Some(mut input)) = (script, child.stdin.take()) {
        // nft reads all of its input before it writes.
        input.write_all(script.as_bytes()).map_err(EnforceError::Run)?;
    }
    let output = child.wait_with_output().map_err(EnforceError::Run)?;
    if !output.status.success() {
        let said: String = output.stderr.escape_ascii().map(char::from).take(2000).collect();
        return Err(EnforceError::Refused { what, said: said.replace("\\n", " ").trim().to_owned() });
    }
    String::from_utf8(output.stdout)
        .map_err(|_| EnforceError::Refused { what, said: "its answer is no text".to_owned() })
}
