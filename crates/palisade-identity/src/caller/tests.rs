use std::collections::HashMap;
use std::error::Error as _;

use proptest::prelude::*;

use super::*;
use crate::openssl::{Openssl, Order, WORKLOAD, in_days};
use crate::spiffe::TrustDomain;
use crate::trust_bundle::TrustBundle;
use crate::x509::SvidError;

const NOW: EpochMillis = EpochMillis::new(1_000_000);

/// Takes `<issuer> <subject>` for a token.
#[derive(Debug)]
struct PlainTokens;

impl VerifyBearer for PlainTokens {
    fn verify_bearer(
        &self,
        token: &str,
        _now: EpochMillis,
    ) -> Result<Arc<VerifiedBearer>, BearerRefusal> {
        let (issuer, subject) = token.split_once(' ').ok_or(BearerRefusal { code: "signature" })?;
        Ok(Arc::new(VerifiedBearer {
            issuer: IssuerName::new(issuer).unwrap(),
            subject: Subject::new(subject.trim_start()).unwrap(),
            expires: EpochMillis::new(NOW.as_millis() + 1000),
            issued_at: None,
            session: None,
            actor: format!("service:{issuer}:{}", subject.trim_start()).parse().unwrap(),
        }))
    }
}

fn token(issuer: &str, subject: &str) -> CallerProof {
    CallerProof::Token {
        issuer: IssuerName::new(issuer).unwrap(),
        subject: Subject::new(subject).unwrap(),
    }
}

fn certificate(pattern: &str) -> CallerProof {
    CallerProof::Certificate(pattern.parse().unwrap())
}

fn config(name: &str, role: Role, credentials: Vec<CallerProof>) -> CallerConfig {
    CallerConfig {
        name: name.to_owned(),
        credentials,
        roles: vec![role],
        pep: (role == Role::Pep)
            .then(|| PepRights { tools: vec![ToolPattern::Any], ..PepRights::default() }),
        rate: Rate::DEFAULT,
    }
}

fn with_tokens(configs: Vec<CallerConfig>) -> Result<Callers, CallersError> {
    let nothing = SvidVerifier::new(Arc::new(HashMap::new()));
    Callers::new(configs, Some(nothing), Some(Arc::new(PlainTokens)))
}

fn refusal(code: &'static str) -> CallerRefusal {
    CallerRefusal::Bearer(BearerRefusal { code })
}

#[test]
fn a_token_is_its_issuers_and_subjects_caller() {
    let callers = with_tokens(vec![
        config("one", Role::Pep, vec![token("idp", "gateway")]),
        config("two", Role::Operator, vec![token("idp", "ops"), token("other", "gateway")]),
    ])
    .unwrap();
    let ask = |token| callers.authenticate(CallerCredential::Bearer(token), NOW);
    let one = ask("idp gateway").unwrap();
    assert_eq!((one.caller.name(), one.caller.roles()), ("one", &[Role::Pep][..]));
    assert!(one.caller.has(Role::Pep) && !one.caller.has(Role::Operator));
    assert!(one.caller.pep().is_some_and(|rights| rights.may_ask_for("crm.lookup")));
    assert_eq!(one.identity.to_string(), "gateway of idp");
    assert_eq!(one.expires, EpochMillis::new(1_001_000));
    assert_eq!(one.caller.rate(), Rate::DEFAULT);
    for token in ["idp ops", "other gateway"] {
        let two = ask(token).unwrap();
        assert_eq!(two.caller.name(), "two", "{token}");
        assert!(two.caller.pep().is_none());
    }
    for token in ["idp nobody", "other ops", "Idp gateway", "idp gateway2"] {
        assert_eq!(ask(token).unwrap_err(), CallerRefusal::Unknown, "{token}");
    }
    assert_eq!(ask("forged").unwrap_err(), refusal("signature"));
}

#[test]
fn a_token_is_no_longer_taken_from_the_instant_it_ends() {
    let callers = with_tokens(vec![config("one", Role::Auditor, vec![token("idp", "a")])]).unwrap();
    let ask = |now| callers.authenticate(CallerCredential::Bearer("idp a"), EpochMillis::new(now));
    assert!(ask(1_000_999).is_ok());
    assert_eq!(ask(1_001_000).unwrap_err(), refusal("expired"));
    let shown_before = ask(1_000_999).unwrap();
    let check = |now| callers.check(&shown_before, EpochMillis::new(now));
    assert_eq!(check(1_000_999), Ok(()));
    assert_eq!(check(1_001_000), Err(CallerRefusal::Expired));
}

