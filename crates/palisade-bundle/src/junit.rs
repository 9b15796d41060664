//! A test report as `JUnit` XML, which continuous integration systems show.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::test_report::{CaseReport, TestReport};

impl TestReport {
    /// The report as `JUnit` XML: a suite for each file of tests, a case for each test. No times:
    /// the same bundle gives the same text.
    #[must_use]
    pub fn to_junit_xml(&self, bundle: &str) -> String {
        let mut files: BTreeMap<&str, Vec<&CaseReport>> = BTreeMap::new();
        for case in &self.cases {
            files.entry(&case.file).or_default().push(case);
        }
        let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
        let counts = counts(self.cases.len(), self.failed().count());
        let name = attribute(bundle);
        push(&mut xml, format_args!("<testsuites name=\"{name}\" {counts}>\n"));
        for (file, cases) in files {
            suite(&mut xml, file, &cases);
        }
        xml.push_str("</testsuites>\n");
        xml
    }
}

fn suite(xml: &mut String, file: &str, cases: &[&CaseReport]) {
    let failed = cases.iter().filter(|case| !case.passed()).count();
    let counts = counts(cases.len(), failed);
    let file = attribute(file);
    push(xml, format_args!("  <testsuite name=\"{file}\" {counts}>\n"));
    for case in cases {
        let name = attribute(&case.name);
        let line = case.line.map(|line| format!(" line=\"{line}\"")).unwrap_or_default();
        push(
            xml,
            format_args!(
                "    <testcase classname=\"{file}\" name=\"{name}\" file=\"{file}\"{line}"
            ),
        );
        if case.passed() {
            xml.push_str("/>\n");
            continue;
        }
        let message = attribute(case.mismatches.first().map_or("", String::as_str));
        let all = text(&case.mismatches.join("\n"));
        push(
            xml,
            format_args!(
                ">\n      <failure message=\"{message}\">{all}</failure>\n    </testcase>\n"
            ),
        );
    }
    xml.push_str("  </testsuite>\n");
}

fn counts(tests: usize, failures: usize) -> String {
    format!("tests=\"{tests}\" failures=\"{failures}\" errors=\"0\" skipped=\"0\" time=\"0\"")
}

fn push(xml: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _written: std::fmt::Result = xml.write_fmt(text);
}

/// Text between tags.
fn text(plain: &str) -> String {
    escaped(plain, false)
}

/// The value of an attribute: a parser would turn a bare line break or tab into a space.
fn attribute(plain: &str) -> String {
    escaped(plain, true)
}

fn escaped(plain: &str, in_attribute: bool) -> String {
    let mut xml = String::with_capacity(plain.len());
    for character in plain.chars() {
        match character {
            '&' => xml.push_str("&amp;"),
            '<' => xml.push_str("&lt;"),
            '>' => xml.push_str("&gt;"),
            '"' => xml.push_str("&quot;"),
            '\'' => xml.push_str("&apos;"),
            '\t' | '\n' if in_attribute => {
                push(&mut xml, format_args!("&#{};", u32::from(character)));
            }
            // Bare, it would become a line feed.
            '\r' => xml.push_str("&#13;"),
            _ if is_xml(character) => xml.push(character),
            // XML 1.0 cannot say these at all (section 2.2), not even as a reference.
            _ => push(&mut xml, format_args!("\\u{{{:x}}}", u32::from(character))),
        }
    }
    xml
}

/// Whether XML 1.0 knows the character.
const fn is_xml(character: char) -> bool {
    matches!(
        character,
        '\t' | '\n' | '\r' | '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..
    )
}

#[cfg(test)]
mod tests;
