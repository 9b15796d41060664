//! Tests of the text that scrapers read. That the official parser reads it too is an integration
//! test.

use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::fixtures::{ManualClock, Seen, call_span, instance};
use crate::metrics::{Metrics, instruments};
use crate::project::resource;
use crate::values;

fn metrics() -> Metrics {
    let metrics = Metrics::new(ManualClock::noon());
    metrics.decided(&Seen::allow().traced(call_span(1, 2, None)).observation());
    metrics.register(&instruments::LOG_SIZE, &[], || 4096_u64);
    metrics.register(&instruments::BUNDLE_AGE, &[], || 1.5);
    metrics
}

/// The lines that are about a family or its samples.
fn lines<'a>(text: &'a str, name: &str) -> Vec<&'a str> {
    text.lines().filter(|line| line.contains(name)).collect()
}

#[test]
fn openmetrics_has_families_units_and_exemplars() {
    let text =
        render(Format::OpenMetrics, &metrics().snapshot(), &resource(&instance()).attributes);
    assert!(text.starts_with(concat!(
        "# TYPE target info\n",
        "# HELP target Where these metrics come from.\n",
        "target_info{service_instance_id=\"test\",service_name=\"palisade\",service_version=\"0.1.0\"} 1\n",
    )));
    assert!(text.ends_with("\n# EOF\n"));
    assert_eq!(
        lines(&text, "palisade_decisions"),
        [
            "# TYPE palisade_decisions counter",
            "# HELP palisade_decisions Answers, by outcome, reason, tier of the tool and whether it \
         was a dry run.",
            "palisade_decisions_total{palisade_decision_dry_run=\"false\",\
         palisade_decision_outcome=\"allow\",palisade_decision_reason=\"permitted\",\
         palisade_tool_tier=\"1\"} 1",
        ]
    );
    assert_eq!(
        lines(&text, "palisade_log_size"),
        [
            "# TYPE palisade_log_size_bytes gauge",
            "# UNIT palisade_log_size_bytes bytes",
            "# HELP palisade_log_size_bytes Space that the log takes on disk.",
            "palisade_log_size_bytes 4096",
        ]
    );
    let bucket = "palisade_record_duration_seconds_bucket{le=\"0.002\"} 1 \
                  # {trace_id=\"01010101010101010101010101010101\",span_id=\"0202020202020202\"} \
                  0.002 1767268800.000000000";
    let found = lines(&text, "palisade_record_duration_seconds");
    assert!(found.contains(&bucket), "{found:#?}");
    assert!(found.contains(&"palisade_record_duration_seconds_bucket{le=\"5e-06\"} 0"));
    assert!(found.contains(&"palisade_record_duration_seconds_bucket{le=\"+Inf\"} 1"));
    assert!(found.contains(&"palisade_record_duration_seconds_sum 0.002"));
    assert!(found.contains(&"palisade_record_duration_seconds_count 1"));
    assert_eq!(lines(&text, "trace_id").len(), 2, "one bucket of each histogram");
}

#[test]
fn the_older_text_has_neither_and_names_the_same_series() {
    let snapshot = metrics().snapshot();
    let older = render(Format::Prometheus, &snapshot, &resource(&instance()).attributes);
    assert_eq!(
        lines(&older, "palisade_log_size"),
        [
            "# TYPE palisade_log_size_bytes gauge",
            "# HELP palisade_log_size_bytes Space that the log takes on disk.",
            "palisade_log_size_bytes 4096",
        ]
    );
    assert!(older.contains("# TYPE palisade_decisions_total counter\n"));
    assert!(!older.contains("trace_id") && !older.contains("EOF") && !older.contains("# UNIT"));
    let newer = render(Format::OpenMetrics, &snapshot, &resource(&instance()).attributes);
    let samples = |text: &str| -> Vec<String> {
        let samples = text.lines().filter(|line| !line.starts_with('#'));
        samples.map(|line| line.split(" # ").next().unwrap().to_owned()).collect()
    };
    assert_eq!(samples(&older), samples(&newer));
}

#[test]
fn buckets_are_cumulative() {
    let metrics = metrics();
    let mut slow = Seen::allow();
    slow.record_for = std::time::Duration::from_secs(5);
    metrics.decided(&slow.observation());
    let text = render(Format::Prometheus, &metrics.snapshot(), &[]);
    let buckets = lines(&text, "palisade_record_duration_seconds_bucket");
    let counts: Vec<u64> =
        buckets.iter().map(|line| line.rsplit(' ').next().unwrap().parse().unwrap()).collect();
    assert!(counts.is_sorted());
    assert_eq!(counts.last(), Some(&2));
    assert_eq!(counts.iter().filter(|count| **count == 1).count(), 9, "from 2 ms to 1 s");
}

#[test]
fn names_are_mapped_as_the_specification_says() {
    let cases = [
        ("palisade.decisions", "{decision}", Type::Counter, "palisade_decisions_total"),
        ("palisade.decision.duration", "s", Type::Histogram, "palisade_decision_duration_seconds"),
        ("log.size", "By", Type::Gauge, "log_size_bytes"),
        ("log.read", "By", Type::Counter, "log_read_bytes_total"),
        ("cache.use", "1", Type::Gauge, "cache_use_ratio"),
        ("cache.hits", "1", Type::Counter, "cache_hits_total"),
        ("wait_seconds", "s", Type::Gauge, "wait_seconds"),
        ("requests_total", "", Type::Counter, "requests_total"),
        ("1st..name/é", "", Type::Gauge, "_1st_name_"),
        ("a:b", "", Type::Gauge, "a:b"),
    ];
    for (name, unit, kind, sample) in cases {
        assert_eq!(Family::new(name, unit, kind).sample, sample);
    }
    assert_eq!(name::label("palisade.decision.outcome"), "palisade_decision_outcome");
    assert_eq!(name::label("1st"), "key_1st");
    assert_eq!(name::label("__reserved"), "_reserved");
    assert_eq!(name::label("a:b"), "a_b");
}

