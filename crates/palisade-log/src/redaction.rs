//! Masks what callers wrote before it is encoded, and keeps a list of what was masked.

use palisade_core::{Arguments, ArgumentsRecord};
use palisade_proto::v1;
use palisade_redact::Scope;

/// What was masked in one record.
#[derive(Debug, Default)]
pub(crate) struct Redactions(Vec<v1::Redaction>);

impl Redactions {
    /// A text without what may not be kept.
    pub(crate) fn text(&mut self, pointer: &str, text: &str, scope: Scope) -> String {
        self.text_at(|| pointer.to_owned(), text, scope)
    }

    /// The same for a text that may not be there.
    pub(crate) fn optional(&mut self, pointer: &str, text: Option<&str>, scope: Scope) -> String {
        text.map_or_else(String::new, |text| self.text(pointer, text, scope))
    }

    /// The same for a place that has to be made up.
    pub(crate) fn text_at(
        &mut self,
        pointer: impl FnOnce() -> String,
        text: &str,
        scope: Scope,
    ) -> String {
        let redacted = palisade_redact::text(text, scope);
        if !redacted.kinds.is_empty() {
            let pointer = pointer();
            self.0.extend(
                redacted
                    .kinds
                    .iter()
                    .map(|kind| v1::Redaction { pointer: pointer.clone(), kind: kind.to_string() }),
            );
        }
        redacted.text.into_owned()
    }

    /// Arguments as JSON. What is no JSON object, or one that two parsers could read differently,
    /// is left out as a whole.
    pub(crate) fn arguments(&mut self, arguments: &ArgumentsRecord) -> String {
        let ArgumentsRecord { json, redact } = arguments;
        let Ok(accepted) = Arguments::parse(json) else {
            let kind = "unreadable".to_owned();
            self.0.push(v1::Redaction { pointer: "/arguments".to_owned(), kind });
            return String::new();
        };
        let mut value = accepted.as_value().clone();
        let found = palisade_redact::json(&mut value, redact, Scope::SecretsAndPersonal);
        self.0.extend(found.into_iter().map(|finding| v1::Redaction {
            pointer: format!("/arguments{}", finding.pointer),
            kind: finding.kind.to_string(),
        }));
        value.to_string()
    }

    /// All of them, sorted by place and kind.
    pub(crate) fn into_sorted(mut self) -> Vec<v1::Redaction> {
        self.0.sort_unstable_by(|a, b| (&a.pointer, &a.kind).cmp(&(&b.pointer, &b.kind)));
        self.0
    }
}
