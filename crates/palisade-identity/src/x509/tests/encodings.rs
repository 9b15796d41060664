//! Bytes that are no certificate, or only nearly one.

use proptest::prelude::*;
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    date_time_ymd,
};

use super::certificate::CERTIFICATE_BYTES_MAX;
use super::*;

/// A certificate in DER, its outer length written with these bytes instead.
fn with_length(der: &[u8], length: &[u8]) -> Vec<u8> {
    assert_eq!(der[..2], [0x30, 0x82]);
    [&[0x30], length, &der[4..]].concat()
}

#[test]
fn what_is_not_exactly_one_certificate_in_der_is_refused() {
    let Some(openssl) = Openssl::with_chain() else { return };
    let (leaf, issuer) = (openssl.der("leaf"), openssl.der("intermediate"));
    let verifier = verifier(&[("good.example", &openssl.pem("root"))]);
    assert!(verifier.verify(&[&leaf, &issuer], in_days(1)).is_ok());
    let indefinite = [with_length(&leaf, &[0x80]), vec![0, 0]].concat();
    for (what, bytes) in [
        ("nothing", Vec::new()),
        ("a zero after it", [&leaf[..], &[0]].concat()),
        ("a newline after it", [&leaf[..], b"\n"].concat()),
        ("itself after it", [&leaf[..], &leaf].concat()),
        ("cut", leaf[..leaf.len() - 1].to_vec()),
        ("PEM", openssl.pem("leaf")),
        ("indefinite length", indefinite),
        ("length in three bytes", with_length(&leaf, &[0x83, 0, leaf[2], leaf[3]])),
        ("length in eight bytes", with_length(&leaf, &[0x88, 0, 0, 0, 0, 0, 0, leaf[2], leaf[3]])),
        ("a length of terabytes", with_length(&leaf, &[0x86, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff])),
        ("a key", openssl.run(&["pkey", "-in", "leaf.key", "-outform", "DER"])),
        ("an empty sequence", vec![0x30, 0]),
        ("junk of the largest size", vec![0x30; CERTIFICATE_BYTES_MAX]),
    ] {
        let alone = verifier.verify(&[&bytes, &issuer], in_days(1));
        assert_eq!(alone, Err(SvidError::Malformed), "{what}");
        let beside = verifier.verify(&[&leaf, &issuer, &bytes], in_days(1));
        assert_eq!(beside, Err(SvidError::Malformed), "{what}");
    }
}

#[test]
fn a_certificate_of_16_kib_is_read_and_a_larger_one_is_not() {
    let Some(openssl) = Openssl::with_chain() else { return };
    let make = |comment: usize| {
        let bytes = vec!["61"; comment].join("");
        let extensions = format!("{WORKLOAD}1.2.3.4=DER:{bytes}\n");
        openssl.make(Order { extensions: &extensions, ..Order::workload("large", "root") })
    };
    let mut comment = CERTIFICATE_BYTES_MAX - 600;
    let mut large = make(comment);
    // ECDSA signatures differ in length by a byte or two, so it may take a few.
    for _attempt in 0..100 {
        if large.len() == CERTIFICATE_BYTES_MAX {
            break;
        }
        comment = comment + CERTIFICATE_BYTES_MAX - large.len();
        large = make(comment);
    }
    let verifier = verifier(&[("good.example", &openssl.pem("root"))]);
    assert_eq!(large.len(), CERTIFICATE_BYTES_MAX);
    assert!(verifier.verify(&[&large], in_days(1)).is_ok());
    large.push(0);
    let error = SvidError::CertificateTooLarge { bytes: CERTIFICATE_BYTES_MAX + 1 };
    assert_eq!(verifier.verify(&[&large], in_days(1)), Err(error));
    let junk = SvidError::CertificateTooLarge { bytes: 65536 };
    assert_eq!(verifier.verify(&[vec![0x30; 65536]], in_days(1)), Err(junk));
}

