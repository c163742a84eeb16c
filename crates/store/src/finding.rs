//! Findings that live: one per matter, from the day it was first seen.
//!
//! ```text
//!            scan                acknowledge
//!   (none) ───────► new ───────────────────────► acknowledged
//!                    │ ▲ ▲                            │
//!                    │ │ └── evidence newer than its resolution, or `reopen`
//!                    ▼ │
//!        resolved, false-positive            from any state to any other by a person
//! ```
//!
//! A resolution holds through a moment of capture time: evidence from before it is counted, evidence from after
//! it reopens the finding. A false positive stays one; it goes on counting and is quiet. Suppressing is apart from
//! the state: until its end the finding is quiet, and counts.

use crate::audit::{self, Actor};
use crate::error::{Doing as _, StoreError};
use crate::order::{Sorting, containing};
use crate::row::{FindingBody, severity_rank, signed};
use model::{AssetId, Certainty, FindingId, Severity};
use rusqlite::{Connection, OptionalExtension as _, Row, ToSql, params, params_from_iter};
use serde_json::json;
use std::fmt;

/// What people have said about a finding.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum State {
    /// Nothing yet, or nothing since it was reopened.
    New,
    /// Somebody knows and works on it.
    Acknowledged,
    /// It is not what it says.
    FalsePositive,
    /// It was ended.
    Resolved,
}

impl State {
    /// All.
    pub const ALL: [Self; 4] = [Self::New, Self::Acknowledged, Self::FalsePositive, Self::Resolved];

    /// As it is stored and shown.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Acknowledged => "acknowledged",
            Self::FalsePositive => "false-positive",
            Self::Resolved => "resolved",
        }
    }

    /// Whether somebody should do something.
    #[must_use]
    pub const fn is_open(self) -> bool {
        matches!(self, Self::New | Self::Acknowledged)
    }

    pub(crate) fn named(name: &str) -> Self {
        // The table admits these four only.
        Self::ALL.into_iter().find(|state| state.as_str() == name).unwrap_or(Self::New)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Suppressed: until when, by whom, why.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Suppression {
    /// End, by the clock, in nanoseconds since 1970-01-01T00:00:00Z.
    pub until: i64,
    /// Who.
    pub by: String,
    /// Why.
    pub because: String,
}

/// A finding as it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredFinding {
    /// Its id, the report's.
    pub id: FindingId,
    /// Id of the rule.
    pub rule: String,
    /// Whom it is about.
    pub asset: AssetId,
    /// How bad, at its worst.
    pub severity: Severity,
    /// How sure, at its surest.
    pub certainty: Certainty,
    /// First time, in capture time.
    pub first: i64,
    /// Last time, in capture time.
    pub last: i64,
    /// How often, in all captures together.
    pub count: i64,
    /// One line.
    pub title: String,
    /// The rest of the report's words.
    pub body: FindingBody,
    /// State.
    pub state: State,
    /// Since when, by the clock.
    pub state_at: i64,
    /// Who set it.
    pub state_by: String,
    /// What they noted.
    pub note: Option<String>,
    /// Evidence up to here does not reopen it, where it is resolved; capture time.
    pub resolved_through: Option<i64>,
    /// How often it was reopened by evidence.
    pub reopened: i64,
    /// Its suppression, also one that has ended.
    pub suppression: Option<Suppression>,
    import: Option<i64>,
}

impl StoredFinding {
    /// Whether it is suppressed at `now`.
    #[must_use]
    pub fn is_suppressed(&self, now: i64) -> bool {
        self.suppression.as_ref().is_some_and(|suppression| suppression.until > now)
    }
}

/// A frame that shows a finding.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Shown {
    /// Name of the capture when it was imported.
    pub capture: String,
    /// Its hash, or the name of the period of the watch.
    pub sha256: String,
    /// Number of the frame, from 1.
    pub frame: u64,
}

impl Shown {
    /// The period of the watch that saw the frame; none where it is of a capture file.
    #[must_use]
    pub fn period(&self) -> Option<&str> {
        Some(&*self.sha256).filter(|name| crate::live::is_period(name))
    }
}

