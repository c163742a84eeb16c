//! Whoever does something on the ward.

use crate::cable::Cable;
use crate::site::Site;
use crate::truth::Truth;
use model::CaptureTime;

/// What an actor may touch.
pub(crate) struct Stage<'a> {
    /// Where frames go.
    pub(crate) cable: &'a mut Cable,
    /// Where it is written down.
    pub(crate) truth: &'a mut Truth,
    /// Who is where.
    pub(crate) site: &'a Site,
}

/// Somebody who acts from time to time.
pub(crate) trait Actor {
    /// Acts at `now`; no frame may be put earlier than that. Returns when to be called next, if at all.
    fn step(&mut self, now: CaptureTime, stage: &mut Stage<'_>) -> Option<CaptureTime>;

    /// The capture has ended: what remains to be said about it.
    fn finish(&mut self, _truth: &mut Truth) {}
}
