//! Rows and tables of counts, for people.

use std::fmt::{Display, Write as _};

use super::Counts;
use crate::cli::log::printable::printable;

/// Rows and tables.
#[derive(Debug, Default)]
pub(in crate::cli) struct Text(pub(in crate::cli) String);

impl Text {
    /// A label and what there is to say.
    pub(in crate::cli) fn row(&mut self, label: &str, text: impl Display) {
        // Writing to a string cannot fail.
        let _written = writeln!(self.0, "{label:9}  {text}");
    }

    /// A sentence under a table.
    pub(in crate::cli) fn note(&mut self, text: &str) {
        let _written = writeln!(self.0, "  {text}");
    }

    /// The most frequent keys, by name.
    pub(in crate::cli) fn table<K: Ord>(
        &mut self,
        title: &str,
        counts: &Counts<K>,
        top: usize,
        name: impl Fn(&K) -> String,
    ) {
        self.listed(title, counts, top, |text, key, count| text.counted(count, &name(key)));
    }

    /// A table, each of whose rows is written by `row`.
    pub(in crate::cli) fn listed<K: Ord>(
        &mut self,
        title: &str,
        counts: &Counts<K>,
        top: usize,
        row: impl Fn(&mut Self, &K, u64),
    ) {
        let most = counts.most_frequent(top);
        if most.rows.is_empty() && most.more == 0 {
            return;
        }
        let _written = writeln!(self.0, "\n{title}");
        for (key, count) in most.rows {
            row(self, key, count);
        }
        if most.others > 0 {
            self.counted(most.others, "(others)");
        }
        if most.more > 0 {
            let _written = writeln!(self.0, "  and {} more", most.more);
        }
    }

    /// One row of a table.
    pub(in crate::cli) fn counted(&mut self, count: u64, name: &str) {
        let _written = writeln!(self.0, "  {count:>9}  {}", printable(name));
    }
}