#[test]
fn a_token_of_16_kib_is_looked_at_and_a_longer_one_is_not() {
    let callers = with_tokens(vec![config("one", Role::Auditor, vec![token("idp", "a")])]).unwrap();
    let ask = |bytes: usize| {
        let token = format!("idp {}a", " ".repeat(bytes - 5));
        assert_eq!(token.len(), bytes);
        callers.authenticate(CallerCredential::Bearer(&token), NOW)
    };
    assert!(ask(BEARER_BYTES_MAX).is_ok());
    assert_eq!(ask(BEARER_BYTES_MAX + 1).unwrap_err(), refusal("token_too_large"));
}

#[test]
fn a_certificate_is_the_caller_with_the_closest_pattern() {
    let Some(openssl) = Openssl::new() else { return };
    openssl.make(Order::authority("root", "root"));
    let bundle = TrustBundle::from_pem(&openssl.pem("root")).unwrap();
    let domain = TrustDomain::parse("good.example").unwrap();
    let verifier = SvidVerifier::new(Arc::new(HashMap::from([(domain, Arc::new(bundle))])));
    let callers = |patterns: [(&str, &str); 4]| {
        let configs = patterns.map(|(name, pattern)| {
            config(name, Role::Pep, vec![certificate(&format!("spiffe://good.example/{pattern}"))])
        });
        Callers::new(configs.to_vec(), Some(verifier.clone()), None).unwrap()
    };
    // In whichever order they are configured.
    let patterns =
        [("gateways", "gateway/*"), ("eu", "gateway/eu"), ("asia", "gateway/asia/*"), ("a", "b/*")];
    let mut reversed = patterns;
    reversed.reverse();
    for callers in [callers(patterns), callers(reversed)] {
        for (path, expected) in [
            ("gateway/eu", Some("eu")),
            ("gateway/us", Some("gateways")),
            ("gateway/eu/1", Some("gateways")),
            ("gateway/asia", Some("gateways")),
            ("gateway/asia/1", Some("asia")),
            ("gateway", None),
            ("gateway2/eu", None),
        ] {
            let extensions = WORKLOAD.replace("gateway/eu", path);
            let leaf = Order { extensions: &extensions, ..Order::workload("leaf", "root") };
            let chain = [openssl.make(leaf)];
            let found = callers.authenticate(CallerCredential::Certificate(&chain), in_days(1));
            match expected {
                Some(name) => {
                    let found = found.unwrap();
                    assert_eq!(found.caller.name(), name, "{path}");
                    let id = format!("spiffe://good.example/{path}");
                    assert_eq!(found.identity.to_string(), id);
                    assert!((in_days(9)..in_days(11)).contains(&found.expires));
                }
                None => assert_eq!(found.unwrap_err(), CallerRefusal::Unknown, "{path}"),
            }
        }
    }
    let callers = callers(patterns);
    let refused = callers.authenticate(CallerCredential::Certificate(&[]), in_days(1));
    assert_eq!(refused.unwrap_err(), CallerRefusal::Certificate(SvidError::ChainEmpty));
    let chain = [openssl.der("leaf")];
    let refused = callers.authenticate(CallerCredential::Certificate(&chain), in_days(11));
    assert_eq!(refused.unwrap_err(), CallerRefusal::Certificate(SvidError::Expired));
    let refused = callers.authenticate(CallerCredential::Bearer("idp gateway"), in_days(1));
    assert_eq!(refused.unwrap_err(), CallerRefusal::Unsupported);
}

#[test]
fn without_a_verifier_of_certificates_none_is_taken() {
    let callers = Callers::new(Vec::new(), None, Some(Arc::new(PlainTokens))).unwrap();
    let refused = callers.authenticate(CallerCredential::Certificate(&[]), NOW);
    assert_eq!(refused.unwrap_err(), CallerRefusal::Unsupported);
}

#[test]
fn a_refused_caller_is_never_told_why() {
    let refusals = [
        (refusal("signature"), "signature"),
        (CallerRefusal::Certificate(SvidError::Untrusted), "untrusted"),
        (CallerRefusal::Unknown, "caller_unknown"),
        (CallerRefusal::Unsupported, "credential_unsupported"),
    ];
    for (refusal, code) in refusals {
        assert_eq!(refusal.to_string(), "the caller is not authenticated");
        assert_eq!(refusal.code(), code);
    }
    assert_eq!(CallerRefusal::PUBLIC_CODE, "unauthenticated");
    assert!(refusals[0].0.source().is_some());
}

