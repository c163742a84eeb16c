//! Dates out of capture time, for the protocols that write them as text.
//!
//! # Source
//! H. Hinnant, "chrono-compatible low-level date algorithms", `civil_from_days` (the facts, not the code).

use model::CaptureTime;

/// A moment in UTC, as people write it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Civil {
    pub(crate) year: u16,
    pub(crate) month: u8,
    pub(crate) day: u8,
    pub(crate) hour: u8,
    pub(crate) minute: u8,
    pub(crate) second: u8,
}

/// `time` in UTC.
pub(crate) fn civil(time: CaptureTime) -> Civil {
    let seconds = time.nanos().div_euclid(1_000_000_000);
    let (days, of_day) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    // Days since 1 March of year 0; a year that begins in March has its leap day last.
    let shifted = days + 719_468;
    let (era, of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    Civil {
        year: year as u16,
        month: month as u8,
        day: day as u8,
        hour: (of_day / 3600) as u8,
        minute: (of_day / 60 % 60) as u8,
        second: (of_day % 60) as u8,
    }
}

/// `20260112080000`, as HL7 and DICOM write it.
pub(crate) fn digits(time: CaptureTime) -> String {
    let Civil { year, month, day, hour, minute, second } = civil(time);
    format!("{year:04}{month:02}{day:02}{hour:02}{minute:02}{second:02}")
}

/// `2026-01-12T08:00:00.000000000Z`.
pub(crate) fn rfc3339(time: CaptureTime) -> String {
    let Civil { year, month, day, hour, minute, second } = civil(time);
    let nanos = time.nanos().rem_euclid(1_000_000_000);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{nanos:09}Z")
}

/// `Mon, 12 Jan 2026 08:00:00 GMT`, as HTTP writes it.
pub(crate) fn http_date(time: CaptureTime) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let Civil { year, month, day, hour, minute, second } = civil(time);
    let weekday = time.nanos().div_euclid(86_400_000_000_000).rem_euclid(7) as usize;
    let weekday = DAYS.get(weekday).copied().unwrap_or_default();
    let month = MONTHS.get(usize::from(month).saturating_sub(1)).copied().unwrap_or_default();
    format!("{weekday}, {day:02} {month} {year:04} {hour:02}:{minute:02}:{second:02} GMT")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        let at = |seconds: i64| CaptureTime::from_nanos(seconds * 1_000_000_000);
        assert_eq!(rfc3339(at(1_768_204_800)), "2026-01-12T08:00:00.000000000Z");
        assert_eq!(digits(at(1_709_164_799)), "20240228235959");
        assert_eq!(digits(at(1_709_164_800)), "20240229000000");
        assert_eq!(http_date(at(784_111_777)), "Sun, 06 Nov 1994 08:49:37 GMT");
    }
}
