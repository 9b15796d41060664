//! Paths from leaves to authorities: who may sign for whom, and until when.

use super::*;

#[test]
fn an_authority_signs_for_its_own_trust_domain_only() {
    let Some(openssl) = Openssl::with_chain() else { return };
    openssl.make(Order::authority("evil", "evil"));
    openssl.make(Order::workload("forged", "evil"));
    let (good, evil) = (openssl.pem("root"), openssl.pem("evil"));
    let verifier = verifier(&[("good.example", &good), ("evil.example", &evil)]);
    let forged = verifier.verify(&[openssl.der("forged")], in_days(1));
    assert_eq!(forged, Err(SvidError::Untrusted));
    // Nor does it help to send its own certificate along, or to sign in two steps.
    let forged = verifier.verify(&[openssl.der("forged"), openssl.der("evil")], in_days(1));
    assert_eq!(forged, Err(SvidError::Untrusted));
    let other = WORKLOAD.replace("good.example", "evil.example");
    openssl.make(Order { extensions: &other, ..Order::workload("own", "evil") });
    assert!(verifier.verify(&[openssl.der("own")], in_days(1)).is_ok());
}

#[test]
fn a_root_of_the_same_name_with_another_key_is_another_root() {
    let Some(openssl) = Openssl::with_chain() else { return };
    openssl.make(Order { subject: "root", ..Order::authority("twin", "twin") });
    openssl.make(Order::workload("forged", "twin"));
    assert_eq!(openssl.verify(&["forged"], in_days(1)), Err(SvidError::Untrusted));
    assert_eq!(openssl.verify(&["forged", "twin"], in_days(1)), Err(SvidError::Untrusted));
    // While keys are rotated both are trusted, under the same name.
    let both = [openssl.pem("twin"), openssl.pem("root")].concat();
    let verifier = verifier(&[("good.example", &both)]);
    for chain in [&["forged"][..], &["leaf", "intermediate"]] {
        let chain: Vec<_> = chain.iter().map(|name| openssl.der(name)).collect();
        assert!(verifier.verify(&chain, in_days(1)).is_ok());
    }
}

#[test]
fn without_its_intermediate_a_leaf_is_refused() {
    let Some(openssl) = Openssl::with_chain() else { return };
    assert_eq!(openssl.verify(&["leaf"], in_days(1)), Err(SvidError::Untrusted));
    assert_eq!(openssl.verify(&["leaf", "root"], in_days(1)), Err(SvidError::Untrusted));
}

#[test]
fn authorities_that_all_have_one_name_cost_little_and_prove_nothing() {
    let Some(openssl) = Openssl::with_chain() else { return };
    // Every one could be the issuer of every other, and of the leaf.
    let namesakes = ["a", "b", "c", "d", "e"];
    for name in namesakes {
        openssl.make(Order { subject: "root", ..Order::authority(name, name) });
    }
    openssl.make(Order::workload("forged", "a"));
    let chain = [&["forged"], &namesakes[..]].concat();
    assert_eq!(chain.len(), CHAIN_CERTIFICATES_MAX);
    assert_eq!(openssl.verify(&chain, in_days(1)), Err(SvidError::Untrusted));
}

/// What a chain over an intermediate with these extensions is taken for.
fn over(openssl: &Openssl, extensions: &str) -> Result<(), SvidError> {
    openssl.make(Order { extensions, ..Order::authority("case", "root") });
    openssl.make(Order::workload("below", "case"));
    openssl.verify(&["below", "case"], in_days(1)).map(|_svid| ())
}