#[test]
fn attributes_that_become_one_label_are_joined() {
    let attributes = [values::string("a.b", "second"), values::string("a-b", "first")];
    assert_eq!(Labels::of(&attributes).to_string(), "{a_b=\"first;second\"}");
}

#[test]
fn bounds_are_written_in_canonical_form() {
    let cases = [
        (0.000_005, "5e-06"),
        (0.000_05, "5e-05"),
        (0.000_1, "0.0001"),
        (0.25, "0.25"),
        (1.0, "1.0"),
        (100_000.0, "100000.0"),
        (1_000_000.0, "1e+06"),
        (1.5e-10, "1.5e-10"),
        (f64::INFINITY, "+Inf"),
        (0.0, "0.0"),
    ];
    for (bound, text) in cases {
        assert_eq!(canonical(bound), text);
    }
}

#[test]
fn numbers_that_are_none_have_names() {
    let numbers = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e21, -0.5];
    let texts = numbers.map(|number| Number(number).to_string());
    assert_eq!(texts, ["NaN", "+Inf", "-Inf", "1000000000000000000000", "-0.5"]);
}

/// The text between the quotes, as a reader understands it.
fn unescape(text: &str) -> String {
    let mut characters = text.chars();
    let mut unescaped = String::new();
    while let Some(character) = characters.next() {
        unescaped.push(match character {
            '\\' => match characters.next() {
                Some('n') => '\n',
                Some(escaped @ ('\\' | '"')) => escaped,
                other => panic!("no escape: {other:?}"),
            },
            other => other,
        });
    }
    unescaped
}

proptest! {
    #[test]
    fn any_value_of_a_label_stays_one_value_on_one_line(value in "(?s).{0,40}|[\\\\\"\n]{0,8}") {
        let text = Labels::of(&[values::string("name", value.as_str())]).to_string();
        prop_assert!(!text.contains('\n'));
        let inner = text.strip_prefix("{name=\"").and_then(|text| text.strip_suffix("\"}"));
        let inner = inner.expect("one label");
        // No quote in it ends the value.
        let quotes = inner.replace("\\\\", "").replace("\\\"", "");
        prop_assert!(!quotes.contains('"'));
        prop_assert_eq!(unescape(inner), value);
    }

    #[test]
    fn any_help_stays_on_one_line(help in "(?s).{0,40}|[\\\\\"\n]{0,8}") {
        let text = Help { text: &help, quotes: true }.to_string();
        prop_assert!(!text.contains('\n'));
        let older = Help { text: &help, quotes: false }.to_string();
        prop_assert!(!older.contains('\n'));
        prop_assert!(!older.replace("\\\\", "").contains("\\\""));
        prop_assert_eq!(unescape(&text), help);
    }

    #[test]
    fn any_name_becomes_one_that_is_allowed(name in "(?s).{0,20}", unit in "(?s).{0,6}") {
        let label = name::label(&name);
        let family = Family::new(&name, &unit, Type::Counter);
        for name in [&label, &family.name, &family.sample] {
            prop_assert!(name.starts_with(|c: char| c.is_ascii_alphabetic() || "_:".contains(c)), "{name}");
            prop_assert!(name.chars().all(|c| c.is_ascii_alphanumeric() || "_:".contains(c)), "{name}");
        }
        prop_assert!(!label.starts_with("__"));
        if let Some(unit) = &family.unit {
            prop_assert!(family.name.ends_with(unit));
        }
    }

    #[test]
    fn bounds_are_read_back_as_they_were(bound in any::<f64>()) {
        prop_assume!(bound.is_finite());
        let text = canonical(bound);
        prop_assert_eq!(text.parse::<f64>().ok(), Some(bound));
        prop_assert!(text.contains('.') || text.contains('e'));
    }
}

#[test]
fn a_metric_that_nobody_measured_is_not_there() {
    let text = render(Format::OpenMetrics, &Metrics::new(ManualClock::noon()).snapshot(), &[]);
    assert!(!text.contains("palisade_decision_duration_seconds"));
    assert!(text.contains("palisade_spans_dropped_total 0\n"));
}

#[test]
fn exemplars_stand_at_the_bucket_they_fell_into() {
    let metrics = Arc::new(Metrics::new(ManualClock::noon()));
    let mut seen = Seen::allow().traced(call_span(1, 1, None));
    for micros in [5, 6, 50_000_000] {
        seen.record_for = std::time::Duration::from_micros(micros);
        metrics.decided(&seen.observation());
    }
    let text = render(Format::OpenMetrics, &metrics.snapshot(), &[]);
    let found: Vec<&str> = lines(&text, "palisade_record_duration_seconds_bucket")
        .into_iter()
        .filter(|line| line.contains("trace_id"))
        .map(|line| line.split('"').nth(1).unwrap())
        .collect();
    assert_eq!(found, ["5e-06", "1e-05", "+Inf"]);
}
