//! `device-silent`: a medical device that was heard all the time is not heard any more.
//!
//! How long is too long is the device's own measure: several times its longest pause so far. Absence is concluded from
//! only where the capture went on: others were heard until the end, no frame was lost, and none of the device's
//! connections is still open, because an open one may rest.
//!
//! It says nothing of why. Monitors are switched off when a patient leaves.

use super::loss::Losses;
use crate::draft::{Draft, Ground, Matter};
use crate::tally::Tally;
use inventory::{LiveFlow, Renewed, Span, StationId};
use model::{Asset, AssetId, CaptureTime, FlowTotals, Side};
use std::collections::BTreeMap;

/// Shortest silence that counts, in nanoseconds.
const SILENCE_NS_MIN: i64 = 30 * 60_000_000_000;
/// A device must have been heard for so long before, in nanoseconds.
const HEARD_NS_MIN: i64 = 4 * 3_600_000_000_000;
/// A silence counts from so many times the longest pause before.
const PAUSES: i64 = 4;
/// The device must have been heard for so many times the longest pause.
const HEARD_PAUSES: i64 = 24;
/// So many other hosts must be heard in the second half of the silence.
const OTHERS_MIN: usize = 2;

/// By place of the station.
#[derive(Debug, Default)]
pub(crate) struct Presence(Vec<Heard>);

#[derive(Clone, Copy, Debug, Default)]
struct Heard {
    /// First and last time, in times of the clock as it is now; never where both are zero.
    first: CaptureTime,
    last: CaptureTime,
    longest_pause_ns: i64,
    open: u32,
}

impl Heard {
    fn at(&mut self, time: CaptureTime) {
        // While a connection is open its frames are not told one by one: no pause.
        if self.open == 0 && self.last != CaptureTime::default() {
            self.longest_pause_ns = self.longest_pause_ns.max(time.nanos_since(self.last));
        }
        if self.last == CaptureTime::default() {
            self.first = time;
        }
        self.last = self.last.max(time);
    }
}

impl Presence {
    /// As many as there are stations, which the inventory bounds.
    fn of(&mut self, station: StationId) -> Option<&mut Heard> {
        if self.0.len() <= station.index() {
            self.0.resize(station.index() + 1, Heard::default());
        }
        self.0.get_mut(station.index())
    }

    /// `station` sent something.
    pub(crate) fn sent(&mut self, station: StationId, time: CaptureTime) {
        if let Some(heard) = self.of(station) {
            heard.at(time);
        }
    }

    /// A flow was opened: both sides may go on for as long as it is.
    pub(crate) fn opened(&mut self, flow: &LiveFlow, time: CaptureTime) {
        if let Some(station) = flow.station(Side::Client) {
            self.sent(station, time);
        }
        for station in [Side::Client, Side::Server].into_iter().filter_map(|side| flow.station(side)) {
            if let Some(heard) = self.of(station) {
                heard.open += 1;
            }
        }
    }

    /// A flow is over.
    pub(crate) fn ended(&mut self, flow: &LiveFlow, totals: &FlowTotals) {
        for (side, totals_of) in [Side::Client, Side::Server].into_iter().zip(&totals.sides) {
            if let Some(station) = flow.station(side)
                && let Some(heard) = self.of(station)
            {
                if totals_of.frames > 0 {
                    heard.at(totals.last);
                }
                heard.open = heard.open.saturating_sub(1);
            }
        }
    }

    /// The clock was set by so many nanoseconds: nobody was silent for longer, or heard for longer, because of it.
    pub(crate) fn clock_set(&mut self, by: i64) {
        for heard in self.0.iter_mut().filter(|heard| heard.last != CaptureTime::default()) {
            heard.first = heard.first.plus_nanos(by);
            heard.last = heard.last.plus_nanos(by);
        }
    }

    pub(crate) fn renew(&mut self, renewed: &Renewed) {
        for (at, heard) in std::mem::take(&mut self.0).into_iter().enumerate() {
            if let Some(place) = renewed.station(StationId::at(at)).and_then(|station| self.of(station)) {
                *place = heard;
            }
        }
    }

    pub(crate) fn conclude<'a>(
        &self,
        (losses, now): (&Losses, CaptureTime),
        ground: &Ground<'a>,
        draft: &mut Draft<'a>,
    ) {
        let survey = ground.survey;
        let mut of_asset: BTreeMap<AssetId, (Heard, Span)> = BTreeMap::new();
        for (at, (row, heard)) in survey.inventory().stations().iter().zip(&self.0).enumerate() {
            let (Some(asset), Some(sent)) = (survey.asset_of(StationId::at(at)), row.sent) else { continue };
            let heard = (*heard, sent);
            of_asset.entry(asset.id).and_modify(|all| add(all, &heard)).or_insert(heard);
        }
        let mut lasts: Vec<CaptureTime> = of_asset.values().map(|(heard, _)| heard.last).collect();
        lasts.sort_unstable();
        for asset in survey.assets().iter().filter(|asset| asset.is_medical()) {
            let Some((heard, sent)) = of_asset.get(&asset.id).filter(|(heard, _)| heard.open == 0) else {
                continue;
            };
            let silence = now.nanos_since(heard.last);
            let known = heard.last.nanos_since(heard.first);
            let half = heard.last.plus_nanos(silence / 2);
            let others = lasts.len() - lasts.partition_point(|last| *last < half);
            let long = silence >= SILENCE_NS_MIN.max(PAUSES.saturating_mul(heard.longest_pause_ns));
            let steady = known >= HEARD_NS_MIN.max(HEARD_PAUSES.saturating_mul(heard.longest_pause_ns));
            if long && steady && others >= OTHERS_MIN && !losses.between(heard.last, now) {
                draft.add(matter(asset, heard, sent, silence));
            }
        }
    }
}

fn add(all: &mut (Heard, Span), (heard, sent): &(Heard, Span)) {
    if heard.last != CaptureTime::default() {
        let never = all.0.last == CaptureTime::default();
        all.0.first = if never { heard.first } else { all.0.first.min(heard.first) };
        all.0.last = all.0.last.max(heard.last);
    }
    // Where one station rests another may speak: the shorter of the pauses is nearer to the asset's.
    all.0.longest_pause_ns = all.0.longest_pause_ns.min(heard.longest_pause_ns);
    all.0.open += heard.open;
    all.1.add(sent);
}

fn matter<'a>(asset: &'a Asset, heard: &Heard, sent: &Span, silence_ns: i64) -> Matter<'a> {
    let minutes = |nanos: i64| u64::try_from(nanos / 60_000_000_000).unwrap_or(0);
    Matter::new("device-silent", asset, Tally::of_span(sent))
        .flag("medical", asset.is_medical())
        .number("silent_minutes", minutes(silence_ns))
        .number("longest_pause_minutes", minutes(heard.longest_pause_ns))
        .number("heard_hours", minutes(heard.last.nanos_since(heard.first)) / 60)
}