#[test]
fn a_token_is_never_shown() {
    let shown = format!("{:?}", CallerCredential::Bearer("secret"));
    assert_eq!(shown, "Bearer(..)");
    let chain = [vec![1], vec![2]];
    assert_eq!(
        format!("{:?}", CallerCredential::Certificate(&chain)),
        "Certificate(2 certificates)"
    );
}

#[test]
fn callers_that_cannot_be_told_apart_are_refused() {
    for proof in [
        token("idp", "a"),
        certificate("spiffe://good.example/a"),
        certificate("spiffe://good.example/a/*"),
        certificate("spiffe://good.example/*"),
    ] {
        let two = with_tokens(vec![
            config("one", Role::Auditor, vec![proof.clone()]),
            config("two", Role::Auditor, vec![token("idp", "b"), proof.clone()]),
        ]);
        let expected = CallersError::Ambiguous { one: "one".to_owned(), other: "two".to_owned() };
        assert_eq!(two.err(), Some(expected), "{proof:?}");
        let one = with_tokens(vec![config("one", Role::Auditor, vec![proof.clone(), proof])]);
        let expected = CallersError::Ambiguous { one: "one".to_owned(), other: "one".to_owned() };
        assert_eq!(one.err(), Some(expected));
    }
    // These can: by issuer, by subject, by length.
    let distinct = with_tokens(vec![
        config("one", Role::Auditor, vec![token("idp", "a"), certificate("spiffe://a/b/*")]),
        config("two", Role::Auditor, vec![token("idp", "b"), certificate("spiffe://a/b/c/*")]),
        config("three", Role::Auditor, vec![token("idq", "a"), certificate("spiffe://a/b/c")]),
    ]);
    assert!(distinct.is_ok());
    let twice = with_tokens(vec![
        config("one", Role::Auditor, vec![token("idp", "a")]),
        config("one", Role::Auditor, vec![token("idp", "b")]),
    ]);
    assert_eq!(twice.err(), Some(CallersError::NameTaken { caller: "one".to_owned() }));
}

#[test]
fn a_caller_that_is_not_completely_described_is_refused() {
    let good = config("one", Role::Pep, vec![token("idp", "a")]);
    let caller = || "one".to_owned();
    let rights = good.pep.clone().unwrap();
    let nobody = AssertionRight { issuer: IssuerPattern::Any, kinds: Vec::new() };
    assert!(with_tokens(vec![good.clone()]).is_ok());
    for (config, error) in [
        (
            CallerConfig { credentials: Vec::new(), ..good.clone() },
            CallersError::CredentialsMissing { caller: caller() },
        ),
        (
            CallerConfig { roles: Vec::new(), ..good.clone() },
            CallersError::Roles { caller: caller() },
        ),
        (
            CallerConfig { roles: vec![Role::Pep, Role::Pep], ..good.clone() },
            CallersError::Roles { caller: caller() },
        ),
        (
            CallerConfig { pep: None, ..good.clone() },
            CallersError::PepRightsMissing { caller: caller() },
        ),
        (
            CallerConfig { roles: vec![Role::Auditor], ..good.clone() },
            CallersError::PepRightsUnexpected { caller: caller() },
        ),
        (
            CallerConfig { pep: Some(PepRights::default()), ..good.clone() },
            CallersError::RightsEmpty { caller: caller() },
        ),
        (
            CallerConfig {
                pep: Some(PepRights { assertions: vec![nobody], ..rights }),
                ..good.clone()
            },
            CallersError::RightsEmpty { caller: caller() },
        ),
        (CallerConfig { name: String::new(), ..good.clone() }, CallersError::Name),
        (CallerConfig { name: "a b".to_owned(), ..good.clone() }, CallersError::Name),
        (CallerConfig { name: "a\n".to_owned(), ..good.clone() }, CallersError::Name),
    ] {
        assert_eq!(with_tokens(vec![config.clone()]).err(), Some(error), "{config:?}");
    }
    let both = CallerConfig { roles: vec![Role::Operator, Role::Pep], ..good.clone() };
    assert!(with_tokens(vec![both]).is_ok());
    // What nothing verifies is no credential.
    let error = Some(CallersError::Unverifiable { caller: caller() });
    assert_eq!(Callers::new(vec![good.clone()], None, None).err(), error);
    let credentials = vec![certificate("spiffe://a/b")];
    let unverifiable = CallerConfig { credentials, ..good };
    let tokens: Arc<dyn VerifyBearer> = Arc::new(PlainTokens);
    assert_eq!(Callers::new(vec![unverifiable], None, Some(tokens)).err(), error);
}

