//! Which tests had to do without what they need: they pass, having said `skipped: why`, which runners keep to themselves.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};

/// What a test begins the line with.
const MARK: &str = "skipped: ";

/// How many tests said why.
#[derive(Debug, Default, Eq, PartialEq)]
pub struct Skips(BTreeMap<String, usize>);

impl Skips {
    /// Of a JUnit report with the output of tests that passed, as `cargo nextest` writes it. Each test counts once.
    pub fn of_junit(report: &str) -> Self {
        let mut skips = Self::default();
        for case in report.split("<testcase ").skip(1) {
            let why = case.lines().find_map(said);
            skips.add(why);
        }
        skips
    }

    /// Of what `cargo test -- --show-output` prints, which is passed on to `reader`. A test that says it twice counts twice.
    pub fn of_output(output: impl Read, mut reader: impl Write) -> Self {
        let mut skips = Self::default();
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            // What nobody reads any more is counted all the same.
            drop(writeln!(reader, "{line}"));
            skips.add(said(&line));
        }
        skips
    }

    fn add(&mut self, why: Option<String>) {
        if let Some(why) = why {
            *self.0.entry(why).or_default() += 1;
        }
    }

    /// Tests that were skipped.
    pub fn tests(&self) -> usize {
        self.0.values().sum()
    }

    /// The list for whoever ran the gate, most first; nothing where none was skipped.
    pub fn told(&self) -> String {
        let mut all: Vec<_> = self.0.iter().collect();
        all.sort_by_key(|(_, tests)| std::cmp::Reverse(**tests));
        all.into_iter().map(|(why, tests)| format!("{tests:>5} skipped: {why}\n")).collect()
    }
}

/// Why the test that printed this line was skipped, if it says so.
fn said(line: &str) -> Option<String> {
    let text = ["<system-out>", "<system-err>"].iter().find_map(|tag| Some(line.split_once(tag)?.1));
    let why = text.unwrap_or(line).strip_prefix(MARK)?;
    let why = why.split("</system-").next().unwrap_or(why);
    let plain = [("&apos;", "'"), ("&quot;", "\""), ("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&")];
    Some(plain.iter().fold(why.trim().to_owned(), |why, (written, letter)| why.replace(written, letter)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_that_say_why_are_counted_once_each_and_the_most_frequent_reason_comes_first() {
        let report = r#"<testsuite name="s">
            <testcase name="a" time="1.2">
                <system-out>
running 1 test
skipped: nft is missing
skipped: nft is missing
test a ... ok
</system-out>
                <system-err></system-err>
            </testcase>
            <testcase name="b"><system-out>skipped: LAZARET_CORPUS isn&apos;t set</system-out></testcase>
            <testcase name="c">
                <system-err>skipped: nft is missing
</system-err>
            </testcase>
            <testcase name="d">
                <system-out>3 frames were skipped: no matter</system-out>
            </testcase>"#;
        let skips = Skips::of_junit(report);
        assert_eq!(skips.tests(), 3);
        assert_eq!(skips.told(), "    2 skipped: nft is missing\n    1 skipped: LAZARET_CORPUS isn't set\n");
        let output = "running\nskipped: nft is missing\ntest a ... ok\n";
        let mut passed_on = Vec::new();
        assert_eq!(Skips::of_output(output.as_bytes(), &mut passed_on).tests(), 1);
        assert_eq!(passed_on, output.as_bytes());
        assert_eq!(Skips::default().told(), "");
    }
}
