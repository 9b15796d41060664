//! Pins: which are well formed, and what they accept.

use super::super::forge::pins;
use super::*;

const IDENTITY: &str =
    "https://github.com/example/agent/.github/workflows/release.yml@refs/heads/main";
const ISSUER: &str = "https://token.actions.githubusercontent.com";

fn signer(identity: &str, issuer: &str) -> WorkflowIdentity {
    WorkflowIdentity { identity: identity.to_owned(), issuer: issuer.to_owned() }
}

fn with_workflow(identity: &str, issuer: &str) -> Result<CodePolicy, CodePolicyError> {
    CodePolicy::new(&CodePins { workflows: vec![signer(identity, issuer)], ..pins() })
}

#[test]
fn policy_without_builder_or_source_is_refused() {
    assert_eq!(
        CodePolicy::new(&CodePins { builders: vec![], ..pins() }),
        Err(CodePolicyError::NoBuilder)
    );
    assert_eq!(
        CodePolicy::new(&CodePins { sources: vec![], ..pins() }),
        Err(CodePolicyError::NoSource)
    );
    assert_eq!(CodePolicy::new(&CodePins::default()), Err(CodePolicyError::NoBuilder));
}

#[test]
fn policy_without_workflows_accepts_no_signer() {
    let policy = CodePolicy::new(&CodePins { workflows: vec![], ..pins() }).unwrap();
    assert!(policy.check_signer(&signer(IDENTITY, ISSUER)).is_err());
    assert!(policy.check_signer(&signer("", "")).is_err());
}

#[test]
fn pins_that_are_no_uris_are_refused() {
    for pin in
        ["", "builder", ":", "https:", " https://a", "https://a b", "https://ä", "1:a", "a\n:b"]
    {
        let expected = Err(CodePolicyError::NotAUri { pin: pin.to_owned() });
        assert_eq!(
            CodePolicy::new(&CodePins { builders: vec![pin.to_owned()], ..pins() }),
            expected
        );
        assert_eq!(with_workflow(pin, ISSUER), expected);
        assert_eq!(with_workflow(IDENTITY, pin), expected);
    }
}

#[test]
fn every_pin_is_checked() {
    let mut pins = pins();
    pins.builders.push("no uri".to_owned());
    assert!(matches!(CodePolicy::new(&pins), Err(CodePolicyError::NotAUri { .. })));
    pins.builders.pop();
    pins.sources.push("https://github.com".to_owned());
    assert!(matches!(CodePolicy::new(&pins), Err(CodePolicyError::Source { .. })));
    pins.sources.pop();
    pins.workflows.push(signer("https://github.com/*", ISSUER));
    assert!(matches!(CodePolicy::new(&pins), Err(CodePolicyError::Star { .. })));
    pins.workflows.pop();
    CodePolicy::new(&pins).unwrap();
}

#[test]
fn workflow_is_compared_exactly_with_its_issuer() {
    let policy = with_workflow(IDENTITY, ISSUER).unwrap();
    policy.check_signer(&signer(IDENTITY, ISSUER)).unwrap();
    for other in [
        signer(IDENTITY, "https://gitlab.com"),
        signer(IDENTITY, &format!("{ISSUER}/")),
        signer(IDENTITY, ""),
        signer(&format!("{IDENTITY}2"), ISSUER),
        signer(&IDENTITY.replace("main", "mai"), ISSUER),
        signer(&IDENTITY.replace("release", "test"), ISSUER),
        signer(&IDENTITY.replace("example", "Example"), ISSUER),
        signer(ISSUER, IDENTITY),
    ] {
        let error = policy.check_signer(&other).unwrap_err();
        assert_eq!(error.code(), "signer_not_pinned");
    }
}

#[test]
fn identity_of_one_pin_and_issuer_of_another_are_no_signer() {
    let policy = CodePolicy::new(&CodePins {
        workflows: vec![signer(IDENTITY, ISSUER), signer("https://a/b", "https://gitlab.com")],
        ..pins()
    })
    .unwrap();
    policy.check_signer(&signer("https://a/b", "https://gitlab.com")).unwrap();
    assert!(policy.check_signer(&signer(IDENTITY, "https://gitlab.com")).is_err());
    assert!(policy.check_signer(&signer("https://a/b", ISSUER)).is_err());
}

#[test]
fn star_opens_the_ref_only() {
    let workflow = "https://github.com/example/agent/.github/workflows/release.yml";
    let policy = with_workflow(&format!("{workflow}@refs/tags/*"), ISSUER).unwrap();
    policy.check_signer(&signer(&format!("{workflow}@refs/tags/v1.2.3"), ISSUER)).unwrap();
    for other in [
        format!("{workflow}@refs/heads/main"),
        format!("{workflow}@refs/tags"),
        format!("{workflow}2@refs/tags/v1"),
        "https://github.com/other/agent/.github/workflows/release.yml@refs/tags/v1".to_owned(),
    ] {
        assert!(policy.check_signer(&signer(&other, ISSUER)).is_err(), "{other}");
    }
    assert!(
        policy
            .check_signer(&signer(&format!("{workflow}@refs/tags/v1"), "https://gitlab.com"))
            .is_err()
    );
}

#[test]
fn star_elsewhere_is_refused() {
    for identity in [
        "https://github.com/example/*",
        "https://github.com/*/agent/.github/workflows/release.yml@refs/tags/v1",
        "https://github.com/example/agent/.github/workflows/*@refs/tags/v1",
        "https://github.com/example/agent/.github/workflows/release.yml@*",
        "https://github.com/example/agent/.github/workflows/release.yml@main/*",
        "https://github.com/example@agent/*",
        "https://github.com/example/agent/.github/workflows/release.yml@refs/tags/v*",
        "https://github.com/example/agent/.github/workflows/release.yml@refs/*/*",
        "https://github.com/example/agent/.github/workflows/release.yml@refs/tags/**",
        "https://*",
    ] {
        assert_eq!(
            with_workflow(identity, ISSUER),
            Err(CodePolicyError::Star { pin: identity.to_owned() })
        );
        assert_eq!(
            CodePolicy::new(&CodePins { builders: vec![identity.to_owned()], ..pins() }),
            Err(CodePolicyError::Star { pin: identity.to_owned() })
        );
    }
    // An issuer with a star is just an issuer that nobody has.
    let policy = with_workflow(IDENTITY, "https://*").unwrap();
    assert!(policy.check_signer(&signer(IDENTITY, ISSUER)).is_err());
}
