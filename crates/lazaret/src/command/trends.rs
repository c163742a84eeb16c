//! `lazaret assets trends`: a device's vital signs over time, as a watch kept them.

use super::assets::asset_id;
use crate::exit::Failure;
use crate::stored::{Direction, Format, Where, at, moment, print, print_json, rfc3339};
use model::AssetId;
use serde::Serialize;
use std::fmt::Write as _;
use store::{Reading as _, StoredTrend, TrendQuery};

/// Rows unless somebody asks for more or less: some hours of one bed.
const PAGE: u32 = 500;

/// Which trends.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// The device's id
    #[arg(value_name = "ID", value_parser = asset_id)]
    id: AssetId,
    /// Only this bed
    #[arg(long, value_name = "NUMBER")]
    bed: Option<u16>,
    /// From this moment of capture time: a day, a moment, or a span ago, like 12h
    #[arg(long, value_name = "TIME", value_parser = |text: &str| moment(text, Direction::Back))]
    since: Option<i64>,
    /// Before this moment
    #[arg(long, value_name = "TIME", value_parser = |text: &str| moment(text, Direction::Back))]
    until: Option<i64>,
    /// At most so many rows, the latest
    #[arg(long, value_name = "N", default_value_t = PAGE, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
}

impl Options {
    pub(super) fn run(&self, place: &Where, format: Format) -> Result<(), Failure> {
        let store = place.reader()?;
        // Says where there is no such device.
        store.asset(self.id, 0)?;
        let rows = store.trends(&TrendQuery {
            asset: self.id,
            bed: self.bed,
            from: self.since.unwrap_or(i64::MIN),
            until: self.until.unwrap_or(i64::MAX),
            limit: self.limit,
        })?;
        match format {
            Format::Json => print_json(&Document {
                schema: "lazaret.trends/1",
                asset: self.id.to_string(),
                trends: rows.iter().map(Row::of).collect(),
            }),
            Format::Text => print(&listed(&rows)),
        }
    }
}

fn listed(rows: &[StoredTrend]) -> String {
    if rows.is_empty() {
        return "No trends of it. `lazaret watch --store` keeps them, five minutes a row.\n".to_owned();
    }
    let mut out = String::new();
    for row in rows {
        let StoredTrend { vital, unit, least, most, latest, samples, .. } = row;
        let bed = row.bed.map_or_else(|| "-".to_owned(), |bed| bed.to_string());
        let (first, last) = (at(row.first), at(row.last));
        let _ = writeln!(
            out,
            "{first} to {last}  bed {bed}  {vital}  {least} to {most}, last {latest} {unit} ({samples} samples)"
        );
    }
    out
}

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    asset: String,
    trends: Vec<Row<'a>>,
}

#[derive(Serialize)]
struct Row<'a> {
    bed: Option<u16>,
    patient: Option<&'a str>,
    vital: &'a str,
    unit: &'a str,
    first: String,
    last: String,
    min: f64,
    max: f64,
    latest: f64,
    samples: i64,
}

impl<'a> Row<'a> {
    fn of(row: &'a StoredTrend) -> Self {
        Self {
            bed: row.bed,
            patient: row.patient.as_deref(),
            vital: &row.vital,
            unit: &row.unit,
            first: rfc3339(row.first),
            last: rfc3339(row.last),
            min: row.least,
            max: row.most,
            latest: row.latest,
            samples: row.samples,
        }
    }
}
