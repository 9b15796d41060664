use proptest::prelude::*;

use super::*;

#[test]
fn an_id_gives_its_parts_back() {
    let id = SpiffeId::parse("spiffe://prod.example-1.org/ns/Staging_2/sa/de.fault").unwrap();
    assert_eq!(id.trust_domain().as_str(), "prod.example-1.org");
    assert_eq!(id.trust_domain().id(), "spiffe://prod.example-1.org");
    assert_eq!(id.path(), "/ns/Staging_2/sa/de.fault");
    assert_eq!(id.subject(), "ns/Staging_2/sa/de.fault");
    assert_eq!(id.to_string(), id.as_str());
    assert_eq!(id.as_str().parse::<SpiffeId>(), Ok(id));
}

#[test]
fn what_is_no_workload_id_is_refused_for_its_own_reason() {
    use SpiffeIdError::*;
    for (text, error) in [
        ("", Scheme),
        ("spiffe:/a/b", Scheme),
        ("spiffe:a/b", Scheme),
        ("SPIFFE://a/b", Scheme),
        ("Spiffe://a/b", Scheme),
        ("https://a/b", Scheme),
        (" spiffe://a/b", Scheme),
        ("a/b", Scheme),
        ("spiffe://", TrustDomainEmpty),
        ("spiffe:///b", TrustDomainEmpty),
        ("spiffe://A/b", TrustDomainCharacter),
        ("spiffe://exAmple.org/b", TrustDomainCharacter),
        ("spiffe://a:443/b", TrustDomainCharacter),
        ("spiffe://a:/b", TrustDomainCharacter),
        ("spiffe://user@a/b", TrustDomainCharacter),
        ("spiffe://user:pw@a/b", TrustDomainCharacter),
        ("spiffe://[::1]/b", TrustDomainCharacter),
        ("spiffe://a%2eb/c", TrustDomainCharacter),
        ("spiffe://ä/b", TrustDomainCharacter),
        ("spiffe://a\0/b", TrustDomainCharacter),
        ("spiffe://a?b", TrustDomainCharacter),
        ("spiffe://a#b", TrustDomainCharacter),
        ("spiffe://a*/b", TrustDomainCharacter),
        ("spiffe://a", PathMissing),
        ("spiffe://a/", SegmentEmpty),
        ("spiffe://a//", SegmentEmpty),
        ("spiffe://a//b", SegmentEmpty),
        ("spiffe://a/b/", SegmentEmpty),
        ("spiffe://a/b//c", SegmentEmpty),
        ("spiffe://a/.", SegmentDots),
        ("spiffe://a/..", SegmentDots),
        ("spiffe://a/b/../c", SegmentDots),
        ("spiffe://a/b/./c", SegmentDots),
        ("spiffe://a/b?c", SegmentCharacter),
        ("spiffe://a/b?", SegmentCharacter),
        ("spiffe://a/b#c", SegmentCharacter),
        ("spiffe://a/b%2fc", SegmentCharacter),
        ("spiffe://a/%2e%2e", SegmentCharacter),
        ("spiffe://a/b c", SegmentCharacter),
        ("spiffe://a/b\n", SegmentCharacter),
        ("spiffe://a/b:c", SegmentCharacter),
        ("spiffe://a/b@c", SegmentCharacter),
        ("spiffe://a/b*", SegmentCharacter),
        ("spiffe://a/b\\c", SegmentCharacter),
        ("spiffe://a/ä", SegmentCharacter),
        ("spiffe://a/b\0", SegmentCharacter),
    ] {
        assert_eq!(SpiffeId::parse(text), Err(error), "{text:?}");
    }
}

#[test]
fn dots_within_a_segment_are_no_dot_segment() {
    for text in ["spiffe://a/...", "spiffe://a/.b", "spiffe://a/b..", "spiffe://a.b_-/-._"] {
        assert!(SpiffeId::parse(text).is_ok(), "{text}");
    }
}

#[test]
fn an_id_of_2048_bytes_is_read_and_one_of_2049_refused() {
    let id = |bytes: usize| format!("spiffe://a/{}", "b".repeat(bytes - "spiffe://a/".len()));
    assert!(SpiffeId::parse(&id(SPIFFE_ID_BYTES_MAX)).is_ok());
    let long = SpiffeId::parse(&id(SPIFFE_ID_BYTES_MAX + 1));
    assert_eq!(long, Err(SpiffeIdError::TooLong { bytes: 2049 }));
}

#[test]
fn a_trust_domain_of_255_bytes_is_read_and_one_of_256_refused() {
    assert!(TrustDomain::parse(&"a".repeat(TRUST_DOMAIN_BYTES_MAX)).is_ok());
    let long = SpiffeIdError::TrustDomainTooLong { bytes: 256 };
    assert_eq!(TrustDomain::parse(&"a".repeat(256)), Err(long));
    assert_eq!(SpiffeId::parse(&format!("spiffe://{}/b", "a".repeat(256))), Err(long));
}

#[test]
fn a_trust_domain_has_an_id_without_a_path() {
    let domain = TrustDomain::parse("a.example").unwrap();
    assert_eq!(TrustDomain::parse_id("spiffe://a.example"), Ok(domain.clone()));
    assert_eq!(TrustDomain::parse_id(&domain.id()), Ok(domain.clone()));
    assert_eq!(domain.to_string().parse(), Ok(domain));
    for path in ["/", "/b", "//"] {
        let id = TrustDomain::parse_id(&format!("spiffe://a.example{path}"));
        assert_eq!(id, Err(SpiffeIdError::PathUnexpected), "{path}");
    }
    assert_eq!(TrustDomain::parse_id("a.example"), Err(SpiffeIdError::Scheme));
    assert_eq!(TrustDomain::parse_id("spiffe://"), Err(SpiffeIdError::TrustDomainEmpty));
}

proptest! {
    #[test]
    fn any_text_is_answered_and_what_is_read_is_kept(text in ".{0,80}|(spiffe://)?[a-zA./%?#:@ -]{0,20}") {
        if let Ok(id) = SpiffeId::parse(&text) {
            prop_assert_eq!(id.as_str(), &text);
            prop_assert_eq!(format!("spiffe://{}{}", id.trust_domain(), id.path()), text);
            prop_assert!(!id.subject().is_empty());
        }
    }

    #[test]
    fn ids_of_the_grammar_are_read(
        domain in "[a-z0-9._-]{1,40}",
        path in prop::collection::vec("[a-zA-Z0-9_-][a-zA-Z0-9._-]{0,9}", 1..6),
    ) {
        let id = SpiffeId::parse(&format!("spiffe://{domain}/{}", path.join("/"))).unwrap();
        prop_assert_eq!(id.trust_domain().as_str(), domain);
        prop_assert_eq!(id.subject(), path.join("/"));
    }
}
