use crate::{Scope, text};

fn redacted(input: &str) -> String {
    text(input, Scope::SecretsAndPersonal).text.into_owned()
}

#[test]
fn only_the_part_that_hides_something_is_masked() {
    assert_eq!(redacted("q=1&to=jane%40example.org&page=2"), "q=1&to=[redacted:email]&page=2");
    assert_eq!(redacted(r"see jane\u0040example.org there"), "see [redacted:email] there");
    assert_eq!(redacted("<b>jane&#64;example.org</b>"), "<b>[redacted:email]</b>");
    assert_eq!(redacted("ssn 536\u{2011}22\u{2011}8726."), "ssn [redacted:us_ssn].");
    assert_eq!(redacted("ja\u{200b}ne\u{ff20}example.org"), "[redacted:email]");
}

#[test]
fn tokens_that_hold_text_are_masked_whole() {
    assert_eq!(redacted("x amFuZUBleGFtcGxlLm9yZw== y"), "x [redacted:email] y");
    assert_eq!(redacted("x 6a616e65406578616d706c652e6f7267 y"), "x [redacted:email] y");
}

#[test]
fn layers_are_taken_off_three_deep() {
    let once = "jane%40example.org";
    let twice = "jane%2540example.org";
    let thrice = "jane%252540example.org";
    let four = "jane%25252540example.org";
    for hidden in [once, twice, thrice] {
        assert_eq!(redacted(hidden), "[redacted:email]", "{hidden}");
    }
    assert_eq!(redacted(four), four);
}

#[test]
fn broken_encodings_are_left_alone() {
    for broken in [
        "100%",
        "%",
        "%4",
        "%zz",
        "\\",
        "\\u00",
        "\\u{",
        "\\ud800",
        "&",
        "&;",
        "&#;",
        "&#x110000;",
        "%f0%9f%92",
        "%ff%fe",
    ] {
        assert_eq!(redacted(broken), broken);
    }
}
