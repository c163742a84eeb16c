//! Where a sensor's frames come from: an interface, or a capture that is played as fast as it can be read.

use crate::exit::Failure;
use ingest::{Batch, Before, Captures, Input, Live, News, Options, Standing};
use model::{CaptureSummary, CaptureTime, LinkType};
use std::path::Path;
use std::time::Duration;

/// A source of frames.
pub(crate) enum Feed {
    /// A network interface.
    Interface(Box<Live>),
    /// A capture.
    Capture(Box<Played>),
}

/// A capture that is played.
pub(crate) struct Played {
    captures: Captures,
    name: String,
    frames: u64,
    bytes: u64,
    first: Option<CaptureTime>,
    last: Option<CaptureTime>,
    link: Option<LinkType>,
    ended: bool,
    /// The clock was set after so many frames, by so many nanoseconds: the capture's times say so, too.
    #[cfg(test)]
    step: Option<(u64, i64)>,
    #[cfg(test)]
    stepped: Option<i64>,
}

impl Feed {
    /// Plays the capture at `path`; `-` is standard input.
    ///
    /// # Errors
    /// Where it is no capture, or not one.
    pub(crate) fn capture(path: &Path) -> Result<Self, Failure> {
        let options = Options { hash: false, ..Options::default() };
        let captures = Captures::open(&[Input::from_argument(path)], &options)?;
        if let Some(rejected) = captures.rejected().first() {
            return Err(Failure::Usage(format!("--input: {}", with_cause(&rejected.error))));
        }
        if captures.len() != 1 {
            return Err(Failure::Usage("--input: name one capture file, or `-`".to_owned()));
        }
        let name = path.file_name().map_or_else(|| "-".into(), |name| name.to_string_lossy().into_owned());
        Ok(Self::Capture(Box::new(Played {
            captures,
            name,
            frames: 0,
            bytes: 0,
            first: None,
            last: None,
            link: None,
            ended: false,
            #[cfg(test)]
            step: None,
            #[cfg(test)]
            stepped: None,
        })))
    }

    /// Fills `batch` with what has arrived, waiting no longer than `wait` where it is a network that may be quiet.
    pub(super) fn fill(&mut self, batch: &mut Batch, wait: Duration) -> Result<(), Failure> {
        match self {
            Self::Interface(live) => Ok(live.fill(batch, wait)?),
            Self::Capture(played) => {
                played.fill(batch);
                Ok(())
            }
        }
    }

    /// By how many nanoseconds the clock of who captures was set since this was last asked: among the frames of the last batch, or
    /// after them. What a capture says of its clock is not known.
    pub(super) fn clock_step(&mut self) -> Option<i64> {
        match self {
            Self::Interface(live) => live.clock_step(),
            #[cfg(test)]
            Self::Capture(played) => played.stepped.take(),
            #[cfg(not(test))]
            Self::Capture(_) => None,
        }
    }

    /// Tells that the clock was set after so many frames, as an interface would.
    #[cfg(test)]
    pub(super) fn set_clock(&mut self, after: u64, by: i64) {
        if let Self::Capture(played) = self {
            played.step = Some((after, by));
        }
    }

    /// How often that was.
    pub(crate) fn clock_steps(&self) -> u64 {
        match self {
            Self::Interface(live) => live.clock_steps(),
            Self::Capture(_) => 0,
        }
    }

    /// Whether nothing more will come.
    pub(crate) fn has_ended(&self) -> bool {
        match self {
            Self::Interface(_) => false,
            Self::Capture(played) => played.ended,
        }
    }

    /// Time from the first frame to the last, where time is the capture's and not the clock's.
    pub(crate) fn played(&self) -> Option<Duration> {
        match self {
            Self::Interface(_) => None,
            Self::Capture(played) => {
                Some(played.first.zip(played.last).map_or(Duration::ZERO, |(first, last)| last.since(first)))
            }
        }
    }

