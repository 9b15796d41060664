use serde_json::json as value;

use super::*;

const ALL: Scope = Scope::SecretsAndPersonal;
const NONE: &[&str] = &[];

fn found(findings: &[Finding]) -> Vec<(&str, &str)> {
    findings.iter().map(|finding| (finding.pointer.as_str(), finding.kind.as_str())).collect()
}

#[test]
fn values_are_judged_beside_their_keys() {
    let mut input = value!({
        "password": "hunter2",
        "user": { "first_name": "Ada", "note": "call +49 30 901820" },
        "list": [{ "name": "DB_PASSWORD", "value": "hunter2" }],
        "tokens": ["a1b2c3d4e5f6"],
        "city": "Paris",
    });
    let findings = json(&mut input, NONE, ALL);
    assert_eq!(
        found(&findings),
        [
            ("/list/0/value", "password"),
            ("/password", "password"),
            ("/tokens/0", "token"),
            ("/user/first_name", "person_name"),
            ("/user/note", "phone_number"),
        ]
    );
    let expected = value!({
        "password": "[redacted:password]",
        "user": { "first_name": "[redacted:person_name]", "note": "call [redacted:phone_number]" },
        "list": [{ "name": "DB_PASSWORD", "value": "[redacted:password]" }],
        "tokens": ["[redacted:token]"],
        "city": "Paris",
    });
    assert_eq!(input, expected);
}

#[test]
fn numbers_are_looked_at() {
    let mut input = value!({ "a": 4_111_111_111_111_111_u64, "b": 42, "c": 5.5, "ssn": 536_228_726, "pin": 1234, "d": 5_555_555_555_554_444.0_f64 });
    let findings = json(&mut input, NONE, ALL);
    let expected =
        [("/a", "card_number"), ("/d", "card_number"), ("/pin", "pin"), ("/ssn", "us_ssn")];
    assert_eq!(found(&findings), expected);
    assert_eq!(input["a"], "[redacted:card_number]");
    assert_eq!(input["b"], 42);
}

#[test]
fn catalogued_fields_are_masked_whatever_they_hold() {
    let mut input =
        value!({ "a": { "x/y": [1, 2] }, "b": [{ "c": null, "d": 1 }, { "c": true }], "c": "x" });
    let findings = json(&mut input, &["/a/x~1y", "/b/*/c", "/none"], Scope::Secrets);
    let kind = "catalogued";
    assert_eq!(found(&findings), [("/a/x~1y", kind), ("/b/0/c", kind), ("/b/1/c", kind)]);
    let mask = "[redacted:catalogued]";
    assert_eq!(
        input,
        value!({ "a": { "x/y": mask }, "b": [{ "c": mask, "d": 1 }, { "c": mask }], "c": "x" })
    );
    let mut whole = value!({ "a": 1 });
    assert_eq!(found(&json(&mut whole, &[""], Scope::Secrets)), [("", kind)]);
    assert_eq!(whole, value!(mask));
}

#[test]
fn keys_are_masked_and_none_is_lost() {
    let mut input = value!({ "a@example.com": 1, "b@example.com": 2, "[redacted:email]": 3, "x": { "c@example.com": "d@example.com" } });
    let findings = json(&mut input, NONE, ALL);
    let expected = value!({ "[redacted:email]": 3, "[redacted:email] (2)": 1, "[redacted:email] (3)": 2, "x": { "[redacted:email]": "[redacted:email]" } });
    assert_eq!(input, expected);
    let pointers = ["/[redacted:email] (2)", "/[redacted:email] (3)", "/x/[redacted:email]"];
    assert_eq!(found(&findings), pointers.map(|pointer| (pointer, "email")));
    assert!(json(&mut input, NONE, ALL).is_empty());
}

#[test]
fn what_is_nested_too_deep_is_masked_unseen() {
    let nested = |depth| (0..depth).fold(value!("x"), |inner, _| value!([inner]));
    let mut fits = nested(DEPTH_MAX);
    assert!(json(&mut fits, NONE, ALL).is_empty());
    let mut deep = nested(DEPTH_MAX + 1);
    let findings = json(&mut deep, NONE, ALL);
    assert_eq!(findings.first().map(|finding| finding.kind.as_str()), Some("unscannable"));
}

#[test]
fn secrets_alone_leave_personal_data() {
    let mut input = value!({ "email": "a@example.com", "password": "hunter2" });
    assert_eq!(found(&json(&mut input, NONE, Scope::Secrets)), [("/password", "password")]);
    assert_eq!(input["email"], "a@example.com");
}

#[test]
fn what_is_listed_is_bounded_and_all_of_it_is_masked() {
    let mail = |at: usize| Value::String(format!("someone{at}@example.org"));
    let mut value = value!((0..1_500).map(mail).collect::<Vec<_>>());
    let findings = json(&mut value, NONE, ALL);
    assert!(!value.to_string().contains("@example.org"));
    assert_eq!(findings.len(), 1_001);
    assert_eq!(found(&findings)[0], ("", "more_than_listed"));
    let mut value = value!({ "é".repeat(600): [mail(1)] });
    let findings = json(&mut value, NONE, ALL);
    assert_eq!(findings[0].pointer, format!("/{}…", "é".repeat(255)));
}