#[test]
fn intermediates_are_authorities_of_the_leafs_trust_domain() {
    let Some(openssl) = Openssl::with_chain() else { return };
    let ca = "basicConstraints=critical,CA:TRUE\n";
    let sign = "keyUsage=critical,keyCertSign\n";
    let name = "subjectAltName=URI:spiffe://good.example\n";
    for (extensions, expected) in [
        (format!("{ca}{sign}{name}"), Ok(())),
        (format!("{ca}{sign}"), Ok(())),
        (format!("{ca}{sign}subjectAltName=DNS:ca.example\n"), Ok(())),
        (format!("{ca}{sign}{name}extendedKeyUsage=clientAuth\n"), Ok(())),
        (WORKLOAD.to_owned(), Err(SvidError::IssuerIsNoAuthority)),
        (format!("{sign}{name}"), Err(SvidError::IssuerIsNoAuthority)),
        (format!("basicConstraints=CA:FALSE\n{sign}"), Err(SvidError::IssuerIsNoAuthority)),
        (format!("{ca}{name}"), Err(SvidError::IssuerMayNotSign)),
        (format!("{ca}keyUsage=critical,cRLSign\n{name}"), Err(SvidError::IssuerMayNotSign)),
        (
            format!("{ca}{sign}subjectAltName=URI:spiffe://good.example/ca\n"),
            Err(SvidError::IssuerId),
        ),
        (
            format!("{ca}{sign}subjectAltName=URI:spiffe://other.example\n"),
            Err(SvidError::IssuerId),
        ),
        (
            format!(
                "{ca}{sign}subjectAltName=URI:spiffe://good.example,URI:spiffe://good.example\n"
            ),
            Err(SvidError::IssuerId),
        ),
        (
            format!("{ca}{sign}{name}extendedKeyUsage=serverAuth\n"),
            Err(SvidError::ExtendedKeyUsage),
        ),
        (format!("{ca}{sign}{name}1.2.3.4=critical,DER:0500\n"), Err(SvidError::CriticalExtension)),
    ] {
        assert_eq!(over(&openssl, &extensions), expected, "{extensions}");
    }
}

#[test]
fn certificates_beside_the_path_are_authorities_as_well() {
    let Some(openssl) = Openssl::with_chain() else { return };
    openssl.make(Order::workload("other", "intermediate"));
    let chain = ["leaf", "intermediate", "other"];
    assert_eq!(openssl.verify(&chain, in_days(1)), Err(SvidError::IssuerIsNoAuthority));
}

#[test]
fn name_constraints_are_held_and_those_on_uris_exclude_everybody() {
    let Some(openssl) = Openssl::with_chain() else { return };
    for (constraint, expected) in [
        ("permitted;DNS:elsewhere.example", Ok(())),
        ("permitted;URI:good.example", Err(SvidError::NameConstraint)),
        ("permitted;URI:other.example", Err(SvidError::NameConstraint)),
        ("excluded;URI:good.example", Err(SvidError::NameConstraint)),
        ("excluded;URI:other.example", Err(SvidError::NameConstraint)),
    ] {
        let extensions = format!("{AUTHORITY}nameConstraints=critical,{constraint}\n");
        assert_eq!(over(&openssl, &extensions), expected, "{constraint}");
        // And so they are when they stand in the anchor.
        openssl.make(Order { extensions: &extensions, ..Order::authority("top", "top") });
        openssl.make(Order::workload("under", "top"));
        let verifier = verifier(&[("good.example", &openssl.pem("top"))]);
        let svid = verifier.verify(&[openssl.der("under")], in_days(1)).map(|_svid| ());
        assert_eq!(svid, expected, "{constraint}");
    }
}

#[test]
fn no_authority_signs_deeper_than_it_may() {
    let Some(openssl) = Openssl::with_chain() else { return };
    let deep = |depth: u32| AUTHORITY.replace("CA:TRUE", &format!("CA:TRUE,pathlen:{depth}"));
    // In an intermediate.
    for (depth, expected) in [(0, Err(SvidError::PathTooLong)), (1, Ok(()))] {
        openssl.make(Order { extensions: &deep(depth), ..Order::authority("one", "root") });
        openssl.make(Order::authority("two", "one"));
        openssl.make(Order::workload("end", "two"));
        let svid = openssl.verify(&["end", "two", "one"], in_days(1)).map(|_svid| ());
        assert_eq!(svid, expected, "{depth}");
        openssl.make(Order::workload("direct", "one"));
        assert!(openssl.verify(&["direct", "one"], in_days(1)).is_ok());
    }
    // In the anchor.
    for (depth, expected) in [(0, Err(SvidError::PathTooLong)), (1, Ok(()))] {
        openssl.make(Order { extensions: &deep(depth), ..Order::authority("root", "root") });
        openssl.make(Order::authority("one", "root"));
        openssl.make(Order::workload("end", "one"));
        let svid = openssl.verify(&["end", "one"], in_days(1)).map(|_svid| ());
        assert_eq!(svid, expected, "{depth}");
        openssl.make(Order::workload("direct", "root"));
        assert!(openssl.verify(&["direct"], in_days(1)).is_ok());
    }
}

