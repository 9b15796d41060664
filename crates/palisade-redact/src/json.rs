//! Masks what was found in a JSON value.

use serde_json::{Map, Value};

use crate::mask;
use crate::redact::{Kind, RedactedText, Scope, named_text, text};

/// Something that was masked in a JSON value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// Where, as RFC 6901 has it. A masked key stands in it as it is now.
    pub pointer: String,
    /// What.
    pub kind: Kind,
}

// LIMIT: what is nested deeper is masked unseen.
const DEPTH_MAX: usize = 128;

/// Masks a value in place and says what was masked where: sorted, each once.
///
/// `catalogued` are pointers to fields that are masked whatever they hold; `*` stands for any
/// element or key. Strings, numbers and keys are looked at, each beside its name. A number that
/// is masked becomes a string. Two keys that become the same are numbered.
pub fn json(value: &mut Value, catalogued: &[impl AsRef<str>], scope: Scope) -> Vec<Finding> {
    let catalogued = catalogued.iter().map(|pointer| tokens(pointer.as_ref())).collect();
    let mut walk =
        Walk { scope, catalogued, pointer: String::new(), path: Vec::new(), findings: Vec::new() };
    walk.value("", value);
    let mut findings = walk.findings;
    findings.sort_unstable();
    findings.dedup();
    findings
}

/// The reference tokens of a pointer, without their escapes.
fn tokens(pointer: &str) -> Vec<String> {
    let tokens = pointer.split('/').skip(1);
    tokens.map(|token| token.replace("~1", "/").replace("~0", "~")).collect()
}

struct Walk {
    scope: Scope,
    catalogued: Vec<Vec<String>>,
    pointer: String,
    /// The keys as they were, since those are what the catalog names.
    path: Vec<String>,
    findings: Vec<Finding>,
}

impl Walk {
    fn value(&mut self, name: &str, value: &mut Value) {
        if self.is_catalogued() {
            self.mask(value, mask::CATALOGUED);
            return;
        }
        if self.path.len() > DEPTH_MAX {
            self.mask(value, mask::UNSCANNABLE);
            return;
        }
        match value {
            Value::Null | Value::Bool(_) => {}
            Value::Number(number) => {
                let digits = number.to_string();
                let digits = digits.strip_suffix(".0").unwrap_or(&digits);
                let redacted = named_text(name, digits, self.scope);
                let kind = redacted.kinds.first().copied();
                self.note(&redacted);
                if let Some(kind) = kind {
                    *value = Value::String(mask::mark(kind.as_str()));
                }
            }
            Value::String(string) => {
                let redacted = named_text(name, string, self.scope);
                self.note(&redacted);
                if !redacted.is_clean() {
                    *string = redacted.text.into_owned();
                }
            }
            Value::Array(elements) => {
                for (index, element) in elements.iter_mut().enumerate() {
                    self.enter(&index.to_string(), &index.to_string(), |walk| {
                        walk.value(name, element);
                    });
                }
            }
            Value::Object(members) => self.object(members),
        }
    }

    fn object(&mut self, members: &mut Map<String, Value>) {
        let pair = pair_name(members).map(|name| text(&name, self.scope).text.into_owned());
        let clean = |key: &String| text(key, self.scope).is_clean();
        if members.keys().all(clean) {
            for (key, value) in members {
                let name = pair.as_deref().filter(|_| is_pair_value(key)).unwrap_or(key);
                self.enter(key, key, |walk| walk.value(name, value));
            }
            return;
        }
        // Keys that stay keep their names, whatever the others become.
        let (kept, changed): (Vec<_>, Vec<_>) =
            std::mem::take(members).into_iter().partition(|(key, _)| clean(key));
        for (key, mut value) in kept {
            let name = pair.as_deref().filter(|_| is_pair_value(&key)).unwrap_or(&key);
            self.enter(&key, &key, |walk| walk.value(name, &mut value));
            members.insert(key, value);
        }
        for (key, mut value) in changed {
            let redacted = text(&key, self.scope);
            let masked = free_key(members, &redacted.text);
            self.enter(&key, &masked, |walk| {
                walk.note(&redacted);
                // The name as it will be read next time, so that once is enough.
                walk.value(&masked, &mut value);
            });
            members.insert(masked, value);
        }
    }

    fn enter(&mut self, key: &str, shown: &str, inner: impl FnOnce(&mut Self)) {
        let length = self.pointer.len();
        self.pointer.push('/');
        self.pointer.push_str(&shown.replace('~', "~0").replace('/', "~1"));
        self.path.push(key.to_owned());
        inner(self);
        self.path.pop();
        self.pointer.truncate(length);
    }

    fn is_catalogued(&self) -> bool {
        self.catalogued.iter().any(|tokens| {
            tokens.len() == self.path.len()
                && tokens.iter().zip(&self.path).all(|(token, key)| token == "*" || token == key)
        })
    }

    /// Replaces the whole value; a mark of the same kind is no news.
    fn mask(&mut self, value: &mut Value, kind: &'static str) {
        *value = Value::String(mask::mark(kind));
        self.findings.push(Finding { pointer: self.pointer.clone(), kind: Kind(kind) });
    }

    fn note(&mut self, redacted: &RedactedText<'_>) {
        let kinds = redacted.kinds.iter();
        let findings = kinds.map(|kind| Finding { pointer: self.pointer.clone(), kind: *kind });
        self.findings.extend(findings);
    }
}

/// `{"name": "DB_PASSWORD", "value": "…"}`: the name of the value.
fn pair_name(members: &Map<String, Value>) -> Option<String> {
    let value = members.keys().any(|key| is_pair_value(key));
    let name = ["name", "key", "header", "field", "Name", "Key", "label", "variable"];
    let name = name.iter().find_map(|key| members.get(*key)?.as_str());
    name.filter(|name| value && name.len() <= 80).map(str::to_owned)
}

fn is_pair_value(key: &str) -> bool {
    matches!(key, "value" | "Value" | "val" | "content" | "default")
}

/// The key, or the key with the first number that is free.
fn free_key(members: &Map<String, Value>, key: &str) -> String {
    let numbered = (2_u64..).map(|number| format!("{key} ({number})"));
    let mut keys = std::iter::once(key.to_owned()).chain(numbered);
    keys.find(|key| !members.contains_key(key)).unwrap_or_else(|| key.to_owned())
}

#[cfg(test)]
mod tests;