#[test]
fn as_many_callers_credentials_and_letters_as_the_limits_say_are_taken_and_no_more() {
    let many = |count: usize| -> Vec<CallerConfig> {
        let one = |number: usize| {
            let name = format!("caller-{number}");
            config(&name, Role::Auditor, vec![token("idp", &name)])
        };
        (0..count).map(one).collect()
    };
    assert!(with_tokens(many(CALLERS_MAX)).is_ok());
    let error = CallersError::TooManyCallers { callers: CALLERS_MAX + 1 };
    assert_eq!(with_tokens(many(CALLERS_MAX + 1)).err(), Some(error));

    let credentials = |count: usize| {
        let proofs = (0..count).map(|number| token("idp", &number.to_string())).collect();
        with_tokens(vec![config("one", Role::Auditor, proofs)])
    };
    assert!(credentials(CALLER_CREDENTIALS_MAX).is_ok());
    let error = CallersError::TooManyCredentials { caller: "one".to_owned() };
    assert_eq!(credentials(CALLER_CREDENTIALS_MAX + 1).err(), Some(error));

    let named = |bytes: usize| {
        with_tokens(vec![config(&"n".repeat(bytes), Role::Auditor, vec![token("idp", "a")])])
    };
    assert!(named(CALLER_NAME_BYTES_MAX).is_ok());
    assert_eq!(named(CALLER_NAME_BYTES_MAX + 1).err(), Some(CallersError::Name));
}

#[test]
fn all_that_prove_to_be_a_caller_share_its_rate() {
    let mut shared = config("one", Role::Pep, vec![token("idp", "a"), token("idp", "b")]);
    shared.rate = Rate::new(1, 3).unwrap();
    let other = config("two", Role::Pep, vec![token("idp", "c")]);
    let callers = with_tokens(vec![shared, other]).unwrap();
    let take = |token, requests| {
        let found = callers.authenticate(CallerCredential::Bearer(token), NOW).unwrap();
        found.caller.take(requests, Duration::from_secs(9))
    };
    assert_eq!(take("idp a", 2), Ok(()));
    assert_eq!(take("idp b", 1), Ok(()));
    assert!(take("idp a", 1).is_err() && take("idp b", 1).is_err());
    assert_eq!(take("idp c", 1), Ok(()));
}

#[test]
fn roles_are_read_as_they_are_written() {
    for role in Role::ALL {
        assert_eq!(role.to_string().parse(), Ok(role));
    }
    assert_eq!("admin".parse::<Role>(), Err(ParseRoleError));
    assert_eq!("PEP".parse::<Role>(), Err(ParseRoleError));
}

proptest! {
    /// The index finds what looking at every pattern finds.
    #[test]
    fn the_closest_pattern_is_found(
        patterns in prop::collection::btree_set("[ab](/[ab]){0,3}(/\\*)?", 1..12),
        path in "[ab](/[ab]){0,4}",
    ) {
        let patterns: Vec<_> =
            patterns.iter().map(|pattern| format!("spiffe://td/{pattern}")).collect();
        let configs = patterns.iter().enumerate().map(|(number, pattern)| {
            config(&number.to_string(), Role::Auditor, vec![certificate(pattern)])
        });
        let index = config::CallerIndex::new(configs.collect()).unwrap();
        let id = SpiffeId::parse(&format!("spiffe://td/{path}")).unwrap();
        let expected = patterns
            .iter()
            .enumerate()
            .filter(|(_, pattern)| pattern.parse::<SpiffePattern>().unwrap().matches(&id))
            .max_by_key(|(_, pattern)| (!pattern.ends_with('*'), pattern.len()))
            .map(|(number, _)| number.to_string());
        let found = index.by_certificate(&id).map(|caller| caller.name().to_owned());
        prop_assert_eq!(found, expected);
    }
}
