//! Reads the configuration file: two levels of YAML, each key and value with its place.
//!
//! Values stay texts as written: `010` is not 8 and `yes` is not `true` here; what a text means
//! is its setting's business.

use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, MapAccess, Visitor};
use serde_saphyr::{Location, Spanned};

use super::error::ConfigProblem;
use super::raw::Origin;

/// Bytes of a configuration file.
// LIMIT: a few dozen lines are usual; whatever is larger is not a configuration file.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// The version of the file format that is read here.
const FORMAT_VERSION: &str = "1";

/// One `section: name: value` of the file.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) key_origin: Origin,
    pub(super) text: String,
    pub(super) origin: Origin,
}

/// Reads the file; what is wrong with its form comes back beside what could be read.
pub(super) fn read(path: &Path) -> (Vec<Entry>, Vec<ConfigProblem>) {
    let whole_file = Origin::File { path: path.to_owned(), line: 0, column: 0 };
    let fail = |origin, message| (Vec::new(), vec![ConfigProblem { origin, message, help: None }]);
    let text = match read_text(path) {
        Ok(text) => text,
        Err(error) => return fail(whole_file, format!("the file cannot be read: {error}")),
    };
    match serde_saphyr::from_str::<Document>(&text) {
        Ok(document) => document.into_entries(path),
        Err(error) => {
            let location = error.location();
            let place = location.map_or(whole_file, |location| origin(path, location));
            fail(place, message_without_place(&error, location))
        }
    }
}

fn read_text(path: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    let read = File::open(path)?.take(FILE_BYTES_MAX + 1).read_to_string(&mut text)?;
    if u64::try_from(read).unwrap_or(u64::MAX) > FILE_BYTES_MAX {
        return Err(std::io::Error::other(format!("it has more than {FILE_BYTES_MAX} bytes")));
    }
    Ok(text)
}

fn origin(path: &Path, location: Location) -> Origin {
    Origin::File { path: path.to_owned(), line: location.line(), column: location.column() }
}

/// The parser's message; the place stands in front of ours, once.
fn message_without_place(error: &serde_saphyr::Error, location: Option<Location>) -> String {
    let message = error.without_snippet().to_string();
    let place = location
        .map(|location| format!(" at line {}, column {}", location.line(), location.column()));
    match place.and_then(|place| message.strip_suffix(&place).map(str::to_owned)) {
        Some(stripped) => stripped,
        None => message,
    }
}

type Text = Spanned<String>;

struct Document {
    version: Option<Text>,
    sections: Vec<(Text, Vec<(Text, Text)>)>,
}

impl Document {
    fn into_entries(self, path: &Path) -> (Vec<Entry>, Vec<ConfigProblem>) {
        let mut problems = Vec::new();
        if let Some(version) = self.version
            && version.value != FORMAT_VERSION
        {
            problems.push(ConfigProblem {
                origin: origin(path, version.referenced),
                message: format!("`{}` is no known version of this file", version.value),
                help: Some(format!("this program reads version {FORMAT_VERSION}")),
            });
        }
        let mut entries = Vec::new();
        for (section, values) in self.sections {
            for (name, text) in values {
                entries.push(Entry {
                    key: format!("{}.{}", section.value, name.value),
                    key_origin: origin(path, name.referenced),
                    origin: origin(path, text.referenced),
                    text: text.value,
                });
            }
        }
        (entries, problems)
    }
}

impl<'de> Deserialize<'de> for Document {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(DocumentVisitor)
    }
}

struct DocumentVisitor;

impl<'de> Visitor<'de> for DocumentVisitor {
    type Value = Document;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sections of settings")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Document, A::Error> {
        let mut document = Document { version: None, sections: Vec::new() };
        while let Some(key) = map.next_key::<Text>()? {
            if key.value == "version" {
                document.version = Some(map.next_value()?);
            } else {
                document.sections.push((key, map.next_value_seed(SectionSeed)?));
            }
        }
        Ok(document)
    }
}

struct SectionSeed;

impl<'de> DeserializeSeed<'de> for SectionSeed {
    type Value = Vec<(Text, Text)>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for SectionSeed {
    type Value = Vec<(Text, Text)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("settings with their values")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut values = Vec::new();
        while let Some(entry) = map.next_entry()? {
            values.push(entry);
        }
        Ok(values)
    }
}
