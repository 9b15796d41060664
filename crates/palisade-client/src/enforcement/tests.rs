use super::*;

fn response(outcome: i32, dry_run: bool) -> v1::AuthorizeResponse {
    v1::AuthorizeResponse { outcome, dry_run, ..Default::default() }
}

#[test]
fn only_an_allow_that_is_no_dry_run_is_allowed() {
    // One past the last outcome known, and numbers that no outcome has.
    for outcome in [-1, 0, 1, 2, 3, 4, i32::MAX] {
        for dry_run in [false, true] {
            let allowed =
                matches!(Enforcement::from(response(outcome, dry_run)), Enforcement::Allow(_));
            assert_eq!(allowed, outcome == 1 && !dry_run, "outcome {outcome}, dry run {dry_run}");
        }
    }
}

#[test]
fn a_challenge_is_a_challenge_unless_it_is_a_dry_run() {
    let challenge = v1::Outcome::Challenge.into();
    assert!(matches!(Enforcement::from(response(challenge, false)), Enforcement::Challenge(_)));
    assert!(matches!(Enforcement::from(response(challenge, true)), Enforcement::Deny(_)));
}

#[test]
fn the_response_of_a_dry_run_still_says_what_was_decided() {
    let enforcement = Enforcement::from(response(v1::Outcome::Allow.into(), true));
    assert_eq!(enforcement.response().outcome(), v1::Outcome::Allow);
}

#[test]
fn a_result_without_content_is_an_error() {
    let wire = v1::AuthorizeResult { request_id: "r-1".to_owned(), result: None };
    assert_eq!(Answer::from(wire).result.unwrap_err().reason, "result_missing");
}
