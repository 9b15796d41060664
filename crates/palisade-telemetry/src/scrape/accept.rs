//! Which text a scraper wants.

use http::HeaderValue;

use crate::metrics::Format;

/// `OpenMetrics` if the scraper asks for it and does not like plain text better; otherwise the
/// text that every scraper understands.
pub(super) fn format<'a>(accept: impl IntoIterator<Item = &'a HeaderValue>) -> Format {
    let ranges: Vec<&str> = accept
        .into_iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .collect();
    let best = |wanted: fn(&str) -> bool| {
        let qualities = ranges.iter().filter_map(|range| quality(range, wanted));
        qualities.fold(0.0, f64::max)
    };
    let openmetrics = best(is_openmetrics);
    if openmetrics > 0.0 && openmetrics >= best(|range| range.starts_with("text/plain")) {
        Format::OpenMetrics
    } else {
        Format::Prometheus
    }
}

/// Versions before 1.0.0 have the same text; a later one need not.
fn is_openmetrics(range: &str) -> bool {
    let mut parts = range.split(';').map(str::trim);
    parts.next() == Some("application/openmetrics-text")
        && parts.all(|parameter| match parameter.split_once('=') {
            Some((name, version)) if name.trim() == "version" => {
                matches!(version.trim().trim_matches('"'), "0.0.1" | "1.0.0")
            }
            _ => true,
        })
}

/// The quality that a range of the header has, if it is `wanted`: 1 unless it says otherwise.
fn quality(range: &str, wanted: fn(&str) -> bool) -> Option<f64> {
    let range = range.trim().to_ascii_lowercase();
    let weight = range.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        (name.trim() == "q").then(|| value.trim().parse().unwrap_or(0.0))
    });
    wanted(&range).then(|| weight.unwrap_or(1.0))
}
