//! A live watch into the store, as it goes on.
//!
//! A watch is cut into periods, each an import of its own that is brought up to date again and again: what a report
//! says of a period takes the place of what the one before said, so that nothing is counted twice, whenever the
//! process is killed. Only rows that changed are written; [`Kept`] knows which. Another process may write in between.
//!
//! | what | when |
//! |---|---|
//! | findings, and assets that are new | with every recording |
//! | assets, conversations, beds, blind spots | with a recording of [`Extent::All`] |
//! | trends | as the caller gives them, each once or again with more |
//!
//! The audit log tells of a period's beginning, its end, and of every finding that opened, was reopened or withdrawn;
//! that a count went on is not an entry.

use crate::asset;
use crate::audit::{self, Actor};
use crate::error::{Doing as _, StoreError};
use crate::import::{self, Change, Changed, Imported, Meeting};
use crate::row::{AssetRow, ConversationRow, FindingRow, Rows, VitalsRow};
use crate::{sensor, trend};
use model::{FindingId, Report, Trend, stable_hash};
use rusqlite::{Connection, OptionalExtension as _, Transaction, params};
use serde::Serialize;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

/// How much of a report is recorded.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Extent {
    /// Findings, and assets that are new.
    Findings,
    /// Everything.
    All,
    /// Everything, and the period is over.
    Last,
}

/// What a watch has seen so far in one period.
#[derive(Clone, Copy, Debug)]
pub struct Recording<'a> {
    /// Name of the sensor: its interface.
    pub sensor: &'a str,
    /// Name of the period, as [`period`] makes it.
    pub period: &'a str,
    /// The report of the period so far, with one capture.
    pub report: &'a Report,
    /// Findings of earlier periods of this watch that are not what they were told as, each with the name of the first
    /// period that told it.
    pub taken_back: &'a [(FindingId, &'a str)],
    /// Vital signs of the last minutes.
    pub trends: &'a [Trend],
    /// How the sensor does, as JSON.
    pub health: &'a str,
    /// How much is recorded.
    pub extent: Extent,
    /// Version of Lazaret.
    pub version: &'a str,
}

/// What names of periods begin with.
pub(crate) const PERIOD: &str = "live:";

/// Name of the period of a watch on `interface` that begins at `start` by the clock, in nanoseconds.
#[must_use]
pub fn period(interface: &str, start: i64) -> String {
    format!("{PERIOD}{interface}:{start}")
}

/// Whether what evidence gives as the hash of its capture is the name of a period: then the frames are of a watch.
#[must_use]
pub fn is_period(name: &str) -> bool {
    name.starts_with(PERIOD)
}

/// What of a period is in the store, so that only what changed is written. Of one period; a new one begins empty.
#[derive(Debug, Default)]
pub struct Kept {
    import: Option<i64>,
    findings: BTreeMap<i64, u64>,
    assets: BTreeMap<i64, u64>,
    /// By whom they are with: what the row says, as a hash, and its number.
    conversations: BTreeMap<u64, (u64, i64)>,
    /// The same by bed.
    vitals: BTreeMap<u64, (u64, i64)>,
    blind_spots: u64,
}

/// A hash of what a row says.
fn hash(row: &impl Serialize) -> Result<u64, StoreError> {
    let bytes = serde_json::to_vec(row).map_err(|cause| StoreError::form("a row", cause))?;
    Ok(stable_hash(&[&bytes]))
}

pub(crate) fn record(
    connection: &mut Connection,
    kept: &mut Kept,
    recording: &Recording<'_>,
    actor: &Actor,
) -> Result<Imported, StoreError> {
    let rows = Rows::of_watch(recording.report, recording.period)?;
    let step = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate);
    let step = step.doing("begin a recording")?;
    // What is kept is known only when it was written: a recording that fails leaves it as it was.
    let mut next = Next { step: &step, import: 0, kept, changes: Changes::default() };
    next.import = next.begin(recording, &rows, actor)?;
    let mut imported = Imported { meeting: Meeting::New, ..Imported::default() };
    next.assets(&rows.assets, recording.extent, &mut imported)?;
    let again = next.take_back(recording.taken_back, actor)?;
    next.findings(&rows.findings, &again, actor, &mut imported)?;
    if recording.extent != Extent::Findings {
        next.conversations(&rows.conversations)?;
        next.vitals(&rows.vitals)?;
        next.blind_spots(&recording.report.blind_spots)?;
    }
    let Next { import, changes, .. } = next;
    trend::write(&step, import, recording.trends)?;
    sensor::write(&step, recording, actor)?;
    if recording.extent == Extent::Last {
        end(&step, import, recording, &rows, actor)?;
    }
    imported.changed.sort_by_key(|changed| (std::cmp::Reverse(changed.severity), changed.change, changed.id));
    step.commit().doing("finish a recording")?;
    kept.take(import, changes);
    Ok(imported)
}

