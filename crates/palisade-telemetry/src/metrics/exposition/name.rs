//! OpenTelemetry's names as Prometheus writes them (the specification's "Prometheus and
//! `OpenMetrics` Compatibility").

/// The types of `OpenMetrics` that we have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Type {
    Counter,
    Gauge,
    Histogram,
}

impl Type {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// What a metric is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::metrics) struct Family {
    /// The family, e.g. `palisade_decisions`.
    pub(super) name: String,
    /// Its samples, e.g. `palisade_decisions_total`; those of a histogram have further suffixes.
    pub(super) sample: String,
    /// The unit as a word.
    pub(super) unit: Option<String>,
    pub(super) kind: Type,
}

impl Family {
    pub(super) fn new(name: &str, unit: &str, kind: Type) -> Self {
        let mut name = metric(name);
        if kind == Type::Counter
            && let Some(short) = name.strip_suffix("_total")
        {
            name = short.to_owned();
        }
        let unit = word(unit, kind);
        if let Some(unit) = &unit
            && name != *unit
            && !name.ends_with(&format!("_{unit}"))
        {
            name = format!("{name}_{unit}");
        }
        let sample = if kind == Type::Counter { format!("{name}_total") } else { name.clone() };
        Self { name, sample, unit, kind }
    }
}

/// A name of a metric: `[a-zA-Z_:][a-zA-Z0-9_:]*`, without two `_` in a row.
fn metric(name: &str) -> String {
    allowed(name, |character| character == ':')
}

/// A name of a label: `[a-zA-Z_][a-zA-Z0-9_]*`; a digit at the head gets `key_` before it.
pub(super) fn label(name: &str) -> String {
    let name = allowed(name, |_| false);
    match name.strip_prefix('_') {
        Some(rest) if rest.starts_with(|c: char| c.is_ascii_digit()) => format!("key{name}"),
        // Those with two `_` are reserved; there is none left, for they were made one.
        _ => name,
    }
}

fn allowed(name: &str, also: impl Fn(char) -> bool) -> String {
    let mut allowed = String::with_capacity(name.len());
    if name.starts_with(|character: char| character.is_ascii_digit()) || name.is_empty() {
        allowed.push('_');
    }
    for character in name.chars() {
        if character.is_ascii_alphanumeric() || also(character) {
            allowed.push(character);
        } else if !allowed.ends_with('_') {
            allowed.push('_');
        }
    }
    allowed
}

/// The units we use, as words. What stands in braces is no unit but what is counted.
fn word(unit: &str, kind: Type) -> Option<String> {
    match unit {
        "" => None,
        "1" => (kind == Type::Gauge).then(|| "ratio".to_owned()),
        "By" => Some("bytes".to_owned()),
        "s" => Some("seconds".to_owned()),
        "ms" => Some("milliseconds".to_owned()),
        braces if braces.starts_with('{') => None,
        other => {
            let other = metric(other);
            let other = other.trim_matches('_');
            (!other.is_empty()).then(|| other.to_owned())
        }
    }
}
