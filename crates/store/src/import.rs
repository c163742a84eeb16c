//! One scan's results into the store: all of them, once, or nothing.
//!
//! Captures are known by their hash. No capture ever belongs to two imports, so that sums over imports count
//! nothing twice, whatever is scanned again:
//!
//! | the scan's captures are | then |
//! |---|---|
//! | all new | they are added |
//! | those of one import | nothing, where the results are the same; else they take its place |
//! | some of those of one import | nothing: what they show is in the store, and more |
//! | those of imports, and more | it takes the place of these imports |
//! | some of an import, and others | refused: their findings cannot be told apart |
//!
//! Everything happens in one transaction, with its entries in the audit log.

use crate::asset;
use crate::audit::{self, Actor};
use crate::error::{Doing as _, StoreError};
use crate::finding::{self, State};
use crate::row::{CheckRow, ConversationRow, FindingRow, NumericRow, Rows, VitalsRow};
use model::{FindingId, Report, Severity};
use rusqlite::{Connection, Transaction, params};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

/// What an import did.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Imported {
    /// How it met what was there.
    pub meeting: Meeting,
    /// Findings that were not there, or say more than before, worst first.
    pub changed: Vec<Changed>,
    /// Findings that are as they were.
    pub unchanged: u64,
    /// Findings that people made quiet and that went on counting.
    pub quiet: u64,
    /// Assets that were not there.
    pub assets_new: u64,
    /// Assets that were.
    pub assets_known: u64,
}

/// How an import met what was there.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Meeting {
    /// There were no captures to import.
    #[default]
    Nothing,
    /// None of its captures was there.
    New,
    /// All were, with the same results: nothing was written.
    Same,
    /// All were, together with others: nothing was written.
    Covered,
    /// It took the place of so many imports of the same captures.
    Replaced(usize),
}

/// How a finding changed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Changed {
    /// Its id.
    pub id: FindingId,
    /// How bad it is now.
    pub severity: Severity,
    /// One line.
    pub title: String,
    /// How.
    pub change: Change,
}

/// How a finding changed.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Change {
    /// It was not there.
    New,
    /// It had been resolved, and newer evidence came.
    Reopened,
    /// It was seen more often or became graver.
    Grown {
        /// Times before.
        from: i64,
        /// Times now.
        to: i64,
    },
    /// The same captures, judged anew, no longer show it.
    Withdrawn,
}

/// Actor of what the scan itself does to states.
const SELF: &str = "lazaret";

pub(crate) fn import(
    connection: &mut Connection,
    report: &Report,
    version: &str,
    actor: &Actor,
) -> Result<Imported, StoreError> {
    if report.captures.is_empty() {
        return Ok(Imported::default());
    }
    let rows = Rows::of(report)?;
    let digest = rows.digest()?;
    let step = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate);
    let step = step.doing("begin an import")?;
    let place = place(&step, &rows, &digest)?;
    let Place::Takes { imports, again } = place else {
        let meeting = if place == Place::Same { Meeting::Same } else { Meeting::Covered };
        return Ok(Imported { meeting, unchanged: rows.findings.len() as u64, ..Imported::default() });
    };
    let mut touched: BTreeSet<i64> = rows.findings.iter().map(|row| row.id).collect();
    for old in &imports {
        touched.extend(take_out(&step, *old)?);
    }
    let id = add(&step, &rows, version, &digest, actor)?;
    let meeting = if imports.is_empty() { Meeting::New } else { Meeting::Replaced(imports.len()) };
    let mut imported = Imported { meeting, ..Imported::default() };
    for row in &rows.assets {
        let new = asset::merge(&step, row, again)?;
        *(if new { &mut imported.assets_new } else { &mut imported.assets_known }) += 1;
    }
    for row in &rows.conversations {
        write_conversation(&step, id, row)?;
    }
    for row in &rows.vitals {
        write_vitals(&step, id, row)?;
    }
    write_blind_spots(&step, id, &report.blind_spots)?;
    let new_rows: BTreeMap<i64, &FindingRow> = rows.findings.iter().map(|row| (row.id, row)).collect();
    write_sightings(&step, id, &rows.findings)?;
    log(&step, &rows, &digest, version, imports.len(), actor)?;
    for finding in touched {
        refresh(&step, finding, new_rows.get(&finding).copied(), actor, &mut imported)?;
    }
    imported.changed.sort_by_key(|changed| (std::cmp::Reverse(changed.severity), changed.change, changed.id));
    step.commit().doing("finish an import")?;
    Ok(imported)
}

