//! What a leaf has to say, and what it must not.

use super::*;

/// A leaf's extensions beside its name.
const USAGE: &str = "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n";

/// What a leaf with these extensions, signed by the authority itself, is taken for.
fn verify(openssl: &Openssl, extensions: &str) -> Result<(), SvidError> {
    let leaf = openssl.make(Order { extensions, ..Order::workload("case", "root") });
    let root = openssl.pem("root");
    verifier(&[("good.example", &root)]).verify(&[leaf], in_days(1)).map(|_svid| ())
}

#[test]
fn leaves_have_what_the_standard_asks_for_and_nothing_more() {
    let Some(openssl) = Openssl::with_chain() else { return };
    let name = "subjectAltName=URI:spiffe://good.example/a\n";
    let no_ca = "basicConstraints=critical,CA:FALSE\n";
    let usage = "keyUsage=critical,digitalSignature\n";
    for (extensions, expected) in [
        (format!("{no_ca}{usage}{name}"), Ok(())),
        (format!("{usage}{name}"), Ok(())),
        (format!("{no_ca}keyUsage=critical,digitalSignature,keyAgreement\n{name}"), Ok(())),
        (format!("{no_ca}{usage}{name}extendedKeyUsage=clientAuth\n"), Ok(())),
        (format!("{no_ca}{usage}{name}extendedKeyUsage=critical,clientAuth,serverAuth\n"), Ok(())),
        (format!("basicConstraints=CA:TRUE\n{usage}{name}"), Err(SvidError::LeafIsAuthority)),
        (AUTHORITY.to_owned(), Err(SvidError::LeafIsAuthority)),
        (format!("{no_ca}{name}"), Err(SvidError::KeyUsageMissing)),
        (format!("{no_ca}keyUsage=digitalSignature\n{name}"), Err(SvidError::KeyUsage)),
        (format!("{no_ca}keyUsage=critical,keyAgreement\n{name}"), Err(SvidError::KeyUsage)),
        (
            format!("{no_ca}keyUsage=critical,digitalSignature,keyCertSign\n{name}"),
            Err(SvidError::LeafMaySign),
        ),
        (
            format!("{no_ca}keyUsage=critical,digitalSignature,cRLSign\n{name}"),
            Err(SvidError::LeafMaySign),
        ),
        (
            format!("{no_ca}{usage}{name}extendedKeyUsage=serverAuth\n"),
            Err(SvidError::ExtendedKeyUsage),
        ),
        (
            format!("{no_ca}{usage}{name}extendedKeyUsage=anyExtendedKeyUsage\n"),
            Err(SvidError::ExtendedKeyUsage),
        ),
        (format!("{no_ca}{usage}{name}1.2.3.4=DER:0500\n"), Ok(())),
        (
            format!("{no_ca}{usage}{name}1.2.3.4=critical,DER:0500\n"),
            Err(SvidError::CriticalExtension),
        ),
    ] {
        assert_eq!(verify(&openssl, &extensions), expected, "{extensions}");
    }
}

#[test]
fn leaves_name_exactly_one_workload_of_a_known_trust_domain() {
    let Some(openssl) = Openssl::with_chain() else { return };
    let good = "URI:spiffe://good.example/a";
    for (names, expected) in [
        ("", Err(SvidError::IdMissing)),
        ("DNS:good.example", Err(SvidError::IdMissing)),
        ("email:a@good.example", Err(SvidError::IdMissing)),
        (&format!("{good},DNS:good.example,IP:10.0.0.1"), Ok(())),
        (&format!("{good},{good}"), Err(SvidError::IdAmbiguous)),
        (&format!("{good},URI:spiffe://good.example/b"), Err(SvidError::IdAmbiguous)),
        (&format!("{good},URI:https://good.example/"), Err(SvidError::IdAmbiguous)),
        ("URI:https://good.example/a", Err(SvidError::Id(SpiffeIdError::Scheme))),
        ("URI:spiffe://good.example", Err(SvidError::Id(SpiffeIdError::PathMissing))),
        ("URI:spiffe://good.example/", Err(SvidError::Id(SpiffeIdError::SegmentEmpty))),
        ("URI:spiffe://GOOD.example/a", Err(SvidError::Id(SpiffeIdError::TrustDomainCharacter))),
        (
            "URI:spiffe://good.example:443/a",
            Err(SvidError::Id(SpiffeIdError::TrustDomainCharacter)),
        ),
        ("URI:spiffe://good.example/../a", Err(SvidError::Id(SpiffeIdError::SegmentDots))),
        ("URI:spiffe://good.example/a?b", Err(SvidError::Id(SpiffeIdError::SegmentCharacter))),
        ("URI:spiffe://good.example/%61", Err(SvidError::Id(SpiffeIdError::SegmentCharacter))),
        ("URI:spiffe://other.example/a", Err(SvidError::TrustDomainUnknown)),
        ("URI:spiffe://sub.good.example/a", Err(SvidError::TrustDomainUnknown)),
    ] {
        let extensions = match names {
            "" => USAGE.to_owned(),
            _ => format!("{USAGE}subjectAltName={names}\n"),
        };
        assert_eq!(verify(&openssl, &extensions), expected, "{names}");
    }
}

#[test]
fn an_id_of_2048_bytes_is_read_from_a_certificate_and_one_of_2049_refused() {
    let Some(openssl) = Openssl::with_chain() else { return };
    let name = |bytes: usize| {
        let prefix = "spiffe://good.example/";
        let uri = format!("{prefix}{}", "a".repeat(bytes - prefix.len()));
        format!("{USAGE}subjectAltName=URI:{uri}\n")
    };
    assert_eq!(verify(&openssl, &name(2048)), Ok(()));
    let long = SvidError::Id(SpiffeIdError::TooLong { bytes: 2049 });
    assert_eq!(verify(&openssl, &name(2049)), Err(long));
}

#[test]
fn a_leaf_that_signed_itself_is_refused() {
    let Some(openssl) = Openssl::with_chain() else { return };
    openssl.make(Order::workload("alone", "alone"));
    assert_eq!(openssl.verify(&["alone"], in_days(1)), Err(SvidError::Untrusted));
    // Not even as its own anchor: an anchor is an authority.
    let anchor = TrustBundle::from_pem(&openssl.pem("alone"));
    assert!(matches!(anchor, Err(TrustBundleError::NotAnAuthority { index: 0 })), "{anchor:?}");
}

#[test]
fn an_authority_is_no_workload_even_if_it_is_trusted() {
    let Some(openssl) = Openssl::with_chain() else { return };
    for name in ["root", "intermediate"] {
        let svid = openssl.verify(&[name], in_days(1));
        assert_eq!(svid, Err(SvidError::LeafIsAuthority), "{name}");
    }
}