/// What a recording changes in [`Kept`] once it is written.
#[derive(Debug, Default)]
struct Changes {
    /// The store did not have the period: nothing that was kept of it counts.
    anew: bool,
    findings: BTreeMap<i64, Option<u64>>,
    assets: BTreeMap<i64, u64>,
    conversations: BTreeMap<u64, Option<(u64, i64)>>,
    vitals: BTreeMap<u64, Option<(u64, i64)>>,
    blind_spots: Option<u64>,
}

impl Kept {
    fn take(&mut self, import: i64, changes: Changes) {
        if changes.anew {
            *self = Self::default();
        }
        self.import = Some(import);
        apply(&mut self.findings, changes.findings);
        apply(&mut self.conversations, changes.conversations);
        apply(&mut self.vitals, changes.vitals);
        self.assets.extend(changes.assets);
        self.blind_spots = changes.blind_spots.unwrap_or(self.blind_spots);
    }
}

fn apply<K: Ord, V>(kept: &mut BTreeMap<K, V>, changes: BTreeMap<K, Option<V>>) {
    for (key, value) in changes {
        match value {
            Some(value) => kept.insert(key, value),
            None => kept.remove(&key),
        };
    }
}

/// Tables whose rows are replaced one by one.
#[derive(Clone, Copy)]
enum Table {
    Conversations,
    Vitals,
}

/// A recording that is being written.
struct Next<'a> {
    step: &'a Transaction<'a>,
    import: i64,
    kept: &'a Kept,
    changes: Changes,
}