/// Where a scan's captures stand among the imports.
#[derive(Debug, PartialEq)]
enum Place {
    Same,
    Covered,
    Takes { imports: Vec<i64>, again: bool },
}

fn place(step: &Transaction<'_>, rows: &Rows, digest: &str) -> Result<Place, StoreError> {
    let ours: BTreeSet<&str> = rows.captures.iter().map(|row| row.sha256.as_str()).collect();
    let mut known = BTreeSet::new();
    let mut of_capture = step
        .prepare_cached(
            "SELECT import FROM import_captures JOIN captures ON captures.id = capture WHERE sha256 = ?1",
        )
        .doing("find imports")?;
    let mut imports = BTreeSet::new();
    for sha256 in &ours {
        let found = of_capture.query_map([sha256], |row| row.get::<_, i64>(0)).doing("find imports")?;
        for import in found {
            imports.insert(import.doing("find imports")?);
            known.insert(*sha256);
        }
    }
    let mut again = false;
    for import in &imports {
        let theirs = captures_of(step, *import)?;
        let theirs: BTreeSet<&str> = theirs.iter().map(String::as_str).collect();
        if theirs == ours {
            let old: String = step
                .query_row("SELECT digest FROM imports WHERE id = ?1", [import], |row| row.get(0))
                .doing("find imports")?;
            if old == digest {
                return Ok(Place::Same);
            }
            again = true;
        } else if ours.is_subset(&theirs) {
            return Ok(Place::Covered);
        } else if !theirs.is_subset(&ours) {
            let named = |of_store: bool| {
                let names = rows.captures.iter().filter(|row| known.contains(&*row.sha256) == of_store);
                names.map(|row| format!("`{}`", row.name)).collect::<Vec<_>>().join(", ")
            };
            return Err(StoreError::Overlap { known: named(true), new: named(false) });
        }
    }
    Ok(Place::Takes { imports: imports.into_iter().collect(), again })
}

fn captures_of(step: &Transaction<'_>, import: i64) -> Result<Vec<String>, StoreError> {
    let mut query = step
        .prepare_cached(
            "SELECT sha256 FROM import_captures JOIN captures ON captures.id = capture WHERE import = ?1",
        )
        .doing("find imports")?;
    let rows = query.query_map([import], |row| row.get(0)).doing("find imports")?;
    rows.collect::<Result<_, _>>().doing("find imports")
}

/// Takes an import out, with everything that hangs on it, and says which findings it had seen.
fn take_out(step: &Transaction<'_>, import: i64) -> Result<Vec<i64>, StoreError> {
    let doing = "replace an import";
    let mut query = step.prepare_cached("SELECT finding FROM sightings WHERE import = ?1").doing(doing)?;
    let rows = query.query_map([import], |row| row.get(0)).doing(doing)?;
    let findings = rows.collect::<Result<_, _>>().doing(doing)?;
    step.execute("DELETE FROM imports WHERE id = ?1", [import]).doing(doing)?;
    Ok(findings)
}

pub(crate) fn add(
    step: &Transaction<'_>,
    rows: &Rows,
    version: &str,
    digest: &str,
    actor: &Actor,
) -> Result<i64, StoreError> {
    let doing = "write an import";
    step.execute(
        "INSERT INTO imports (at, by, version, digest) VALUES (?1, ?2, ?3, ?4)",
        params![actor.at, actor.name, version, digest],
    )
    .doing(doing)?;
    let import = step.last_insert_rowid();
    for (row, position) in rows.captures.iter().zip(0_i64..) {
        let capture: i64 = step
            .query_row(
                "INSERT INTO captures (sha256, name, frames, bytes, first, last, faults) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (sha256) DO UPDATE SET frames = excluded.frames, \
                 first = excluded.first, last = excluded.last, faults = excluded.faults RETURNING id",
                params![row.sha256, row.name, row.frames, row.bytes, row.first, row.last, row.faults],
                |row| row.get(0),
            )
            .doing(doing)?;
        step.execute(
            "INSERT INTO import_captures (import, position, capture) VALUES (?1, ?2, ?3)",
            params![import, position, capture],
        )
        .doing(doing)?;
    }
    Ok(import)
}

