//! What was measured, as tables of text that the report is made from.
//!
//! Each benchmark replaces its own table, so that a part of them can be run again.

use std::fs;
use std::path::{Path, PathBuf};

/// The column that holds the name of a row.
pub const NAME: &str = "name";

/// One table: the first row is its head.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// Names of the columns.
    pub head: Vec<String>,
    /// As many cells in each as there are columns.
    pub rows: Vec<Vec<String>>,
}

impl Table {
    /// An empty table.
    #[must_use]
    pub fn new(head: &[&str]) -> Self {
        Self { head: head.iter().map(|name| (*name).to_owned()).collect(), rows: Vec::new() }
    }

    /// Adds a row.
    ///
    /// # Panics
    /// It has another number of cells than the head.
    pub fn push(&mut self, row: Vec<String>) {
        assert_eq!(row.len(), self.head.len(), "{row:?}");
        self.rows.push(row);
    }

    /// The cell of a column, in the row whose first cell is `name`.
    #[must_use]
    pub fn cell(&self, name: &str, column: &str) -> Option<&str> {
        let column = self.head.iter().position(|head| head == column)?;
        let row = self.rows.iter().find(|row| row[0] == name)?;
        Some(&row[column])
    }

    /// As Markdown.
    #[must_use]
    pub fn markdown(&self) -> String {
        let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
        let rule = vec!["---".to_owned(); self.head.len()];
        let rows: String = self.rows.iter().map(|row| line(row)).collect();
        format!("{}{}{rows}", line(&self.head), line(&rule))
    }

    /// Writes it for the report, in place of an earlier one.
    ///
    /// # Panics
    /// It cannot be written.
    pub fn save(&self, name: &str) {
        let lines = std::iter::once(&self.head).chain(&self.rows);
        let text: String = lines.map(|cells| format!("{}\n", cells.join("\t"))).collect();
        fs::create_dir_all(directory()).expect("a directory for results");
        fs::write(path(name), text).expect("a file of results");
    }

    /// What was saved; `None` if nothing was.
    #[must_use]
    pub fn load(name: &str) -> Option<Self> {
        let text = fs::read_to_string(path(name)).ok()?;
        let mut lines =
            text.lines().map(|line| line.split('\t').map(str::to_owned).collect::<Vec<_>>());
        Some(Self { head: lines.next()?, rows: lines.collect() })
    }
}

/// Where results of this checkout are kept until they are reported.
#[must_use]
pub fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/palisade-benches")
}

fn path(name: &str) -> PathBuf {
    directory().join(format!("{name}.tsv"))
}
