//! Which way lists go, and searching in text.

/// Which way a list goes.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Sorting {
    /// From the greatest to the least.
    #[default]
    Descending,
    /// From the least to the greatest.
    Ascending,
}

impl Sorting {
    /// ` AND (a, b) < (?, ?)`: what comes after a row.
    pub(crate) fn beyond(self, columns: &[&str]) -> String {
        let than = match self {
            Self::Descending => "<",
            Self::Ascending => ">",
        };
        let places = vec!["?"; columns.len()].join(", ");
        format!(" AND ({}) {than} ({places})", columns.join(", "))
    }

    /// ` ORDER BY a DESC, b DESC LIMIT ?`.
    pub(crate) fn order(self, columns: &[&str]) -> String {
        let way = match self {
            Self::Descending => "DESC",
            Self::Ascending => "ASC",
        };
        let columns: Vec<String> = columns.iter().map(|column| format!("{column} {way}")).collect();
        format!(" ORDER BY {} LIMIT ?", columns.join(", "))
    }
}

/// The pattern of LIKE, with `\\` as its escape, that finds `text` anywhere.
pub(crate) fn containing(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len() + 2);
    pattern.push('%');
    for letter in text.chars() {
        if matches!(letter, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(letter);
    }
    pattern.push('%');
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_like_understands_is_taken_literally() {
        assert_eq!(containing("10%_a\\"), "%10\\%\\_a\\\\%");
        assert_eq!(Sorting::Ascending.beyond(&["last", "id"]), " AND (last, id) > (?, ?)");
        assert_eq!(Sorting::Descending.order(&["last", "id"]), " ORDER BY last DESC, id DESC LIMIT ?");
    }
}
