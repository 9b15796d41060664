//! Masks what was found in a JSON value.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::mask;
use crate::redact::{Kind, RedactedText, Scope, named_text_within};
use crate::work::{self, Work};

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
///
/// The work is linear in the size of the value, as for [`text`](crate::text()). When it is used up,
/// all that has not been looked at yet is masked as `unscannable`; the findings name the first
/// place where that happened.
///
/// At most a thousand findings are listed; then one at the root, of kind `more_than_listed`, says
/// that there are more. Pointers over 512 bytes end in `…`.
pub fn json(value: &mut Value, catalogued: &[impl AsRef<str>], scope: Scope) -> Vec<Finding> {
    let catalogued = catalogued.iter().map(|pointer| tokens(pointer.as_ref())).collect();
    let mut walk = Walk {
        scope,
        catalogued,
        work: Work::with_steps(steps(value, 0)),
        cut: false,
        unlisted: false,
        pointer: String::new(),
        path: Vec::new(),
        findings: Vec::new(),
    };
    walk.value("", value);
    let mut findings = walk.findings;
    if walk.unlisted {
        findings.push(Finding { pointer: String::new(), kind: Kind(MORE) });
    }
    findings.sort_unstable();
    findings.dedup();
    findings
}

// LIMIT: keys of half a megabyte over thousands of masked values would make gigabytes.
const FINDINGS_MAX: usize = 1000;
const POINTER_BYTES_MAX: usize = 512;

/// The kind that stands for what is masked and not listed.
const MORE: &str = "more_than_listed";

/// The reference tokens of a pointer, without their escapes.
fn tokens(pointer: &str) -> Vec<String> {
    let tokens = pointer.split('/').skip(1);
    tokens.map(|token| token.replace("~1", "/").replace("~0", "~")).collect()
}

/// The budget of a value: that of its strings as one, and something for every node.
fn steps(value: &Value, depth: usize) -> usize {
    work::budget(bytes(value, depth)).saturating_add(VALUE_STEPS)
}

/// The bytes of all strings and keys, and of every node as much as a short string.
fn bytes(value: &Value, depth: usize) -> usize {
    if depth > DEPTH_MAX {
        return 0;
    }
    let inner: usize = match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
        Value::String(string) => string.len(),
        Value::Array(elements) => elements.iter().map(|element| bytes(element, depth + 1)).sum(),
        Value::Object(members) => members
            .iter()
            .map(|(key, member)| key.len() + NODE_BYTES + bytes(member, depth + 1))
            .sum(),
    };
    inner + NODE_BYTES
}

// LIMIT: a small value may cost so much more than its bytes say.
const VALUE_STEPS: usize = 200_000;
const NODE_BYTES: usize = 8;

struct Walk {
    scope: Scope,
    catalogued: Vec<Vec<String>>,
    work: Work,
    /// The work is used up, and a finding says so.
    cut: bool,
    /// There is more than is listed.
    unlisted: bool,
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
        if !self.work.pay(self.pointer.len() / 8 + 1) {
            self.cut(value);
            return;
        }
        match value {
            Value::Null | Value::Bool(_) => {}
            Value::Number(number) => {
                let digits = number.to_string();
                let digits = digits.strip_suffix(".0").unwrap_or(&digits);
                let redacted = named_text_within(name, digits, self.scope, &self.work);
                let kind = redacted.kinds.first().copied();
                self.note(&redacted);
                if let Some(kind) = kind {
                    *value = Value::String(mask::mark(kind.as_str()));
                }
            }
            Value::String(string) => {
                let redacted = named_text_within(name, string, self.scope, &self.work);
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
            Value::Object(members) => {
                if !self.object(members) {
                    self.cut(value);
                }
            }
        }
    }

    /// `false` if the work was used up by its keys.
    fn object(&mut self, members: &mut Map<String, Value>) -> bool {
        let pair = pair_name(members);
        let pair = pair.map(|name| self.text(&name).into_owned());
        let masked: Vec<Option<RedactedText<'static>>> =
            members.keys().map(|key| self.key(key)).collect();
        if self.work.is_exhausted() {
            return false;
        }
        if masked.iter().all(Option::is_none) {
            for (key, value) in members {
                let name = pair.as_deref().filter(|_| is_pair_value(key)).unwrap_or(key);
                self.enter(key, key, |walk| walk.value(name, value));
            }
            return true;
        }
        // Keys that stay keep their names, whatever the others become.
        let (changed, kept): (Vec<_>, Vec<_>) = std::mem::take(members)
            .into_iter()
            .zip(masked)
            .partition(|(_, redacted)| redacted.is_some());
        for ((key, mut value), _) in kept {
            let name = pair.as_deref().filter(|_| is_pair_value(&key)).unwrap_or(&key);
            self.enter(&key, &key, |walk| walk.value(name, &mut value));
            members.insert(key, value);
        }
        let mut numbers = BTreeMap::new();
        for ((key, mut value), redacted) in changed {
            let Some(redacted) = redacted else {
                continue;
            };
            let masked = free_key(members, &redacted.text, &mut numbers);
            self.enter(&key, &masked, |walk| {
                walk.note(&redacted);
                // The name as it will be read next time, so that once is enough.
                walk.value(&masked, &mut value);
            });
            members.insert(masked, value);
        }
        true
    }

    fn text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        named_text_within("", text, self.scope, &self.work).text
    }

    /// The key with its marks; `None` if it stays.
    fn key(&self, key: &str) -> Option<RedactedText<'static>> {
        let redacted = named_text_within("", key, self.scope, &self.work);
        (!redacted.is_clean()).then(|| RedactedText {
            text: Cow::Owned(redacted.text.into_owned()),
            kinds: redacted.kinds,
        })
    }

    /// Masks what nothing is known about. One finding stands for all of it: there may be many.
    fn cut(&mut self, value: &mut Value) {
        *value = Value::String(mask::mark(mask::UNSCANNABLE));
        if !self.cut {
            self.cut = true;
            self.find(Kind(mask::UNSCANNABLE));
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
        self.find(Kind(kind));
    }

    /// Lists something that was masked here.
    fn find(&mut self, kind: Kind) {
        if self.findings.len() >= FINDINGS_MAX {
            self.unlisted = true;
            return;
        }
        let mut pointer = self.pointer.clone();
        if pointer.len() > POINTER_BYTES_MAX {
            pointer.truncate(pointer.floor_char_boundary(POINTER_BYTES_MAX));
            pointer.push('…');
        }
        self.findings.push(Finding { pointer, kind });
    }

    fn note(&mut self, redacted: &RedactedText<'_>) {
        // The work for a finding grows with its pointer.
        let paid = self.work.pay(redacted.kinds.len() * (self.pointer.len() / 4 + 50));
        if redacted.is_clean() || !paid && self.cut {
            return;
        }
        self.cut |= !paid;
        for kind in &redacted.kinds {
            self.find(*kind);
        }
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

/// The key, or the key with the first number that is free. `numbers` says for each key up to
/// where the numbers are known to be taken.
fn free_key(
    members: &Map<String, Value>,
    key: &str,
    numbers: &mut BTreeMap<String, u64>,
) -> String {
    if !members.contains_key(key) {
        return key.to_owned();
    }
    let first = numbers.get(key).copied().unwrap_or(2);
    let free = (first..)
        .map(|number| (number, format!("{key} ({number})")))
        .find(|(_, numbered)| !members.contains_key(numbered));
    let (number, numbered) = free.unwrap_or_else(|| (first, key.to_owned()));
    numbers.insert(key.to_owned(), number + 1);
    numbered
}

#[cfg(test)]
mod tests;
