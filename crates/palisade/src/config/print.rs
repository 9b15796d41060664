//! Shows the effective configuration and the table of settings.

use super::raw::RawConfig;
use super::settings::{Fallback, SETTINGS};

/// The effective configuration as a file that could be given back, with the origin of each value
/// as a comment.
#[must_use]
pub fn yaml(raw: &RawConfig) -> String {
    let mut text = "version: 1\n".to_owned();
    let mut current = "";
    for meta in SETTINGS {
        let (section, name) = meta.section_and_name();
        if section != current {
            // A section of comments alone would be `null`.
            let mark = if says_anything(raw, section) { "" } else { "# " };
            text.push_str(&format!("{mark}{section}:\n"));
            current = section;
        }
        match (raw.effective(meta), meta.default) {
            (Some(value), _) => {
                let scalar = scalar(&value.text);
                text.push_str(&format!("  {name}: {scalar}  # {}\n", value.origin));
            }
            (None, Fallback::Unset(then)) => {
                text.push_str(&format!("  # {name}: not set, {then}\n"));
            }
            (None, Fallback::Fixed(_) | Fallback::RuntimeFile(_) | Fallback::StateFile(_)) => {
                text.push_str(&format!("  # {name}: not set\n"));
            }
        }
    }
    text
}

/// Whether any setting of a section has a value.
fn says_anything(raw: &RawConfig, section: &str) -> bool {
    let mut settings = SETTINGS.iter().filter(|meta| meta.section_and_name().0 == section);
    settings.any(|meta| raw.effective(meta).is_some())
}

/// The table of settings for the README.
#[must_use]
pub fn markdown() -> String {
    let mut text =
        "| Key | Variable | Value | Default | Meaning |\n|---|---|---|---|---|\n".to_owned();
    for meta in SETTINGS {
        let default = match meta.default {
            Fallback::Fixed(value) => format!("`{value}`"),
            Fallback::StateFile(name) => {
                format!(
                    "`$XDG_STATE_HOME/palisade/{name}`, else `$HOME/.palisade/{name}`, else \
                     `/var/lib/palisade/{name}`"
                )
            }
            Fallback::RuntimeFile(name) => {
                format!(
                    "`$XDG_RUNTIME_DIR/palisade/{name}`, else `$HOME/.palisade/{name}`, else \
                     `/run/palisade/{name}`"
                )
            }
            Fallback::Unset(then) => then.to_owned(),
        };
        let (key, variable) = (meta.key, meta.variable());
        let (accepts, doc) = (meta.accepts, meta.doc);
        text.push_str(&format!("| `{key}` | `{variable}` | {accepts} | {default} | {doc} |\n"));
    }
    text
}

/// A YAML scalar: plain where that is unmistakable, otherwise quoted (a JSON string is one).
fn scalar(text: &str) -> String {
    let plain =
        |character: char| character.is_ascii_alphanumeric() || "./_-:=,".contains(character);
    let starts_plain =
        text.starts_with(|first: char| first.is_ascii_alphanumeric() || "./_".contains(first));
    let is_null = text.eq_ignore_ascii_case("null");
    if starts_plain && !is_null && !text.ends_with(':') && text.chars().all(plain) {
        return text.to_owned();
    }
    serde_json::Value::from(text).to_string()
}