pub(crate) fn write_sightings(
    step: &Transaction<'_>,
    import: i64,
    rows: &[FindingRow],
) -> Result<(), StoreError> {
    let doing = "write findings";
    let mut insert = step
        .prepare_cached("INSERT INTO sightings VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)")
        .doing(doing)?;
    for row in rows {
        let body = serde_json::to_string(&row.body).map_err(|cause| StoreError::form("a finding", cause))?;
        let FindingRow { id, severity, certainty, first, last, count, title, .. } = row;
        insert
            .execute(params![id, import, severity, certainty, first, last, count, title, body])
            .doing(doing)?;
    }
    Ok(())
}

/// The number of the row.
pub(crate) fn write_conversation(
    step: &Transaction<'_>,
    import: i64,
    row: &ConversationRow,
) -> Result<i64, StoreError> {
    let mut insert = step
        .prepare_cached(
            "INSERT INTO conversations VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
        )
        .doing("write conversations")?;
    insert
        .execute(params![
            import,
            row.asset,
            row.ip,
            row.port,
            row.transport,
            row.location,
            row.protocol,
            row.direction,
            row.flows,
            row.frames,
            row.bytes_out,
            row.bytes_in,
            row.first,
            row.last
        ])
        .doing("write conversations")?;
    Ok(step.last_insert_rowid())
}

