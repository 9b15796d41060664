use serde::Deserialize;
use serde_saphyr::Spanned;

use palisade_core::Problem;
use palisade_engine::SourceFile;

use super::{read, span};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sample {
    name: Spanned<String>,
    #[serde(default)]
    flag: bool,
}

fn file(text: &str) -> SourceFile {
    SourceFile { name: "tests/a.yaml".into(), text: text.into() }
}

fn refused(text: &str) -> Problem {
    let problem = read::<Sample>(&file(text)).unwrap_err();
    assert_eq!(problem.code, "yaml.invalid");
    assert_eq!(problem.file.as_deref(), Some("tests/a.yaml"));
    assert!(!problem.message.contains('\n'), "{}", problem.message);
    problem
}

#[test]
fn a_value_is_found_in_its_file_in_bytes() {
    let file = file("# äöü\nname: grüße\nflag: true\n");
    let sample: Sample = read(&file).unwrap();
    assert!(sample.flag);
    let span = span(&file, &sample.name).unwrap();
    assert_eq!(file.text.get(span), Some("grüße"));
}

#[test]
fn an_unknown_key_is_pointed_at() {
    let text = "name: a\nnmae: b\n";
    let problem = refused(text);
    assert!(problem.message.contains("nmae"), "{}", problem.message);
    assert_eq!(text.get(problem.span.unwrap().start..), Some("nmae: b\n"));
}

#[test]
fn what_yaml_leaves_open_is_refused() {
    for text in [
        "",
        "name: a\nname: b\n",
        "name: a\n---\nname: b\n",
        "name: a\nflag: yes\n",
        "name: a\n<<: {flag: true}\n",
        "name: [a\n",
        "name: *missing\n",
    ] {
        refused(text);
    }
}
