use std::fmt::Write as _;
use std::sync::Arc;

use palisade_core::Problem;
use proptest::prelude::*;

use super::{
    REFERENCE_MEASUREMENTS_MAX, REFERENCE_VALUE_BYTES_MAX, REFERENCE_VALUES_MAX, REFERENCES_MAX,
    ReferenceValues,
};

const WHOLE: &str = "\
format: 1
references:
  payments-agent:
    verifier: gcp
    description: The agent that pays
    measurements:
      image: [\"sha256:aa\", \"sha256:bb\"]
      hwmodel: GCP_AMD_SEV
    code:
      builder: https://builder.example/v1
      source: [\"https://git.example/a\", \"https://git.example/b\"]
      workflow: https://git.example/a/release.yml@refs/heads/main
  lab:
    verifier: enclave
    measurements: { pcr0: \"sha384:00\" }
    debug: true
";

fn parse(text: &str) -> Result<ReferenceValues, Vec<Problem>> {
    let file: Arc<str> = "reference/a.yaml".into();
    match ReferenceValues::parse([(&file, text)]) {
        Ok((values, problems)) => {
            assert!(problems.0.is_empty());
            Ok(values)
        }
        Err(problems) => Err(problems.0),
    }
}

/// The codes of all problems, each with the text it points at.
fn problems(text: &str) -> Vec<(&'static str, String)> {
    let problems = parse(text).expect_err("it is wrong");
    problems
        .into_iter()
        .map(|problem| {
            assert_eq!(problem.file.as_deref(), Some("reference/a.yaml"));
            let place = problem.span.and_then(|span| text.get(span)).unwrap_or_default();
            (problem.code, place.to_owned())
        })
        .collect()
}

fn measured(list: &[&str]) -> Vec<String> {
    list.iter().map(|&text| text.to_owned()).collect()
}

const ALL: [&str; 5] = [
    "builder:https://builder.example/v1",
    "hwmodel:GCP_AMD_SEV",
    "image:sha256:bb",
    "source:https://git.example/b",
    "workflow:https://git.example/a/release.yml@refs/heads/main",
];

#[test]
fn a_whole_file_is_read() {
    let values = parse(WHOLE).expect("it is right");
    let names: Vec<&str> = values.iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["lab", "payments-agent"]);
    let agent = values.get("payments-agent").expect("it is there");
    assert_eq!(agent.verifier, "gcp");
    assert_eq!(agent.description.as_deref(), Some("The agent that pays"));
    assert!(!agent.debug && agent.measurements.len() == 2);
    let lab = values.get("lab").expect("it is there");
    assert!(lab.debug && lab.code.is_none());
    assert!(values.get("other").is_none() && !values.is_empty());
    assert!(ReferenceValues::default().is_empty());
}

#[test]
fn everything_asked_for_has_to_be_measured() {
    let values = parse(WHOLE).expect("it is right");
    let names = |verifier: &str, list: &[&str]| -> Vec<String> {
        let list = measured(list);
        values.met_by(verifier, &list).map(|(name, _)| name.to_owned()).collect()
    };
    assert_eq!(names("gcp", &ALL), ["payments-agent"]);
    for missing in 0..ALL.len() {
        let mut list = ALL.to_vec();
        list.remove(missing);
        assert!(names("gcp", &list).is_empty(), "{missing}");
    }
    let mut other = ALL.to_vec();
    other[2] = "image:sha256:cc";
    assert!(names("gcp", &other).is_empty());
    other.push("image:sha256:aa");
    assert_eq!(names("gcp", &other), ["payments-agent"]);
    assert!(names("enclave", &ALL).is_empty());
    assert_eq!(names("enclave", &["pcr0:sha384:00"]), ["lab"]);
    assert!(names("enclave", &["pcr0:sha384:000"]).is_empty());
    assert!(names("enclave", &["pcr01:sha384:00", "xpcr0:sha384:00", "pcr0sha384:00"]).is_empty());
}

#[test]
fn the_digest_follows_the_meaning_and_nothing_else() {
    let digest = |text: &str| *parse(text).expect("it is right").digest();
    let whole = digest(WHOLE);
    assert_eq!(whole, digest(&WHOLE.replace("The agent that pays", "An agent")));
    assert_eq!(
        whole,
        digest(&WHOLE.replace("[\"sha256:aa\", \"sha256:bb\"]", "[\"sha256:bb\", \"sha256:aa\"]"))
    );
    for (from, to) in [
        ("gcp", "gcq"),
        ("payments-agent", "payments-agents"),
        ("sha256:bb", "sha256:bc"),
        ("hwmodel:", "hwmodels:"),
        ("builder.example/v1", "builder.example/v2"),
        ("git.example/b", "git.example/c"),
        ("release.yml", "releases.yml"),
        ("debug: true", "debug: false"),
    ] {
        assert_ne!(whole, digest(&WHOLE.replace(from, to)), "{from}");
    }
    let builder =
        "format: 1\nreferences:\n  a: { verifier: v, measurements: {m: x}, code: {builder: b} }";
    assert_ne!(digest(builder), digest(&builder.replace("builder", "source")));
    assert_ne!(whole, *ReferenceValues::default().digest());
}

#[test]
fn names_are_unique_across_files() {
    let one: Arc<str> = "reference/a.yaml".into();
    let two: Arc<str> = "reference/b.yaml".into();
    let problems = ReferenceValues::parse([(&one, WHOLE), (&two, WHOLE)]).expect_err("twice");
    let found: Vec<_> =
        problems.0.iter().map(|problem| (problem.code, problem.file.as_deref())).collect();
    assert_eq!(found, [("reference.duplicate", Some("reference/b.yaml")); 2]);
    let other = WHOLE.replace("payments-agent", "x").replace("lab", "y");
    let (values, _) = ReferenceValues::parse([(&one, WHOLE), (&two, &other)]).expect("right");
    assert_eq!(values.iter().count(), 4);
}

#[test]
fn mistakes_are_told_with_their_place_all_at_once() {
    let text = "format: 2
references:
  Big:
    verifier: a b
    measurements: { \"im age\": x, image: [], builder: x, y: \"a\\u0007\" }
  none:
    verifier: v
  code:
    verifier: v
    measurements: { image: x }
    code: {}
";
    let found = problems(text);
    let codes: Vec<&str> = found.iter().map(|(code, _)| *code).collect();
    assert_eq!(
        codes,
        [
            "reference.format",
            "reference.name",
            "reference.name",
            "reference.name",
            "reference.value",
            "reference.name",
            "reference.value",
            "reference.empty",
            "reference.empty",
        ]
    );
    assert_eq!(found[0].1, "2");
    assert_eq!(found[1].1, "Big");
    assert_eq!(found[2].1, "a b");
    assert_eq!(found[5].1, "builder");
    assert_eq!(found[7].1, "none");
}

#[test]
fn what_is_no_file_of_reference_values_is_refused_by_its_first_mistake() {
    for text in [
        "",
        "format: 1\nreferences: []",
        "references: {}",
        "format: 1\nextra: 1",
        "format: 1\nreferences: { a: { verifier: v, measurement: {} } }",
        "format: 1\nreferences: { a: { measurements: {m: x} } }",
        "format: 1\nreferences: { a: { verifier: v, measurements: {m: 1} } }",
        "format: 1\nreferences: { a: { verifier: v, measurements: {m: {x: y}} } }",
        "format: 1\nreferences: { a: { verifier: v, measurements: {m: x}, debug: yes } }",
        "format: 1\nreferences: { a: { verifier: v, measurements: {m: x}, code: {who: x} } }",
        "format: 1\nreferences: { a: { verifier: v, measurements: {m: x, m: y} } }",
        "format: 1\n---\nformat: 1",
    ] {
        let found = problems(text);
        assert_eq!(found.len(), 1, "{text}");
        assert_eq!(found[0].0, "reference.syntax", "{text}");
    }
}

#[test]
fn values_have_bounds() {
    let with = |values: &str| {
        format!(
            "format: 1\nreferences: {{ a: {{ verifier: v, measurements: {{ m: {values} }} }} }}"
        )
    };
    let list = |count: usize| {
        let mut text = "[".to_owned();
        for n in 0..count {
            write!(text, "v{n}, ").expect("written");
        }
        text + "]"
    };
    assert!(parse(&with(&list(REFERENCE_VALUES_MAX))).is_ok());
    assert_eq!(problems(&with(&list(REFERENCE_VALUES_MAX + 1)))[0].0, "reference.value");
    assert!(parse(&with(&"x".repeat(REFERENCE_VALUE_BYTES_MAX))).is_ok());
    assert_eq!(problems(&with(&"x".repeat(REFERENCE_VALUE_BYTES_MAX + 1)))[0].0, "reference.value");
    assert_eq!(problems(&with("''"))[0].0, "reference.value");
}

#[test]
fn measurements_and_references_have_bounds() {
    let measurements = |count: usize| {
        let mut text =
            "format: 1\nreferences:\n  a:\n    verifier: v\n    measurements:\n".to_owned();
        for n in 0..count {
            writeln!(text, "      m{n}: x").expect("written");
        }
        text
    };
    assert!(parse(&measurements(REFERENCE_MEASUREMENTS_MAX)).is_ok());
    let over = problems(&measurements(REFERENCE_MEASUREMENTS_MAX + 1));
    assert_eq!(over, [("reference.too_many", "a".to_owned())]);
    let references = |count: usize| {
        let mut text = "format: 1\nreferences:\n".to_owned();
        for n in 0..count {
            writeln!(text, "  r{n}: {{ verifier: v, measurements: {{ m: x }} }}").expect("written");
        }
        text
    };
    assert!(parse(&references(REFERENCES_MAX)).is_ok());
    let over = problems(&references(REFERENCES_MAX + 1));
    assert_eq!(over, [("reference.too_many", format!("r{REFERENCES_MAX}"))]);
}

proptest! {
    #[test]
    fn any_text_is_answered(text in "\\PC{0,200}") {
        drop(parse(&text));
    }

    #[test]
    fn any_measurement_text_is_answered(value in any::<String>()) {
        let values = parse(WHOLE).expect("it is right");
        prop_assert_eq!(values.met_by("gcp", &[value]).count(), 0);
    }
}