#[test]
fn of_two_anchors_with_one_key_the_wider_counts() {
    let Some(openssl) = Openssl::with_chain() else { return };
    let narrow = AUTHORITY.replace("CA:TRUE", "CA:TRUE,pathlen:0");
    openssl.make(Order { extensions: &narrow, days: 3, ..Order::authority("root", "root") });
    let narrow = openssl.pem("root");
    openssl.make(Order::authority("root", "root"));
    let wide = openssl.pem("root");
    let chain = [openssl.der("leaf"), openssl.der("intermediate")];
    for pem in [[&narrow[..], &wide[..]].concat(), [&wide[..], &narrow[..]].concat()] {
        let svid = verifier(&[("good.example", &pem)]).verify(&chain, in_days(1)).unwrap();
        assert!(svid.expires > in_days(9), "{svid:?}");
    }
    let svid = verifier(&[("good.example", &narrow)]).verify(&chain, in_days(1));
    assert_eq!(svid, Err(SvidError::PathTooLong));
}

#[test]
fn a_chain_is_good_until_the_last_instant_of_whatever_ends_first() {
    let Some(openssl) = Openssl::new() else { return };
    for (root, intermediate, leaf) in [(9, 9, 3), (9, 3, 9), (3, 9, 9)] {
        openssl.make(Order { days: root, ..Order::authority("root", "root") });
        openssl.make(Order { days: intermediate, ..Order::authority("intermediate", "root") });
        openssl.make(Order { days: leaf, ..Order::workload("leaf", "intermediate") });
        let chain = ["leaf", "intermediate"];
        let expires = openssl.verify(&chain, in_days(1)).unwrap().expires;
        assert!((in_days(2)..in_days(4)).contains(&expires), "{expires}");
        let last = EpochMillis::new(expires.as_millis() - 1);
        assert!(openssl.verify(&chain, last).is_ok());
        assert_eq!(openssl.verify(&chain, expires), Err(SvidError::Expired));
        assert_eq!(openssl.verify(&chain, in_days(5)), Err(SvidError::Expired));
    }
}

#[test]
fn a_chain_is_not_good_before_its_first_instant() {
    let Some(openssl) = Openssl::with_chain() else { return };
    let chain = ["leaf", "intermediate"];
    for now in [in_days(-1), EpochMillis::new(0), EpochMillis::new(-1), EpochMillis::new(i64::MIN)]
    {
        assert_eq!(openssl.verify(&chain, now), Err(SvidError::NotYetValid), "{now}");
    }
    assert_eq!(openssl.verify(&chain, EpochMillis::new(i64::MAX)), Err(SvidError::Expired));
    // The certificates' own first second.
    let text =
        openssl.run(&["x509", "-in", "leaf.pem", "-noout", "-startdate", "-dateopt", "iso_8601"]);
    let text = String::from_utf8(text).unwrap();
    let start = text.trim().strip_prefix("notBefore=").unwrap().replace(' ', "T");
    let start = EpochMillis::parse_rfc3339(&start).unwrap();
    assert!(openssl.verify(&chain, start).is_ok(), "{start}");
    let before = EpochMillis::new(start.as_millis() - 1);
    assert_eq!(openssl.verify(&chain, before), Err(SvidError::NotYetValid), "{before}");
}
