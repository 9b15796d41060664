//! What scrapers read, as the official parsers of Prometheus understand it.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::Arc;

use palisade_core::SystemClock;
use palisade_telemetry::attributes::CACHE_NAME;
use palisade_telemetry::metrics::{Format, Metrics, instruments, render};
use palisade_telemetry::project::{Instance, resource};
use palisade_tests::bundle;
use palisade_tests::external::installed;
use serde_json::Value;

/// The samples of a page, by name and labels.
fn parse(form: &str, page: &str) -> Option<BTreeMap<String, Value>> {
    let python = installed("venv/bin/python")?;
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    file.write_all(page.as_bytes()).expect("written");
    let output = Command::new(python)
        .arg(bundle::root().join("tests/python/scrape_test.py"))
        .arg(form)
        .arg(file.path())
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .stdin(Stdio::null())
        .output()
        .expect("python starts");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{page}\n{errors}");
    let lines = String::from_utf8(output.stdout).expect("UTF-8");
    let samples: BTreeMap<String, Value> = lines
        .lines()
        .map(|line| {
            let sample: Value = serde_json::from_str(line).expect("JSON");
            (format!("{}{}", sample["name"].as_str().expect("a name"), sample["labels"]), sample)
        })
        .collect();
    assert_eq!(samples.len(), lines.lines().count(), "no series twice");
    Some(samples)
}

/// Text that breaks a page which does not escape it.
const AWKWARD: &str = "a\\b\"c\nd{e}#f, g=\"h\" é\\n";

fn page(format: Format) -> String {
    let clock = Arc::new(SystemClock::new());
    let metrics = Metrics::new(clock);
    crate::phoenix::answer(&metrics);
    metrics.refused("unauthenticated");
    metrics.register(&instruments::CACHE_HITS, &[(CACHE_NAME, AWKWARD)], || 7_u64);
    metrics.register(&instruments::BUNDLE_AGE, &[], || 0.25);
    metrics.register(&instruments::CACHE_SIZE, &[], || f64::NAN);
    metrics.register(&instruments::LOG_SIZE, &[], || u64::MAX);
    let instance = Instance { version: "0.1.0".to_owned(), id: AWKWARD.to_owned() };
    render(format, &metrics.snapshot(), &resource(&instance).attributes)
}

#[test]
fn the_official_parser_of_openmetrics_reads_the_page() {
    let Some(samples) = parse("openmetrics", &page(Format::OpenMetrics)) else { return };
    let by_name = |name: &str| {
        let mut found = samples.values().filter(|sample| sample["name"] == name);
        let sample = found.next().unwrap_or_else(|| panic!("no {name}"));
        assert!(found.next().is_none(), "{name} is there twice");
        sample
    };
    assert_eq!(by_name("palisade_refusals_total")["value"], "1.0");
    assert_eq!(by_name("palisade_refusals_total")["type"], "counter");
    assert_eq!(by_name("palisade_bundle_age_seconds")["unit"], "seconds");
    assert_eq!(by_name("palisade_bundle_age_seconds")["value"], "0.25");
    let hits = by_name("palisade_cache_hits_total");
    assert_eq!(hits["labels"]["palisade_cache_name"], AWKWARD);
    assert_eq!(by_name("target_info")["labels"]["service_instance_id"], AWKWARD);
    let help = by_name("palisade_decision_duration_seconds_sum")["help"].as_str();
    assert_eq!(help, Some(instruments::DECISION_DURATION.description));
    let exemplars: Vec<&Value> =
        samples.values().filter(|sample| !sample["exemplar"].is_null()).collect();
    assert_eq!(exemplars.len(), 2, "{exemplars:#?}");
    for sample in exemplars {
        let labels = &sample["exemplar"]["labels"];
        assert_eq!(labels["trace_id"], "0af7651916cd43dd8448eb211c80319c");
        assert_eq!(labels["span_id"].as_str().map(str::len), Some(16));
        assert!(sample["exemplar"]["time"].as_f64() > Some(1.7e9));
    }
}

#[test]
fn the_official_parser_of_the_older_text_reads_the_same_samples() {
    let Some(older) = parse("prometheus", &page(Format::Prometheus)) else { return };
    let Some(newer) = parse("openmetrics", &page(Format::OpenMetrics)) else { return };
    assert_eq!(older.keys().collect::<Vec<_>>(), newer.keys().collect::<Vec<_>>());
    for (name, sample) in &older {
        assert_eq!(sample["value"], newer[name]["value"], "{name}");
    }
}
