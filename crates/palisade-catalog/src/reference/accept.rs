//! Checks raw reference values: names and values mean something, and none is met by everything.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use palisade_core::{Problem, Problems};
use serde_saphyr::Spanned;

use super::raw::{Accepted, RawCode, RawReference, RawReferences};
use super::{
    CodeReference, REFERENCE_MEASUREMENTS_MAX, REFERENCE_VALUE_BYTES_MAX, REFERENCE_VALUES_MAX,
    REFERENCES_MAX, ReferenceValue,
};
use crate::raw::Entries;
use crate::yaml::span;

/// The only format of such a file there is.
const FORMAT: u64 = 1;

/// Bytes of a name.
const NAME_BYTES_MAX: usize = 64;

/// Names of measurements that come with code identity, and are asked for under `code`.
const CODE_MEASUREMENTS: [&str; 3] = ["builder", "source", "workflow"];

/// Checks one file and adds its reference values to those of the files before it.
pub(super) fn accept(
    file: &Arc<str>,
    text: &str,
    raw: RawReferences,
    accepted: &mut BTreeMap<String, ReferenceValue>,
    problems: &mut Problems,
) {
    let RawReferences { format, references } = raw;
    let mut checker = Checker { file, text, problems: Vec::new() };
    if format.value != FORMAT {
        let message = format!("unknown format of reference values {}", format.value);
        let help = format!("this version reads `format: {FORMAT}`");
        checker.error("reference.format", message, &format, help);
    }
    for (name, raw) in references.0 {
        checker.check_name("a reference value", &name);
        if accepted.contains_key(&name.value) {
            let message = format!("the reference value `{}` is declared twice", name.value);
            checker.error("reference.duplicate", message, &name, "rename or remove one of the two");
        }
        if accepted.len() >= REFERENCES_MAX {
            let message = "the bundle has too many reference values";
            let help = format!("the limit is {REFERENCES_MAX}; remove those out of use");
            checker.error("reference.too_many", message, &name, help);
            break;
        }
        let value = checker.accept_reference(&name, raw);
        accepted.insert(name.value, value);
    }
    checker.problems.sort_by_key(|problem| problem.span.as_ref().map(|span| span.start));
    problems.0.append(&mut checker.problems);
}

struct Checker<'a> {
    file: &'a Arc<str>,
    text: &'a str,
    problems: Vec<Problem>,
}

impl Checker<'_> {
    fn error<T>(
        &mut self,
        code: &'static str,
        message: impl Into<String>,
        place: &Spanned<T>,
        help: impl Into<String>,
    ) {
        let mut problem = Problem::error(code, message).with_help(help).in_file(self.file);
        problem.span = span(place.referenced, self.text);
        self.problems.push(problem);
    }

    fn check_name(&mut self, what: &str, name: &Spanned<String>) {
        let acceptable = (1..=NAME_BYTES_MAX).contains(&name.value.len())
            && name.value.bytes().all(|byte| {
                byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_.".contains(&byte)
            });
        if !acceptable {
            let message = format!("`{}` cannot name {what}", name.value.escape_debug());
            let help =
                format!("{what} is named with 1 to {NAME_BYTES_MAX} of a-z, 0-9, `-`, `_`, `.`");
            self.error("reference.name", message, name, help);
        }
    }

    fn accept_reference(&mut self, name: &Spanned<String>, raw: RawReference) -> ReferenceValue {
        let RawReference { verifier, description, measurements, code, debug } = raw;
        self.check_name("a verifier", &verifier);
        // FAIL-CLOSED: without a measurement everything that the verifier signs would match.
        if measurements.0.is_empty() {
            let message = format!("the reference value `{}` asks for no measurement", name.value);
            let help = "name at least one under `measurements:`, e.g. `image: sha256:…`";
            self.error("reference.empty", message, name, help);
        }
        let measurements = self.accept_measurements(name, measurements);
        let code = code.map(|code| self.accept_code(&code));
        ReferenceValue { verifier: verifier.value, description, measurements, code, debug }
    }

    fn accept_measurements(
        &mut self,
        reference: &Spanned<String>,
        raw: Entries<Spanned<Accepted>>,
    ) -> BTreeMap<String, BTreeSet<String>> {
        if raw.0.len() > REFERENCE_MEASUREMENTS_MAX {
            let message = format!("`{}` asks for {} measurements", reference.value, raw.0.len());
            let help = format!("the limit is {REFERENCE_MEASUREMENTS_MAX}");
            self.error("reference.too_many", message, reference, help);
            return BTreeMap::new();
        }
        let mut measurements = BTreeMap::new();
        for (name, accepted) in raw.0 {
            self.check_name("a measurement", &name);
            if CODE_MEASUREMENTS.contains(&name.value.as_str()) {
                let message = format!("`{}` is no measurement of an environment", name.value);
                self.error("reference.name", message, &name, "ask for it under `code:`");
            }
            let accepted = self.accept_values(&accepted);
            measurements.insert(name.value, accepted);
        }
        measurements
    }

    fn accept_code(&mut self, raw: &Spanned<RawCode>) -> CodeReference {
        let RawCode { builder, source, workflow } = &raw.value;
        let mut read = |accepted: &Option<Spanned<Accepted>>| {
            accepted.as_ref().map(|accepted| self.accept_values(accepted)).unwrap_or_default()
        };
        let code = CodeReference {
            builder: read(builder),
            source: read(source),
            workflow: read(workflow),
        };
        if builder.is_none() && source.is_none() && workflow.is_none() {
            let help = "name a `builder`, a `source` or a `workflow`, or remove `code`";
            self.error("reference.empty", "`code` asks for nothing", raw, help);
        }
        code
    }

    fn accept_values(&mut self, accepted: &Spanned<Accepted>) -> BTreeSet<String> {
        let values = &accepted.value.0;
        if values.is_empty() || values.len() > REFERENCE_VALUES_MAX {
            let message = format!("{} values are accepted here", values.len());
            let help = format!("name 1 to {REFERENCE_VALUES_MAX}");
            self.error("reference.value", message, accepted, help);
        }
        for value in values {
            let acceptable = (1..=REFERENCE_VALUE_BYTES_MAX).contains(&value.len())
                && !value.chars().any(char::is_control);
            if !acceptable {
                let shown: String = value.chars().take(40).flat_map(char::escape_debug).collect();
                let message = format!("`{shown}` is no value of a measurement");
                let help = format!(
                    "a value has 1 to {REFERENCE_VALUE_BYTES_MAX} bytes and no control character"
                );
                self.error("reference.value", message, accepted, help);
            }
        }
        values.iter().take(REFERENCE_VALUES_MAX).cloned().collect()
    }
}
