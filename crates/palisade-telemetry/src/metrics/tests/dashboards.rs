//! Tests that the dashboard and the alert rules ask for metrics and labels that there are.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value;

use super::super::exposition::{label_name, sample_name};
use super::super::instruments::{ALL, InstrumentKind};
use crate::attributes::{ATTRIBUTES, Signal};

fn read(file: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/grafana");
    fs::read_to_string(folder.join(file)).expect("the file is there")
}

fn dashboard() -> Value {
    serde_json::from_str(&read("palisade.json")).expect("JSON")
}

fn rules() -> Vec<Value> {
    let file: Value = serde_saphyr::from_str(&read("alerts.yaml")).expect("YAML");
    file["groups"][0]["rules"].as_array().expect("rules").clone()
}

/// What the text names that begins as our metrics and labels do.
fn names(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == ':'));
    words.filter(|word| word.starts_with("palisade_")).map(str::to_owned).collect()
}

/// Every series that a server can have.
fn series() -> BTreeSet<String> {
    let samples = ALL.iter().flat_map(|instrument| {
        let sample = sample_name(instrument);
        match instrument.kind {
            InstrumentKind::Counter | InstrumentKind::Gauge => vec![sample],
            InstrumentKind::Histogram => {
                ["bucket", "count", "sum"].map(|suffix| format!("{sample}_{suffix}")).into()
            }
        }
    });
    samples.collect()
}

fn labels() -> BTreeSet<String> {
    let rows = ATTRIBUTES.iter().filter(|row| row.signals.contains(&Signal::Metrics));
    rows.map(|row| label_name(row.name)).collect()
}

/// The panels that ask for something, and what each asks for.
fn targets(dashboard: &Value) -> Vec<(&Value, &Value)> {
    let panels = dashboard["panels"].as_array().expect("panels").iter();
    panels
        .flat_map(|panel| {
            let targets = panel["targets"].as_array().map(Vec::as_slice).unwrap_or_default();
            targets.iter().map(move |target| (panel, target))
        })
        .collect()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text"))
}

#[test]
fn every_query_of_the_dashboard_is_about_something_there_is() {
    let dashboard = dashboard();
    let (series, labels) = (series(), labels());
    for (panel, target) in targets(&dashboard) {
        let asked = names(text(&target["expr"]));
        let unknown: Vec<_> = asked
            .iter()
            .filter(|name| !series.contains(*name) && !labels.contains(*name))
            .collect();
        assert!(unknown.is_empty(), "{}: {unknown:?}", panel["title"]);
        assert!(asked.iter().any(|name| series.contains(name)), "{}", panel["title"]);
        let legend = names(text(&target["legendFormat"]));
        assert!(legend.is_subset(&asked), "{}: {legend:?}", panel["title"]);
    }
    for variable in dashboard["templating"]["list"].as_array().expect("variables") {
        if variable["type"] == "query" {
            let asked = names(text(&variable["definition"]));
            assert!(asked.len() == 1 && asked.is_subset(&series), "{asked:?}");
        }
    }
}

#[test]
fn every_metric_is_on_the_dashboard() {
    let dashboard = dashboard();
    let asked: BTreeSet<String> =
        targets(&dashboard).iter().flat_map(|(_, target)| names(text(&target["expr"]))).collect();
    for instrument in ALL {
        let sample = sample_name(instrument);
        assert!(asked.iter().any(|name| name.starts_with(&sample)), "{sample}");
    }
}

#[test]
fn the_dashboard_takes_any_prometheus_and_has_exemplars() {
    let dashboard = dashboard();
    for (panel, target) in targets(&dashboard) {
        for source in [&panel["datasource"]["uid"], &target["datasource"]["uid"]] {
            assert_eq!(text(source), "${datasource}", "{}", panel["title"]);
        }
    }
    let with_exemplars: BTreeSet<&str> = targets(&dashboard)
        .into_iter()
        .filter(|(_, target)| target["exemplar"] == true)
        .map(|(panel, _)| text(&panel["type"]))
        .collect();
    assert_eq!(with_exemplars, BTreeSet::from(["heatmap", "timeseries"]));
}

#[test]
fn panels_have_their_own_ids_and_places() {
    let dashboard = dashboard();
    let panels = dashboard["panels"].as_array().expect("panels");
    let (mut ids, mut taken) = (BTreeSet::new(), BTreeSet::new());
    for panel in panels {
        assert!(ids.insert(panel["id"].as_u64().expect("an id")), "{}", panel["title"]);
        let place = |name: &str| panel["gridPos"][name].as_u64().expect("a number");
        assert!(place("x") + place("w") <= 24, "{}", panel["title"]);
        for x in place("x")..place("x") + place("w") {
            for y in place("y")..place("y") + place("h") {
                assert!(taken.insert((x, y)), "{} lies on another panel", panel["title"]);
            }
        }
    }
}

#[test]
fn the_metric_of_approvals_is_named_and_not_asked_for() {
    let dashboard = dashboard();
    let text = dashboard.to_string();
    assert!(text.contains("palisade.approvals.time_to_decision"));
    assert!(!ALL.iter().any(|instrument| instrument.name.starts_with("palisade.approvals")));
}

#[test]
fn every_alert_is_about_something_there_is_and_says_what_is_wrong() {
    let known: BTreeSet<String> = series().into_iter().chain(labels()).collect();
    let rules = rules();
    assert!(rules.len() >= 8, "{}", rules.len());
    for rule in &rules {
        let asked = names(text(&rule["expr"]));
        assert!(!asked.is_empty() && asked.is_subset(&known), "{}: {asked:?}", rule["alert"]);
        assert!(!text(&rule["annotations"]["summary"]).is_empty());
        let severity = text(&rule["labels"]["severity"]);
        assert!(["critical", "warning", "info"].contains(&severity), "{severity}");
    }
}

#[test]
fn what_is_wrong_with_the_bundle_raises_an_alert() {
    let rules = rules();
    for metric in ["palisade_bundle_failing", "palisade_bundle_stale"] {
        let asks = |rule: &&Value| text(&rule["expr"]) == format!("{metric} == 1");
        assert_eq!(rules.iter().filter(asks).count(), 1, "{metric}");
    }
}

#[test]
fn reasons_and_outcomes_that_are_asked_for_exist() {
    let mut values: BTreeSet<&str> =
        palisade_core::ReasonCode::ALL.iter().map(|code| code.as_str()).collect();
    values.extend(super::super::OUTCOMES.map(palisade_core::Outcome::as_str));
    let asked = [read("palisade.json").replace("\\\"", "\""), read("alerts.yaml")].concat();
    for label in ["palisade_decision_reason", "palisade_decision_outcome"] {
        for value in asked.split(&format!("{label}=\"")).skip(1) {
            let value = value.split('"').next().expect("it ends");
            assert!(values.contains(value), "{label}: {value}");
        }
    }
}