/// A finding, the frames that show it, and what was done about it.
#[derive(Clone, Debug, PartialEq)]
pub struct FindingCard {
    /// The finding.
    pub finding: StoredFinding,
    /// The frames.
    pub evidence: Vec<Shown>,
    /// What was done, from the audit log, oldest first.
    pub history: Vec<audit::Entry>,
}

/// By what findings are ordered.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum FindingOrder {
    /// How bad, then when last seen.
    #[default]
    Severity,
    /// When last seen.
    Last,
    /// When first seen.
    First,
}

impl FindingOrder {
    const fn columns(self) -> &'static [&'static str] {
        match self {
            Self::Severity => &["severity", "last", "id"],
            Self::Last => &["last", "id"],
            Self::First => &["first", "id"],
        }
    }

    fn place(self, finding: &StoredFinding) -> Vec<i64> {
        let id = signed(finding.id.0);
        match self {
            Self::Severity => vec![severity_rank(finding.severity), finding.last, id],
            Self::Last => vec![finding.last, id],
            Self::First => vec![finding.first, id],
        }
    }
}

/// Which findings.
#[derive(Clone, Debug)]
pub struct FindingQuery {
    /// In these states; empty for all.
    pub states: Vec<State>,
    /// Without those suppressed at this moment of the clock; `None` with them.
    pub unsuppressed_at: Option<i64>,
    /// At least so bad.
    pub severity: Severity,
    /// Of this rule.
    pub rule: Option<String>,
    /// About this asset.
    pub asset: Option<AssetId>,
    /// With this in the title, in any case of ASCII letters.
    pub text: Option<String>,
    /// Seen at this moment of capture time or later.
    pub since: Option<i64>,
    /// In which order.
    pub order: FindingOrder,
    /// Which way.
    pub sorting: Sorting,
    /// Those that come after this one, in that order.
    pub after: Option<FindingId>,
    /// At most so many.
    pub limit: u32,
    /// Without the rest of the report's words: the body of each is empty. For sums over a hundred thousand of them.
    pub without_body: bool,
}

impl Default for FindingQuery {
    fn default() -> Self {
        Self {
            states: Vec::new(),
            unsuppressed_at: None,
            severity: Severity::Low,
            rule: None,
            asset: None,
            text: None,
            since: None,
            order: FindingOrder::Severity,
            sorting: Sorting::Descending,
            after: None,
            limit: u32::MAX,
            without_body: false,
        }
    }
}

/// How many findings there are.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct FindingTally {
    /// New, and not suppressed.
    pub new: i64,
    /// Acknowledged, and not suppressed.
    pub acknowledged: i64,
    /// New or acknowledged, but suppressed.
    pub suppressed: i64,
    /// False positives.
    pub false_positive: i64,
    /// Resolved.
    pub resolved: i64,
}

/// What [`finding`] reads; `body` is the column, or what stands for it.
fn columns(body: &str) -> String {
    format!(
        "SELECT id, rule, asset, severity, certainty, first, last, count, title, {body}, state, state_at, state_by, note, \
         resolved_through, reopened, suppressed_until, suppressed_by, suppressed_because, import FROM findings"
    )
}

/// A row whose body is still JSON, since SQLite's rows can only fail as SQLite does.
fn finding(row: &Row<'_>) -> rusqlite::Result<(StoredFinding, String)> {
    let ranked = |at: usize| -> rusqlite::Result<usize> { Ok(row.get::<_, u8>(at)?.into()) };
    let severity = Severity::ALL.get(ranked(3)?).copied().unwrap_or(Severity::Critical);
    let certainty = match ranked(4)? {
        0 => Certainty::Attempted,
        1 => Certainty::Likely,
        _ => Certainty::Confirmed,
    };
    let suppression = match row.get::<_, Option<i64>>(16)? {
        Some(until) => Some(Suppression {
            until,
            by: row.get::<_, Option<String>>(17)?.unwrap_or_default(),
            because: row.get::<_, Option<String>>(18)?.unwrap_or_default(),
        }),
        None => None,
    };
    let stored = StoredFinding {
        id: FindingId(row.get::<_, i64>(0)?.cast_unsigned()),
        rule: row.get(1)?,
        asset: AssetId(row.get::<_, i64>(2)?.cast_unsigned()),
        severity,
        certainty,
        first: row.get(5)?,
        last: row.get(6)?,
        count: row.get(7)?,
        title: row.get(8)?,
        body: FindingBody::default(),
        state: State::named(&row.get::<_, String>(10)?),
        state_at: row.get(11)?,
        state_by: row.get(12)?,
        note: row.get(13)?,
        resolved_through: row.get(14)?,
        reopened: row.get(15)?,
        suppression,
        import: row.get(19)?,
    };
    Ok((stored, row.get(9)?))
}

