//! Capture time and amounts as people and machines read them.

use model::CaptureTime;
use std::time::Duration;

/// RFC 3339 in UTC with nine digits of a second. Every time that fits a [`CaptureTime`] (the years 1677 to
/// 2262) has such a form.
#[must_use]
pub fn rfc3339(time: CaptureTime) -> String {
    format!("{:.9}", timestamp(time))
}

/// To the second, for people: `2026-03-02 07:14:09`.
#[must_use]
pub fn to_second(time: CaptureTime) -> String {
    jiff::fmt::strtime::format("%Y-%m-%d %H:%M:%S", timestamp(time)).unwrap_or_else(|_| rfc3339(time))
}

/// Time of day to the second, for people: `07:14:09`.
pub(crate) fn time_of_day(time: CaptureTime) -> String {
    jiff::fmt::strtime::format("%H:%M:%S", timestamp(time)).unwrap_or_else(|_| rfc3339(time))
}

/// Day, for people: `2026-03-02`.
pub(crate) fn day(time: CaptureTime) -> String {
    jiff::fmt::strtime::format("%Y-%m-%d", timestamp(time)).unwrap_or_else(|_| rfc3339(time))
}

fn timestamp(time: CaptureTime) -> jiff::Timestamp {
    // 64-bit nanoseconds never leave jiff's range of years -9999 to 9999.
    jiff::Timestamp::from_nanosecond(i128::from(time.nanos())).unwrap_or(jiff::Timestamp::UNIX_EPOCH)
}

/// A time span with its two largest units: `59 s`, `4 min 30 s`, `2 h 5 min`, `3 d 4 h`.
pub(crate) fn span(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let two = |big: u64, big_unit: &str, small: u64, small_unit: &str| match small {
        0 => format!("{big} {big_unit}"),
        small => format!("{big} {big_unit} {small} {small_unit}"),
    };
    match seconds {
        0 => format!("{} ms", duration.as_millis()),
        1..60 => format!("{seconds} s"),
        60..3600 => two(seconds / 60, "min", seconds % 60, "s"),
        3600..86_400 => two(seconds / 3600, "h", seconds / 60 % 60, "min"),
        _ => two(seconds / 86_400, "d", seconds / 3600 % 24, "h"),
    }
}

/// Bytes with a decimal unit: `999 B`, `84.3 kB`, `1.2 GB`.
#[must_use]
pub fn bytes(count: u64) -> String {
    const UNITS: [&str; 4] = ["kB", "MB", "GB", "TB"];
    if count < 1000 {
        return format!("{count} B");
    }
    let mut value = count as f64 / 1000.0;
    let mut unit = UNITS[0];
    for larger in UNITS.iter().skip(1) {
        // 999.95 would round to `1000.0`.
        if value < 999.95 {
            break;
        }
        value /= 1000.0;
        unit = larger;
    }
    format!("{value:.1} {unit}")
}

/// `1 device`, `2 devices`, `12,345 frames`.
pub(crate) fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{} {}", grouped(count), if count == 1 { one } else { many })
}

/// Digits in groups of three: `12,345`.
pub(crate) fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at != 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_nine_digits_whatever_they_are() {
        assert_eq!(rfc3339(CaptureTime::from_nanos(0)), "1970-01-01T00:00:00.000000000Z");
        assert_eq!(
            rfc3339(CaptureTime::from_nanos(1_700_000_000_123_000_000)),
            "2023-11-14T22:13:20.123000000Z"
        );
        assert_eq!(rfc3339(CaptureTime::from_nanos(-1)), "1969-12-31T23:59:59.999999999Z");
        assert_eq!(rfc3339(CaptureTime::from_nanos(i64::MAX)), "2262-04-11T23:47:16.854775807Z");
        assert_eq!(rfc3339(CaptureTime::from_nanos(i64::MIN)), "1677-09-21T00:12:43.145224192Z");
        assert_eq!(to_second(CaptureTime::from_nanos(1_700_000_000_123_000_000)), "2023-11-14 22:13:20");
    }

    #[test]
    fn amounts_read_like_prose() {
        assert_eq!(span(Duration::from_secs(270)), "4 min 30 s");
        assert_eq!(span(Duration::from_secs(7200)), "2 h");
        assert_eq!(span(Duration::from_millis(12)), "12 ms");
        assert_eq!(bytes(999), "999 B");
        assert_eq!(bytes(84_274), "84.3 kB");
        assert_eq!(bytes(999_999), "1.0 MB");
        assert_eq!(counted(1, "device", "devices"), "1 device");
        assert_eq!(counted(12_345, "frame", "frames"), "12,345 frames");
        assert_eq!(grouped(1_000_000), "1,000,000");
    }
}