/// The number of the row.
pub(crate) fn write_vitals(step: &Transaction<'_>, import: i64, row: &VitalsRow) -> Result<i64, StoreError> {
    let doing = "write vital signs";
    let mut insert = step
        .prepare_cached(
            "INSERT INTO vitals (import, asset, bed, patient, first, last, cycles) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )
        .doing(doing)?;
    insert
        .execute(params![import, row.asset, row.bed, row.patient, row.first, row.last, row.cycles])
        .doing(doing)?;
    let vitals = step.last_insert_rowid();
    let mut insert =
        step.prepare_cached("INSERT INTO integrity VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)").doing(doing)?;
    for one in &row.integrity {
        let CheckRow { asked, verdict, channel, first, last, seconds, why } = one;
        insert.execute(params![vitals, asked, verdict, channel, first, last, seconds, why]).doing(doing)?;
    }
    let mut insert =
        step.prepare_cached("INSERT INTO numerics VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)").doing(doing)?;
    for numeric in &row.numerics {
        let NumericRow { vital, unit, least, most, latest, samples } = numeric;
        insert.execute(params![vitals, vital, unit, least, most, latest, samples]).doing(doing)?;
    }
    Ok(vitals)
}

pub(crate) fn write_blind_spots(
    step: &Transaction<'_>,
    import: i64,
    said: &[String],
) -> Result<(), StoreError> {
    let doing = "write blind spots";
    let mut insert = step.prepare_cached("INSERT INTO blind_spots VALUES (?1, ?2, ?3)").doing(doing)?;
    for (position, sentence) in (0_i64..).zip(said) {
        insert.execute(params![import, position, sentence]).doing(doing)?;
    }
    Ok(())
}

fn log(
    step: &Transaction<'_>,
    rows: &Rows,
    digest: &str,
    version: &str,
    replaced: usize,
    actor: &Actor,
) -> Result<(), StoreError> {
    let captures: Vec<&str> = rows.captures.iter().map(|row| row.sha256.as_str()).collect();
    let detail = json!({
        "captures": captures,
        "digest": digest,
        "version": version,
        "replaced": replaced,
        "assets": rows.assets.len(),
        "findings": rows.findings.len(),
    });
    audit::append(step, actor, "import", "store", &detail).map(drop)
}

/// Makes a finding the sum of its sightings, and says what that changed.
pub(crate) fn refresh(
    step: &Transaction<'_>,
    id: i64,
    new: Option<&FindingRow>,
    actor: &Actor,
    imported: &mut Imported,
) -> Result<(), StoreError> {
    let key = FindingId(id.cast_unsigned());
    let before = match finding::one(step, key) {
        Ok(before) => Some(before),
        Err(StoreError::Unknown { .. }) => None,
        Err(other) => return Err(other),
    };
    let doing = "write findings";
    let seen: i64 = step
        .prepare_cached("SELECT count(*) FROM sightings WHERE finding = ?1")
        .doing(doing)?
        .query_row([id], |row| row.get(0))
        .doing(doing)?;
    if seen == 0 {
        return before.map_or(Ok(()), |before| withdraw(step, &before, actor, imported));
    }
    match (&before, new) {
        (None, Some(row)) => insert(step, row, actor)?,
        (None, None) => return Ok(()),
        (Some(_), _) => {}
    }
    sum(step, id)?;
    let after = finding::one(step, key)?;
    let changed = |change| Changed { id: key, severity: after.severity, title: after.title.clone(), change };
    let Some(before) = before else {
        imported.changed.push(changed(Change::New));
        return Ok(());
    };
    let grew =
        after.count > before.count || (after.certainty, after.severity) > (before.certainty, before.severity);
    let newer = before.resolved_through.is_none_or(|through| after.last > through);
    if before.state == State::Resolved && newer && new.is_some() {
        reopen(step, &before, after.last, actor)?;
        if after.is_suppressed(actor.at) {
            imported.quiet += 1;
        } else {
            imported.changed.push(changed(Change::Reopened));
        }
    } else if !grew {
        imported.unchanged += 1;
    } else if !before.state.is_open() || after.is_suppressed(actor.at) {
        imported.quiet += 1;
    } else {
        imported.changed.push(changed(Change::Grown { from: before.count, to: after.count }));
    }
    Ok(())
}

fn insert(step: &Transaction<'_>, row: &FindingRow, actor: &Actor) -> Result<(), StoreError> {
    step.prepare_cached(
        "INSERT INTO findings (id, rule, asset, severity, certainty, first, last, count, title, body, state, state_at, \
         state_by) VALUES (?1, ?2, ?3, 0, 0, 0, 0, 0, '', '', 'new', ?4, ?5)",
    )
    .doing("write findings")?
    .execute(params![row.id, row.rule, row.asset, actor.at, SELF])
    .doing("write findings")?;
    Ok(())
}

/// Times add up; the words are those of the surest, then gravest, then latest sighting.
fn sum(step: &Transaction<'_>, id: i64) -> Result<(), StoreError> {
    step.prepare_cached(
        "UPDATE findings SET first = s.first, last = s.last, count = s.count, severity = w.severity, \
         certainty = w.certainty, title = w.title, body = w.body, import = w.import FROM \
         (SELECT min(first) AS first, max(last) AS last, sum(count) AS count FROM sightings WHERE finding = ?1) AS s, \
         (SELECT * FROM sightings WHERE finding = ?1 \
          ORDER BY certainty DESC, severity DESC, last DESC, import DESC LIMIT 1) AS w WHERE id = ?1",
    )
    .doing("write findings")?
    .execute([id])
    .doing("write findings")?;
    Ok(())
}

fn reopen(
    step: &Transaction<'_>,
    before: &finding::StoredFinding,
    last: i64,
    actor: &Actor,
) -> Result<(), StoreError> {
    step.execute(
        "UPDATE findings SET state = 'new', state_at = ?2, state_by = ?3, note = NULL, resolved_through = NULL, \
         reopened = reopened + 1 WHERE id = ?1",
        params![before.id.0.cast_signed(), actor.at, SELF],
    )
    .doing("reopen a finding")?;
    let detail = json!({ "from": before.state.as_str(), "last": last, "through": before.resolved_through });
    audit::append(step, &own(actor), "reopened", &before.id.to_string(), &detail).map(drop)
}

/// The same captures no longer show it. Open findings are resolved; whatever shows it again reopens it.
fn withdraw(
    step: &Transaction<'_>,
    before: &finding::StoredFinding,
    actor: &Actor,
    imported: &mut Imported,
) -> Result<(), StoreError> {
    if !before.state.is_open() {
        imported.unchanged += 1;
        return Ok(());
    }
    let note = "the same captures, judged anew, no longer show it";
    step.execute(
        "UPDATE findings SET state = 'resolved', state_at = ?2, state_by = ?3, note = ?4, resolved_through = NULL \
         WHERE id = ?1",
        params![before.id.0.cast_signed(), actor.at, SELF, note],
    )
    .doing("withdraw a finding")?;
    audit::append(step, &own(actor), "withdrawn", &before.id.to_string(), &json!({ "note": note }))?;
    imported.changed.push(Changed {
        id: before.id,
        severity: before.severity,
        title: before.title.clone(),
        change: Change::Withdrawn,
    });
    Ok(())
}

pub(crate) fn own(actor: &Actor) -> Actor {
    Actor { name: SELF.to_owned(), at: actor.at }
}