fn with_body((mut finding, body): (StoredFinding, String)) -> Result<StoredFinding, StoreError> {
    finding.body = serde_json::from_str(&body).map_err(|cause| StoreError::form("a finding", cause))?;
    Ok(finding)
}

pub(crate) fn one(connection: &Connection, id: FindingId) -> Result<StoredFinding, StoreError> {
    let mut query =
        connection.prepare_cached(&format!("{} WHERE id = ?1", columns("body"))).doing("read a finding")?;
    let found = query.query_row([signed(id.0)], finding).optional().doing("read a finding")?;
    found.map(with_body).transpose()?.ok_or(StoreError::Unknown { what: "finding", id: id.to_string() })
}

/// One page. The next begins after the last of this one.
pub(crate) fn page(connection: &Connection, query: &FindingQuery) -> Result<Vec<StoredFinding>, StoreError> {
    let mut sql = columns(if query.without_body { "''" } else { "body" });
    sql.push_str(" WHERE severity >= ?");
    let mut values: Vec<Box<dyn ToSql>> = vec![Box::new(severity_rank(query.severity))];
    if !query.states.is_empty() {
        let places = vec!["?"; query.states.len()].join(", ");
        sql.push_str(&format!(" AND state IN ({places})"));
        values.extend(query.states.iter().map(|state| -> Box<dyn ToSql> { Box::new(state.as_str()) }));
    }
    if let Some(now) = query.unsuppressed_at {
        sql.push_str(" AND (suppressed_until IS NULL OR suppressed_until <= ?)");
        values.push(Box::new(now));
    }
    if let Some(rule) = &query.rule {
        sql.push_str(" AND rule = ?");
        values.push(Box::new(rule.clone()));
    }
    if let Some(asset) = query.asset {
        sql.push_str(" AND asset = ?");
        values.push(Box::new(signed(asset.0)));
    }
    if let Some(text) = &query.text {
        // Titles alone are read from their index, not whole rows.
        sql.push_str(" AND id IN (SELECT id FROM findings WHERE title LIKE ? ESCAPE '\\')");
        values.push(Box::new(containing(text)));
    }
    if let Some(since) = query.since {
        sql.push_str(" AND last >= ?");
        values.push(Box::new(since));
    }
    if let Some(after) = query.after {
        let place = query.order.place(&one(connection, after)?);
        sql.push_str(&query.sorting.beyond(query.order.columns()));
        values.extend(place.into_iter().map(|value| -> Box<dyn ToSql> { Box::new(value) }));
    }
    sql.push_str(&query.sorting.order(query.order.columns()));
    values.push(Box::new(query.limit));
    let mut statement = connection.prepare_cached(&sql).doing("list findings")?;
    let rows = statement.query_map(params_from_iter(values), finding).doing("list findings")?;
    let whole = |row: rusqlite::Result<(_, String)>| {
        let row = row.doing("list findings")?;
        if query.without_body { Ok(row.0) } else { with_body(row) }
    };
    rows.map(whole).collect()
}