impl Next<'_> {
    /// The import of the period, made where there is none.
    fn begin(&mut self, recording: &Recording<'_>, rows: &Rows, actor: &Actor) -> Result<i64, StoreError> {
        let doing = "begin a recording";
        let known: Option<i64> = self
            .step
            .prepare_cached("SELECT id FROM imports WHERE watch = ?1")
            .doing(doing)?
            .query_row([recording.period], |row| row.get(0))
            .optional()
            .doing(doing)?;
        // Somebody may have put an older backup in the store's place.
        self.changes.anew = known.is_none() || known != self.kept.import;
        let import = match known {
            Some(import) => import,
            None => {
                let import = import::add(self.step, rows, recording.version, "", actor)?;
                self.step
                    .execute("UPDATE imports SET watch = ?2 WHERE id = ?1", params![import, recording.period])
                    .doing(doing)?;
                let detail = json!({ "sensor": recording.sensor, "version": recording.version });
                audit::append(self.step, &import::own(actor), "watch", recording.period, &detail)?;
                import
            }
        };
        for row in &rows.captures {
            self.step
                .prepare_cached(
                    "UPDATE captures SET frames = ?2, bytes = ?3, first = ?4, last = ?5, faults = ?6 WHERE sha256 = ?1",
                )
                .doing(doing)?
                .execute(params![row.sha256, row.frames, row.bytes, row.first, row.last, row.faults])
                .doing(doing)?;
        }
        Ok(import)
    }

    fn known<'b, K: Ord, V>(&self, of: &'b BTreeMap<K, V>, key: &K) -> Option<&'b V> {
        if self.changes.anew { None } else { of.get(key) }
    }

    fn assets(
        &mut self,
        rows: &[AssetRow],
        extent: Extent,
        imported: &mut Imported,
    ) -> Result<(), StoreError> {
        let kept = self.kept;
        for row in rows {
            let known = self.known(&kept.assets, &row.id);
            if known.is_some() && extent == Extent::Findings {
                continue;
            }
            let hash = hash(row)?;
            if known == Some(&hash) {
                continue;
            }
            let new = asset::merge(self.step, row, false)?;
            *(if new { &mut imported.assets_new } else { &mut imported.assets_known }) += 1;
            self.changes.assets.insert(row.id, hash);
        }
        Ok(())
    }

    /// Takes out what earlier periods of this watch said of findings, and gives those of which they said something.
    fn take_back(&self, told: &[(FindingId, &str)], actor: &Actor) -> Result<BTreeSet<i64>, StoreError> {
        let doing = "take findings back";
        let mut delete = self
            .step
            .prepare_cached(
                "DELETE FROM sightings WHERE finding = ?1 AND import <> ?2 AND import IN (SELECT id FROM imports WHERE \
                 by = ?3 AND watch IS NOT NULL AND id >= (SELECT id FROM imports WHERE watch = ?4))",
            )
            .doing(doing)?;
        let mut again = BTreeSet::new();
        for (finding, since) in told {
            let id = finding.0.cast_signed();
            if delete.execute(params![id, self.import, actor.name, since]).doing(doing)? > 0 {
                again.insert(id);
            }
        }
        Ok(again)
    }

    fn findings(
        &mut self,
        rows: &[FindingRow],
        again: &BTreeSet<i64>,
        actor: &Actor,
        imported: &mut Imported,
    ) -> Result<(), StoreError> {
        let kept = self.kept;
        for row in rows {
            let hash = hash(row)?;
            if self.known(&kept.findings, &row.id) == Some(&hash) && !again.contains(&row.id) {
                imported.unchanged += 1;
                continue;
            }
            self.forget_sighting(row.id)?;
            import::write_sightings(self.step, self.import, std::slice::from_ref(row))?;
            let told = imported.changed.len();
            import::refresh(self.step, row.id, Some(row), actor, imported)?;
            if let Some(Changed { change: Change::New, id, title, .. }) = imported.changed.get(told) {
                let detail = json!({ "rule": row.rule, "title": title });
                audit::append(self.step, &import::own(actor), "opened", &id.to_string(), &detail)?;
            }
            self.changes.findings.insert(row.id, Some(hash));
        }
        // What the period showed and, with what was seen since, shows no more.
        let shown = |id: &i64| rows.binary_search_by_key(id, |row| row.id).is_ok();
        let gone = kept.findings.keys().filter(|_| !self.changes.anew).chain(again);
        for id in gone.filter(|id| !shown(id)).copied().collect::<BTreeSet<_>>() {
            self.forget_sighting(id)?;
            import::refresh(self.step, id, None, actor, imported)?;
            self.changes.findings.insert(id, None);
        }
        Ok(())
    }

    fn forget_sighting(&self, finding: i64) -> Result<(), StoreError> {
        let mut delete = self
            .step
            .prepare_cached("DELETE FROM sightings WHERE finding = ?1 AND import = ?2")
            .doing("write findings")?;
        delete.execute([finding, self.import]).doing("write findings")?;
        Ok(())
    }

    /// Rows of a table by what they are about, those that changed written anew, and those that are no more taken out.
    fn table<Row: Serialize>(
        &mut self,
        table: Table,
        rows: &[Row],
        about: impl Fn(&Row) -> Result<u64, StoreError>,
        write: impl Fn(&Transaction<'_>, i64, &Row) -> Result<i64, StoreError>,
    ) -> Result<(), StoreError> {
        let (of_import, of_row, kept, changes) = match table {
            Table::Conversations => (
                "DELETE FROM conversations WHERE import = ?1",
                "DELETE FROM conversations WHERE rowid = ?1",
                &self.kept.conversations,
                &mut self.changes.conversations,
            ),
            Table::Vitals => (
                "DELETE FROM vitals WHERE import = ?1",
                "DELETE FROM vitals WHERE id = ?1",
                &self.kept.vitals,
                &mut self.changes.vitals,
            ),
        };
        let doing = "write a period's rows";
        if self.changes.anew {
            self.step.execute(of_import, [self.import]).doing(doing)?;
        }
        let mut delete = self.step.prepare_cached(of_row).doing(doing)?;
        let mut here = BTreeSet::new();
        for row in rows {
            let (key, said) = (about(row)?, hash(row)?);
            here.insert(key);
            let known = kept.get(&key).filter(|_| !self.changes.anew);
            if known.is_some_and(|(known, _)| *known == said) {
                continue;
            }
            if let Some((_, id)) = known {
                delete.execute([id]).doing(doing)?;
            }
            changes.insert(key, Some((said, write(self.step, self.import, row)?)));
        }
        for (key, (_, id)) in kept.iter().filter(|(key, _)| !self.changes.anew && !here.contains(key)) {
            delete.execute([id]).doing(doing)?;
            changes.insert(*key, None);
        }
        Ok(())
    }

    fn conversations(&mut self, rows: &[ConversationRow]) -> Result<(), StoreError> {
        let about =
            |row: &ConversationRow| hash(&(row.asset, &row.ip, row.port, &row.transport, row.protocol));
        self.table(Table::Conversations, rows, about, import::write_conversation)
    }

    fn vitals(&mut self, rows: &[VitalsRow]) -> Result<(), StoreError> {
        let about = |row: &VitalsRow| hash(&(row.asset, row.bed, &row.patient, row.first));
        self.table(Table::Vitals, rows, about, import::write_vitals)
    }

    fn blind_spots(&mut self, said: &[String]) -> Result<(), StoreError> {
        let hash = hash(&said)?;
        if self.changes.anew || hash != self.kept.blind_spots {
            let doing = "write blind spots";
            self.step.execute("DELETE FROM blind_spots WHERE import = ?1", [self.import]).doing(doing)?;
            import::write_blind_spots(self.step, self.import, said)?;
        }
        self.changes.blind_spots = Some(hash);
        Ok(())
    }
}