#[test]
fn no_byte_of_a_chain_can_be_changed() {
    let Some(openssl) = Openssl::with_chain() else { return };
    let chain = [openssl.der("leaf"), openssl.der("intermediate")];
    let verifier = verifier(&[("good.example", &openssl.pem("root"))]);
    for certificate in 0..chain.len() {
        for place in 0..chain[certificate].len() {
            let mut altered = chain.clone();
            altered[certificate][place] ^= 1 << (place % 8);
            let svid = verifier.verify(&altered, in_days(1));
            assert!(svid.is_err(), "{certificate}, byte {place}: {svid:?}");
        }
    }
}

/// `sha256WithRSAEncryption` as RFC 4055 has it, with a NULL for parameters.
const SHA256_WITH_RSA: [u8; 15] =
    [0x30, 0x0d, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 0x0b, 5, 0];

/// A sequence of between 256 and 65535 bytes.
fn sequence(content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).unwrap().to_be_bytes();
    [&[0x30, 0x82], &length[..], content].concat()
}

#[test]
fn rsa_signatures_without_parameters_are_refused() {
    let Some(openssl) = Openssl::new() else { return };
    let key: &[&str] = &["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"];
    openssl.make(Order { key, ..Order::authority("root", "root") });
    let leaf = openssl.make(Order::workload("leaf", "root"));
    let to_sign_length = usize::from(u16::from_be_bytes([leaf[6], leaf[7]]));
    let to_sign = &leaf[8..8 + to_sign_length];
    let place = to_sign.windows(15).position(|bytes| bytes == SHA256_WITH_RSA).unwrap();
    let bare = [&[0x30, 0x0b], &SHA256_WITH_RSA[2..13]].concat();
    for (algorithm, expected) in
        [(SHA256_WITH_RSA.to_vec(), Ok(())), (bare, Err(SvidError::Untrusted))]
    {
        let (before, after) = (&to_sign[..place], &to_sign[place + 15..]);
        let to_sign = sequence(&[before, &algorithm, after].concat());
        std::fs::write(openssl.path("tbs"), &to_sign).unwrap();
        let signature = openssl.run(&["dgst", "-sha256", "-sign", "root.key", "tbs"]);
        let bits = [&[3, 0x82, 1, 1, 0], &signature[..]].concat();
        let leaf = sequence(&[to_sign, algorithm, bits].concat());
        let svid = verifier(&[("good.example", &openssl.pem("root"))]).verify(&[leaf], in_days(1));
        assert_eq!(svid.map(|_svid| ()), expected);
    }
}

/// An authority that rcgen makes.
fn root() -> CertificateParams {
    let mut root = CertificateParams::default();
    root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    root.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    root
}

/// That root in PEM and a leaf in DER that rcgen made, the leaf with these further extensions.
fn made(
    root: &CertificateParams,
    extensions: &[(&[u64], &[u8])],
    names: Vec<String>,
) -> (Vec<u8>, Vec<u8>) {
    let root_key = KeyPair::generate().unwrap();
    let pem = root.self_signed(&root_key).unwrap().pem().into_bytes();
    let mut leaf = CertificateParams::new(Vec::<String>::new()).unwrap();
    leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    for name in names {
        leaf.subject_alt_names.push(rcgen::SanType::URI(name.try_into().unwrap()));
    }
    for (oid, content) in extensions {
        let extension = CustomExtension::from_oid_content(oid, content.to_vec());
        leaf.custom_extensions.push(extension);
    }
    let issuer = Issuer::from_params(root, &root_key);
    let leaf = leaf.signed_by(&KeyPair::generate().unwrap(), &issuer).unwrap();
    (pem, leaf.der().to_vec())
}

const SUBJECT_ALT_NAME: &[u64] = &[2, 5, 29, 17];
const KEY_USAGE: &[u64] = &[2, 5, 29, 15];
const AUTHORITY_KEY_IDENTIFIER: &[u64] = &[2, 5, 29, 35];
const BASIC_CONSTRAINTS: &[u64] = &[2, 5, 29, 19];