    /// Ends the listening.
    pub(crate) fn stop(&mut self) -> Result<(), Failure> {
        match self {
            Self::Interface(live) => Ok(live.stop()?),
            Self::Capture(_) => Ok(()),
        }
    }

    /// Frames that arrived and are not read yet.
    pub(crate) fn unread(&self) -> u64 {
        match self {
            Self::Interface(live) => live.unread(),
            Self::Capture(_) => 0,
        }
    }

    /// Counts as lost what [`Self::unread`] says.
    pub(crate) fn give_up_unread(&mut self) {
        if let Self::Interface(live) = self {
            live.give_up_unread();
        }
    }

    /// What happened that is no frame.
    pub(crate) fn news(&mut self) -> Vec<News> {
        match self {
            Self::Interface(live) => live.news(),
            Self::Capture(_) => Vec::new(),
        }
    }

    /// What became of frames before they could be read.
    pub(crate) fn before(&mut self) -> Option<Before> {
        match self {
            Self::Interface(live) => live.before(),
            Self::Capture(_) => None,
        }
    }

    /// Frames lost because there was no room for them.
    pub(crate) fn lost(&self) -> u64 {
        match self {
            Self::Interface(live) => live.lost(),
            Self::Capture(_) => 0,
        }
    }

    /// Frames handed on after one with a later time.
    pub(crate) fn late(&self) -> u64 {
        match self {
            Self::Interface(live) => live.late(),
            Self::Capture(_) => 0,
        }
    }

    /// Frames lost, with those lost before anything of ours saw them.
    pub(super) fn lost_anywhere(&self) -> u64 {
        match self {
            Self::Interface(live) => live.lost().saturating_add(live.lost_before()),
            Self::Capture(_) => 0,
        }
    }

    /// Frames read.
    pub(crate) fn frames(&self) -> u64 {
        match self {
            Self::Interface(live) => live.frames(),
            Self::Capture(played) => played.frames,
        }
    }

    /// Their bytes.
    pub(crate) fn bytes(&self) -> u64 {
        match self {
            Self::Interface(live) => live.bytes(),
            Self::Capture(played) => played.bytes,
        }
    }

    /// The interface, where it is one.
    pub(crate) fn interface(&self) -> Option<&Live> {
        match self {
            Self::Interface(live) => Some(live),
            Self::Capture(_) => None,
        }
    }

    /// How it stands with it, in a word.
    pub(crate) fn standing(&self) -> &'static str {
        match self {
            Self::Interface(live) => match live.standing() {
                Standing::Up => "up",
                Standing::Down => "down",
                Standing::Gone => "gone",
            },
            Self::Capture(played) if played.ended => "ended",
            Self::Capture(_) => "up",
        }
    }

    /// What was read so far.
    pub(super) fn summary(&mut self) -> CaptureSummary {
        match self {
            Self::Interface(live) => live.summary(),
            Self::Capture(played) => played.summary(),
        }
    }
}

impl Played {
    fn fill(&mut self, batch: &mut Batch) {
        self.ended = !self.captures.fill(batch);
        for frame in batch.frames() {
            self.frames += 1;
            self.bytes += frame.bytes.len() as u64;
            self.first = Some(self.first.map_or(frame.time, |first| first.min(frame.time)));
            self.last = Some(self.last.map_or(frame.time, |last| last.max(frame.time)));
            self.link = Some(frame.link);
        }
        #[cfg(test)]
        if let Some((_, by)) = self.step.take_if(|(after, _)| *after < self.frames) {
            self.stepped = Some(by);
        }
    }

    fn summary(&mut self) -> CaptureSummary {
        let read = self.captures.summaries().into_iter().next().unwrap_or_default();
        CaptureSummary {
            name: self.name.clone(),
            sha256: None,
            frames: self.frames,
            bytes: self.bytes,
            first: self.first,
            last: self.last,
            links: self.link.into_iter().collect(),
            ..read
        }
    }
}

fn with_cause(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"))
}