fn end(
    step: &Transaction<'_>,
    import: i64,
    recording: &Recording<'_>,
    rows: &Rows,
    actor: &Actor,
) -> Result<(), StoreError> {
    let digest = rows.digest()?;
    step.execute(
        "UPDATE imports SET digest = ?2, ended = ?3 WHERE id = ?1",
        params![import, digest, actor.at],
    )
    .doing("end a period")?;
    let detail = json!({
        "frames": rows.captures.iter().map(|row| row.frames).sum::<i64>(),
        "digest": digest,
        "assets": rows.assets.len(),
        "findings": rows.findings.len(),
    });
    audit::append(step, &import::own(actor), "watched", recording.period, &detail).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::{Folder, actor, asset, capture, changes, finding, no_vitals, the_finding, time};
    use crate::{Decision, FindingQuery, IfMissing, Reading as _, State, Writer, Writing as _, folder};
    use model::{AssetId, BedVitals, Finding, FindingId};

    /// What a watch shows after some hours.
    fn seen(findings: Vec<Finding>, hour: i64) -> Report {
        let mut capture = capture(0, 0);
        capture.sha256 = None;
        capture.last = Some(time(hour));
        let bed = BedVitals { asset: AssetId(7), first: time(0), last: time(hour), ..no_vitals() };
        Report {
            captures: vec![capture],
            assets: vec![asset(7, [10, 0, 0, 7], hour)],
            findings,
            vitals: vec![bed],
            blind_spots: vec!["Something was not seen.".to_owned()],
            ..Report::default()
        }
    }

    fn put(store: &mut Writer, kept: &mut Kept, period: &str, report: &Report, extent: Extent) -> Imported {
        let recording = Recording {
            sensor: "eth1",
            period,
            report,
            taken_back: &[],
            trends: &[],
            health: r#"{"frames": 100}"#,
            extent,
            version: "1",
        };
        store.record(kept, &recording, &actor()).unwrap()
    }

    fn all(store: &mut Writer, kept: &mut Kept, period: &str, report: &Report) -> Imported {
        put(store, kept, period, report, Extent::All)
    }

    #[test]
    fn a_period_that_goes_on_counts_once_and_the_next_is_added() {
        let folder = Folder::new("live-once");
        let (mut store, mut kept) = (folder.writer(), Kept::default());
        assert_eq!(
            changes(&all(&mut store, &mut kept, "live:1", &seen(vec![finding(1, 60, 0)], 1))),
            [Change::New]
        );
        let grown = seen(vec![finding(1, 90, 0)], 2);
        let told = changes(&all(&mut store, &mut kept, "live:1", &grown));
        assert_eq!(told, [Change::Grown { from: 60, to: 90 }]);
        // The process was killed and knows nothing of what it wrote.
        assert_eq!(changes(&all(&mut store, &mut Kept::default(), "live:1", &grown)), []);
        let card = store.asset(AssetId(7), 0).unwrap();
        assert_eq!((card.conversations.len(), card.conversations[0].frames, card.vitals.len()), (1, 10, 1));
        put(&mut store, &mut kept, "live:1", &grown, Extent::Last);
        let next = seen(vec![finding(1, 10, 24)], 25);
        let told = changes(&all(&mut store, &mut Kept::default(), "live:2", &next));
        assert_eq!(told, [Change::Grown { from: 90, to: 100 }]);
        assert_eq!(store.asset(AssetId(7), 0).unwrap().conversations[0].frames, 20);
        let log: Vec<_> = store.audit(0, 10).unwrap().into_iter().map(|entry| entry.action).collect();
        assert_eq!(log, ["watch", "opened", "watched", "watch"]);
        assert_eq!(store.verify_audit(None).unwrap().broken, None);
    }

    #[test]
    fn a_period_without_a_frame_has_not_seen_the_assets_it_knows() {
        let folder = Folder::new("live-silent");
        let mut store = folder.writer();
        all(&mut store, &mut Kept::default(), "live:1", &seen(Vec::new(), 1));
        let before = store.asset(AssetId(7), 0).unwrap();
        assert_eq!((before.asset.first, before.asset.last), (time(1).nanos(), time(2).nanos()));
        let mut silent = seen(Vec::new(), 1);
        silent.captures[0].first = None;
        silent.captures[0].last = None;
        silent.assets[0].conversations.clear();
        silent.vitals.clear();
        all(&mut store, &mut Kept::default(), "live:2", &silent);
        assert_eq!(store.asset(AssetId(7), 0).unwrap(), before);
    }

    #[test]
    fn what_did_not_change_is_not_written_again() {
        let folder = Folder::new("live-same");
        let (mut store, mut kept) = (folder.writer(), Kept::default());
        let report = seen(vec![finding(1, 60, 0), finding(2, 1, 0)], 1);
        all(&mut store, &mut kept, "live:1", &report);
        let before = store.raw().total_changes();
        assert_eq!(all(&mut store, &mut kept, "live:1", &report).unchanged, 2);
        // The capture's counts and the sensor's state.
        assert!(store.raw().total_changes() - before <= 3);
    }

    #[test]
    fn a_matter_that_later_frames_explain_is_withdrawn_and_reopened_when_it_comes_again() {
        let folder = Folder::new("live-gone");
        let (mut store, mut kept) = (folder.writer(), Kept::default());
        all(&mut store, &mut kept, "live:1", &seen(vec![finding(1, 60, 0)], 1));
        let told = changes(&all(&mut store, &mut kept, "live:1", &seen(Vec::new(), 2)));
        assert_eq!(told, [Change::Withdrawn]);
        assert_eq!(the_finding(&store).state, State::Resolved);
        let told = changes(&all(&mut store, &mut kept, "live:1", &seen(vec![finding(1, 61, 0)], 3)));
        assert_eq!(told, [Change::Reopened]);
        assert_eq!(the_finding(&store).count, 61);
    }

    #[test]
    fn what_earlier_periods_told_is_taken_back_and_told_anew() {
        let folder = Folder::new("live-back");
        let (mut store, mut kept) = (folder.writer(), Kept::default());
        // An earlier watch, which nobody takes back.
        put(&mut store, &mut kept, "live:0", &seen(vec![finding(1, 10, 0)], 1), Extent::Last);
        let two = seen(vec![finding(1, 60, 2), finding(2, 5, 2)], 3);
        put(&mut store, &mut Kept::default(), "live:1", &two, Extent::Last);
        let mut kept = Kept::default();
        put(&mut store, &mut kept, "live:2", &seen(vec![finding(1, 1, 4)], 4), Extent::All);
        let counts = |store: &Writer| {
            let list = store.findings(&FindingQuery::default()).unwrap();
            list.iter().map(|one| (one.id.0, one.count, one.state)).collect::<BTreeSet<_>>()
        };
        let before = BTreeSet::from([(1, 71, State::New), (2, 5, State::New)]);
        assert_eq!(counts(&store), before);
        // The first is told as a whole, the second is explained.
        let report = seen(vec![finding(1, 63, 2)], 5);
        for (round, told) in
            [vec![Change::Grown { from: 71, to: 73 }, Change::Withdrawn], vec![]].iter().enumerate()
        {
            let recording = Recording {
                sensor: "eth1",
                period: "live:2",
                report: &report,
                taken_back: &[(FindingId(1), "live:1"), (FindingId(2), "live:1"), (FindingId(3), "live:9")],
                trends: &[],
                health: "{}",
                extent: Extent::Findings,
                version: "1",
            };
            assert_eq!(changes(&store.record(&mut kept, &recording, &actor()).unwrap()), *told, "{round}");
            let after = BTreeSet::from([(1, 73, State::New), (2, 5, State::Resolved)]);
            assert_eq!(counts(&store), after, "{round}");
        }
    }

    #[test]
    fn what_people_decided_holds_while_the_watch_goes_on() {
        let folder = Folder::new("live-decided");
        let (mut store, mut kept) = (folder.writer(), Kept::default());
        all(&mut store, &mut kept, "live:1", &seen(vec![finding(1, 60, 0), finding(2, 1, 0)], 1));
        let until = actor().at + 1;
        let decide = |store: &mut Writer, id, decision| {
            store.decide(FindingId(id), &decision, Some("because"), &actor()).unwrap();
        };
        decide(&mut store, 1, Decision::Suppress { until });
        decide(&mut store, 2, Decision::Resolve { through: time(5).nanos() });
        let grown = seen(vec![finding(1, 70, 0), finding(2, 2, 1)], 2);
        let told = all(&mut store, &mut kept, "live:1", &grown);
        assert_eq!((changes(&told), told.quiet), (vec![], 2));
        let newer = seen(vec![finding(1, 80, 0), finding(2, 3, 6)], 7);
        assert_eq!(changes(&all(&mut store, &mut kept, "live:1", &newer)), [Change::Reopened]);
        let counts: Vec<_> =
            store.findings(&FindingQuery::default()).unwrap().iter().map(|one| one.count).collect();
        assert_eq!(counts, [3, 80]);
    }

    #[test]
    fn a_recording_that_fails_changes_nothing_and_the_next_says_all() {
        let folder = Folder::new("live-full");
        let (mut store, mut kept) = (folder.writer(), Kept::default());
        all(&mut store, &mut kept, "live:1", &seen(vec![finding(1, 60, 0)], 1));
        let many: Vec<_> = (1..500).map(|id| finding(id, 60, 0)).collect();
        let pages: i64 = store.raw().query_row("PRAGMA page_count", [], |row| row.get(0)).unwrap();
        store.raw().pragma_update(None, "max_page_count", pages + 4).unwrap();
        let report = seen(many, 2);
        let recording = Recording {
            sensor: "eth1",
            period: "live:1",
            report: &report,
            taken_back: &[],
            trends: &[],
            health: "{}",
            extent: Extent::All,
            version: "1",
        };
        assert!(matches!(store.record(&mut kept, &recording, &actor()), Err(StoreError::Full)));
        assert_eq!(store.findings(&FindingQuery::default()).unwrap().len(), 1);
        store.raw().pragma_update(None, "max_page_count", 1 << 20).unwrap();
        assert_eq!(changes(&store.record(&mut kept, &recording, &actor()).unwrap()).len(), 498);
        assert_eq!(store.findings(&FindingQuery::default()).unwrap().len(), 499);
    }

    #[test]
    fn a_sensor_is_shown_with_what_it_could_not_see() {
        let folder = Folder::new("live-sensor");
        let (mut store, mut kept) = (folder.writer(), Kept::default());
        put(&mut store, &mut kept, "live:1", &seen(Vec::new(), 1), Extent::All);
        let sensors = store.sensors().unwrap();
        assert_eq!((sensors.len(), sensors[0].ended), (1, None));
        assert_eq!(sensors[0].blind_spots, ["Something was not seen."]);
        put(&mut store, &mut kept, "live:1", &seen(Vec::new(), 2), Extent::Last);
        let sensors = store.sensors().unwrap();
        assert_eq!((sensors[0].ended, &*sensors[0].health), (Some(actor().at), r#"{"frames": 100}"#));
    }

    #[test]
    fn a_store_of_the_first_version_is_brought_to_this_one() {
        let folder = Folder::new("live-old");
        std::fs::create_dir_all(&folder.0).unwrap();
        let raw = folder.raw();
        raw.execute_batch(include_str!("schema.sql")).unwrap();
        raw.pragma_update(None, "application_id", 0x4C5A_5254).unwrap();
        raw.pragma_update(None, "user_version", 1).unwrap();
        drop(raw);
        assert_eq!(crate::Reader::open(&folder.0).unwrap().sensors().unwrap(), []);
        let mut store = Writer::open(&folder.0, IfMissing::Fail).unwrap();
        all(&mut store, &mut Kept::default(), "live:1", &seen(vec![finding(1, 1, 0)], 1));
        let version: i64 = store.raw().pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
        assert_eq!(version, folder::VERSION);
    }
}