#[test]
fn extensions_that_stand_there_twice_or_cannot_be_read_are_refused() {
    let good = "spiffe://good.example/a";
    let uri = |text: &[u8]| {
        let length = |bytes: usize| u8::try_from(bytes).unwrap();
        [&[0x30, length(text.len() + 2), 0x86, length(text.len())], text].concat()
    };
    let own = vec![good.to_owned()];
    let twice = uri(good.as_bytes());
    for (what, extensions, names, expected) in [
        ("as it should be", vec![], own.clone(), Ok(())),
        ("by hand", vec![(SUBJECT_ALT_NAME, &twice[..])], vec![], Ok(())),
        (
            "names twice",
            vec![(SUBJECT_ALT_NAME, &twice[..])],
            own.clone(),
            Err(SvidError::Malformed),
        ),
        (
            "key usage twice",
            vec![(KEY_USAGE, &[3, 2, 7, 0x80][..])],
            own.clone(),
            Err(SvidError::Malformed),
        ),
        (
            "constraints that cannot be read",
            vec![(BASIC_CONSTRAINTS, &[0x04, 0][..])],
            own.clone(),
            Err(SvidError::Malformed),
        ),
        (
            "an extension nobody asks for that cannot be read",
            vec![(AUTHORITY_KEY_IDENTIFIER, &[0x04, 0][..])],
            own.clone(),
            Err(SvidError::Malformed),
        ),
        (
            "constraints twice",
            vec![(BASIC_CONSTRAINTS, &[0x30, 0][..]), (BASIC_CONSTRAINTS, &[0x30, 0][..])],
            own,
            Err(SvidError::Malformed),
        ),
        (
            "a name that is no text",
            vec![(SUBJECT_ALT_NAME, &uri(b"spiffe://good.example/\xff")[..])],
            vec![],
            Err(SvidError::Malformed),
        ),
        (
            "a name with a zero",
            vec![(SUBJECT_ALT_NAME, &uri(b"spiffe://good.example/a\0b")[..])],
            vec![],
            Err(SvidError::Id(SpiffeIdError::SegmentCharacter)),
        ),
        (
            "names with something after them",
            vec![(SUBJECT_ALT_NAME, &[&twice[..], &[0x05, 0]].concat()[..])],
            vec![],
            Err(SvidError::Malformed),
        ),
        (
            "no names in the extension",
            vec![(SUBJECT_ALT_NAME, &[0x30, 0][..])],
            vec![],
            Err(SvidError::IdMissing),
        ),
    ] {
        let (root, leaf) = made(&root(), &extensions, names);
        let svid = verifier(&[("good.example", &root)]).verify(&[leaf], in_days(1));
        assert_eq!(svid.map(|_svid| ()), expected, "{what}");
    }
}

#[test]
fn an_authority_is_good_in_its_own_time_only() {
    let own = || vec!["spiffe://good.example/a".to_owned()];
    let verify = |root: &CertificateParams| {
        let (pem, leaf) = made(root, &[], own());
        verifier(&[("good.example", &pem)]).verify(&[leaf], in_days(0)).map(|_svid| ())
    };
    assert_eq!(verify(&root()), Ok(()));
    let mut past = root();
    past.not_after = date_time_ymd(2020, 1, 1);
    assert_eq!(verify(&past), Err(SvidError::Expired));
    let mut future = root();
    future.not_before = date_time_ymd(2200, 1, 1);
    future.not_after = date_time_ymd(2300, 1, 1);
    assert_eq!(verify(&future), Err(SvidError::NotYetValid));
}

proptest! {
    #[test]
    fn any_bytes_are_answered(
        chain in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..400), 0..8),
    ) {
        let (root, _) = made(&root(), &[], vec![]);
        prop_assert!(verifier(&[("good.example", &root)]).verify(&chain, in_days(1)).is_err());
    }

    #[test]
    fn certificates_cut_and_joined_are_answered_and_refused(
        from in 0..1000_usize,
        length in 0..50_usize,
        to in 0..1000_usize,
        patch in prop::collection::vec(any::<u8>(), 0..8),
    ) {
        let (root, leaf) = made(&root(), &[], vec!["spiffe://good.example/a".to_owned()]);
        let from = from % leaf.len();
        let piece = leaf[from..(from + length).min(leaf.len())].to_vec();
        let to = to % leaf.len();
        let mut altered = leaf.clone();
        altered.splice(to..(to + piece.len()).min(leaf.len()), [piece, patch].concat());
        let svid = verifier(&[("good.example", &root)]).verify(&[&altered], in_days(1));
        prop_assert!(svid.is_err() || altered == leaf);
    }
}