pub(crate) fn card(connection: &Connection, id: FindingId) -> Result<FindingCard, StoreError> {
    let finding = one(connection, id)?;
    let mut evidence = Vec::with_capacity(finding.body.evidence.len());
    let mut query = connection
        .prepare_cached(
            "SELECT name, sha256 FROM import_captures JOIN captures ON captures.id = capture \
             WHERE import = ?1 AND position = ?2",
        )
        .doing("read a finding's evidence")?;
    for &(position, frame) in &finding.body.evidence {
        let capture = query
            .query_row(params![finding.import, position], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()
            .doing("read a finding's evidence")?;
        evidence.extend(capture.map(|(capture, sha256)| Shown { capture, sha256, frame }));
    }
    let history = audit::page(connection, Some(&id.to_string()), 0, u32::MAX)?;
    Ok(FindingCard { finding, evidence, history })
}

pub(crate) fn tally(connection: &Connection, now: i64) -> Result<FindingTally, StoreError> {
    let mut tally = FindingTally::default();
    let mut query = connection
        .prepare_cached(
            "SELECT state, coalesce(suppressed_until > ?1, 0) AS quiet, count(*) FROM findings GROUP BY 1, 2",
        )
        .doing("count findings")?;
    let mut rows = query.query([now]).doing("count findings")?;
    while let Some(row) = rows.next().doing("count findings")? {
        let of =
            |row: &Row<'_>| Ok((row.get::<_, String>(0)?, row.get::<_, bool>(1)?, row.get::<_, i64>(2)?));
        let (state, quiet, count) = of(row).doing("count findings")?;
        match (State::named(&state), quiet) {
            (State::FalsePositive, _) => tally.false_positive += count,
            (State::Resolved, _) => tally.resolved += count,
            (_, true) => tally.suppressed += count,
            (State::New, false) => tally.new += count,
            (State::Acknowledged, false) => tally.acknowledged += count,
        }
    }
    Ok(tally)
}

/// What a person decides about a finding.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Decision {
    /// Somebody knows and works on it.
    Acknowledge,
    /// It is not what it says; the note says why.
    FalsePositive,
    /// It was ended; evidence up to `through` (capture time) does not reopen it.
    Resolve {
        /// Usually now.
        through: i64,
    },
    /// It is as new, and no longer suppressed.
    Reopen,
    /// Quiet until then, by the clock; the note says why.
    Suppress {
        /// End.
        until: i64,
    },
}

impl Decision {
    /// The word for it, as the audit log writes it.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Acknowledge => "acknowledge",
            Self::FalsePositive => "false-positive",
            Self::Resolve { .. } => "resolve",
            Self::Reopen => "reopen",
            Self::Suppress { .. } => "suppress",
        }
    }

    const fn state(&self) -> Option<State> {
        match self {
            Self::Acknowledge => Some(State::Acknowledged),
            Self::FalsePositive => Some(State::FalsePositive),
            Self::Resolve { .. } => Some(State::Resolved),
            Self::Reopen => Some(State::New),
            Self::Suppress { .. } => None,
        }
    }
}

/// What was decided, and the number of its entry in the audit log, by which it can be undone.
#[derive(Clone, Debug, PartialEq)]
pub struct Decided {
    /// The finding now.
    pub finding: StoredFinding,
    /// Number of the entry.
    pub seq: i64,
}

/// Decides about findings, all or none.
pub(crate) fn decide(
    connection: &mut Connection,
    ids: &[FindingId],
    decision: &Decision,
    note: Option<&str>,
    actor: &Actor,
) -> Result<Vec<Decided>, StoreError> {
    let reasoned = matches!(decision, Decision::FalsePositive | Decision::Suppress { .. });
    let note = note.map(str::trim).filter(|note| !note.is_empty());
    if reasoned && note.is_none() {
        return Err(StoreError::Refused(format!("`{}` needs a reason", decision.as_str())));
    }
    let step = connection.transaction().doing(CHANGE)?;
    let decided: Result<Vec<_>, _> =
        ids.iter().map(|id| decide_one(&step, *id, decision, note, actor)).collect();
    let decided = decided?;
    step.commit().doing(CHANGE)?;
    Ok(decided)
}

const CHANGE: &str = "change a finding";

