//! Problems as people, editors and programs see them.

use std::fs;
use std::sync::Arc;

use super::*;

/// Renders one problem at `span` of a file with a character of several bytes in it.
fn rendered(span: Option<Range<usize>>, format: ProblemFormat) -> String {
    let directory = tempfile::tempdir().expect("temporary directory");
    fs::create_dir(directory.path().join("policies")).expect("created");
    fs::write(directory.path().join("policies/a.cedar"), "// é\npermit (x);\n").expect("written");
    let sources = RawBundle::read_directory(directory.path()).expect("read");
    let file = Arc::from("policies/a.cedar");
    let mut problem = Problem::error("policy.syntax", "this is wrong").with_help("do that");
    problem = problem.in_file(&file);
    if let Some(span) = span {
        problem = problem.at(span);
    }
    let renderer = Renderer { directory: Path::new("bundle"), sources: &sources, colored: false };
    renderer.render(&Problems(vec![problem]), format)
}

#[test]
fn one_line_has_place_code_message_and_help() {
    let line = rendered(Some(14..15), ProblemFormat::Short);
    assert_eq!(
        line,
        "bundle/policies/a.cedar:2:9: error[policy.syntax]: this is wrong (help: do that)\n"
    );
    let line = rendered(None, ProblemFormat::Short);
    assert_eq!(
        line,
        "bundle/policies/a.cedar: error[policy.syntax]: this is wrong (help: do that)\n"
    );
}

#[test]
fn json_has_every_field() {
    let text = rendered(Some(14..15), ProblemFormat::Json);
    let json: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let expected = serde_json::json!({ "problems": [{
        "severity": "error",
        "code": "policy.syntax",
        "message": "this is wrong",
        "help": "do that",
        "file": "bundle/policies/a.cedar",
        "line": 2,
        "column": 9,
        "end_line": 2,
        "end_column": 10,
    }] });
    assert_eq!(json, expected);
}

#[test]
fn people_see_the_source() {
    let text = rendered(Some(14..15), ProblemFormat::Human);
    assert!(text.contains("bundle/policies/a.cedar:2:9"), "{text}");
    assert!(text.contains("permit (x);"), "{text}");
    assert!(text.contains("help: do that"), "{text}");
    let without_place = rendered(None, ProblemFormat::Human);
    assert!(without_place.contains("bundle/policies/a.cedar: this is wrong"), "{without_place}");
}

#[test]
fn places_outside_of_the_text_or_within_a_character_are_shown_anyway() {
    for span in [4..4, 4..5, 1_000..2_000, 18..18, 0..1_000] {
        let text = rendered(Some(span.clone()), ProblemFormat::Human);
        assert!(text.contains("permit (x);") || text.contains("// é"), "{span:?}: {text}");
        assert!(rendered(Some(span), ProblemFormat::Short).contains("a.cedar:"));
    }
}

#[test]
fn columns_count_characters() {
    assert_eq!(position("aéb\nc", 3), (1, 3));
    assert_eq!(position("aéb\nc", 5), (2, 1));
    assert_eq!(position("", 0), (1, 1));
}
