//! References within a schema.

use serde_json::Value;

/// Follows `#` or `#/json/pointer` within the schema; the pointer and what it points at. Anchors,
/// `$id`s and other documents are not resolved here; the validator does that.
pub(crate) fn resolve<'a>(root: &'a Value, reference: &str) -> Option<(String, &'a Value)> {
    let pointer = percent_decode(reference.strip_prefix('#')?)?;
    let target = root.pointer(&pointer)?;
    Some((pointer, target))
}

/// Whether something within the schema sets a base of its own with `$id`: what `#` means then
/// depends on where it stands. A property of that name counts, too; that only costs types.
pub(super) fn has_inner_base(root: &Value) -> bool {
    let mut pending: Vec<&Value> = match root {
        Value::Object(members) => members.values().collect(),
        _ => Vec::new(),
    };
    while let Some(value) = pending.pop() {
        match value {
            Value::Array(items) => pending.extend(items),
            Value::Object(members) if members.contains_key("$id") => return true,
            Value::Object(members) => pending.extend(members.values()),
            _ => {}
        }
    }
    false
}

/// Writes a property name as part of a JSON pointer (RFC 6901, section 3).
pub(super) fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// Decodes `%41`; `None` if what it spells is no UTF-8.
fn percent_decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        rest = tail;
        let code = tail.first_chunk::<2>().and_then(|digits| hex::decode(digits).ok());
        match (first, code.as_deref()) {
            (b'%', Some([byte])) => {
                bytes.push(*byte);
                rest = tail.get(2..).unwrap_or_default();
            }
            _ => bytes.push(*first),
        }
    }
    String::from_utf8(bytes).ok()
}