fn decide_one(
    step: &Connection,
    id: FindingId,
    decision: &Decision,
    note: Option<&str>,
    actor: &Actor,
) -> Result<Decided, StoreError> {
    let before = one(step, id)?;
    let key = signed(id.0);
    if let Some(state) = decision.state() {
        let through = match decision {
            // What is known already was known to whoever resolves it.
            Decision::Resolve { through } => Some((*through).max(before.last)),
            _ => None,
        };
        let update = "UPDATE findings SET state = ?2, state_at = ?3, state_by = ?4, note = ?5, resolved_through = ?6 \
                      WHERE id = ?1";
        step.execute(update, params![key, state.as_str(), actor.at, actor.name, note, through])
            .doing(CHANGE)?;
    }
    let mut detail = json!({ "from": before.state.as_str(), "note": note });
    match decision {
        Decision::Suppress { until } => {
            let update = "UPDATE findings SET suppressed_until = ?2, suppressed_by = ?3, suppressed_because = ?4 \
                          WHERE id = ?1";
            step.execute(update, params![key, until, actor.name, note]).doing(CHANGE)?;
            put(&mut detail, "until", json!(until));
        }
        Decision::Reopen => {
            let update = "UPDATE findings SET suppressed_until = NULL, suppressed_by = NULL, suppressed_because = NULL \
                          WHERE id = ?1";
            step.execute(update, params![key]).doing(CHANGE)?;
        }
        Decision::Resolve { through } => put(&mut detail, "through", json!((*through).max(before.last))),
        _ => {}
    }
    let seq = audit::append(step, actor, decision.as_str(), &id.to_string(), &detail)?;
    remember(step, seq, &before)?;
    Ok(Decided { finding: one(step, id)?, seq })
}

/// Keeps what a decision took the place of.
fn remember(step: &Connection, seq: i64, before: &StoredFinding) -> Result<(), StoreError> {
    let quiet = before.suppression.as_ref();
    step.prepare_cached("INSERT INTO decisions VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)")
        .doing(CHANGE)?
        .execute(params![
            seq,
            signed(before.id.0),
            before.state.as_str(),
            before.state_at,
            before.state_by,
            before.note,
            before.resolved_through,
            quiet.map(|quiet| quiet.until),
            quiet.map(|quiet| &quiet.by),
            quiet.map(|quiet| &quiet.because),
        ])
        .doing(CHANGE)?;
    Ok(())
}

/// Takes decisions back, all or none, by the numbers of their entries. Each finding is as it was before; what came after
/// the decision stands in the way.
pub(crate) fn undo(
    connection: &mut Connection,
    seqs: &[i64],
    actor: &Actor,
) -> Result<Vec<StoredFinding>, StoreError> {
    let step = connection.transaction().doing(CHANGE)?;
    let mut undone = Vec::with_capacity(seqs.len());
    for seq in seqs {
        let finding = step
            .prepare_cached("SELECT finding FROM decisions WHERE seq = ?1")
            .doing(CHANGE)?
            .query_row([seq], |row| row.get::<_, i64>(0))
            .optional()
            .doing(CHANGE)?;
        let finding = finding.ok_or(StoreError::Unknown { what: "decision", id: seq.to_string() })?;
        let id = FindingId(finding.cast_unsigned());
        let later = "SELECT EXISTS (SELECT 1 FROM audit WHERE subject = ?1 AND seq > ?2)";
        let later: bool =
            step.query_row(later, params![id.to_string(), seq], |row| row.get(0)).doing(CHANGE)?;
        if later {
            return Err(StoreError::Refused(format!(
                "finding {id} has changed since; look at it and decide anew"
            )));
        }
        let update = "UPDATE findings SET (state, state_at, state_by, note, resolved_through, suppressed_until, \
                      suppressed_by, suppressed_because) = (SELECT state, state_at, state_by, note, resolved_through, \
                      suppressed_until, suppressed_by, suppressed_because FROM decisions WHERE seq = ?2) WHERE id = ?1";
        step.execute(update, params![finding, seq]).doing(CHANGE)?;
        audit::append(&step, actor, "undo", &id.to_string(), &json!({ "entry": seq }))?;
        undone.push(one(&step, id)?);
    }
    step.commit().doing(CHANGE)?;
    Ok(undone)
}

fn put(detail: &mut serde_json::Value, key: &str, value: serde_json::Value) {
    if let Some(object) = detail.as_object_mut() {
        object.insert(key.to_owned(), value);
    }
}
