//! Which keys are attestation keys.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{
    KeyPair as _, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PSS_SHA256, RSA_PSS_SHA384, RsaEncoding,
};

use super::fixture;
use super::forge::{Forge, PublicArea, Statement, sha256, sized, verify};
use crate::tpm::{AttestationKey, TpmError, TpmHash, TpmName, TpmQuote};

fn code(public: &[u8]) -> &'static str {
    AttestationKey::from_public(public).map_or_else(|error| error.code(), |_key| "ok")
}

/// What becomes of a good key after this change.
fn code_after(change: impl FnOnce(&mut PublicArea)) -> &'static str {
    let mut area = Forge::new(TpmHash::Sha256).area();
    change(&mut area);
    code(&area.bytes())
}

#[test]
fn a_name_is_the_digest_of_the_public_area() {
    for (hash, prefix) in [(TpmHash::Sha256, "000b"), (TpmHash::Sha384, "000c")] {
        let forge = Forge::new(hash);
        let digest = hash.digest([forge.area().bytes().as_slice()]);
        assert_eq!(forge.key().name().to_string(), format!("{prefix}{}", hex::encode(digest)));
    }
    assert_eq!(TpmHash::Sha256.digest([b"a".as_slice(), b"b"]), sha256(b"ab"));
}

#[test]
fn a_name_is_read_from_hexadecimal() {
    let name = Forge::new(TpmHash::Sha384).key().name().clone();
    assert_eq!(TpmName::parse_hex(&name.to_string()), Some(name.clone()));
    assert_eq!(name.as_bytes().len(), 50);
    assert_eq!(TpmName::parse_hex(""), None);
    assert_eq!(TpmName::parse_hex("000b"), None);
    assert_eq!(TpmName::parse_hex(&format!("000b{}", "00".repeat(33))), None);
    assert_eq!(TpmName::parse_hex(&format!("0004{}", "00".repeat(20))), None);
    assert_eq!(TpmName::parse_hex(&format!("000bzz{}", "00".repeat(31))), None);
}

#[test]
fn a_key_is_restricted_to_its_tpm_and_to_signing() {
    const GOOD: u32 = 0x0005_0072;
    assert_eq!(code_after(|area| area.attributes = GOOD), "ok");
    // Without fixedTPM, restricted, sign; with decrypt.
    for attributes in [GOOD & !2, GOOD & !(1 << 16), GOOD & !(1 << 18), GOOD | 1 << 17] {
        assert_eq!(code_after(|area| area.attributes = attributes), "tpm_key_unfit");
    }
    assert_eq!(code_after(|area| area.attributes = 0), "tpm_key_unfit");
    assert_eq!(code_after(|area| area.attributes = u32::MAX), "tpm_key_unfit");
}

#[test]
fn an_endorsement_key_is_refused() {
    // fixedTPM, fixedParent, sensitiveDataOrigin, adminWithPolicy, restricted, decrypt.
    assert_eq!(code_after(|area| area.attributes = 0x0003_00b2), "tpm_key_unfit");
}

#[test]
fn algorithms_of_a_key_are_limited() {
    assert_eq!(code_after(|area| area.name_hash = 4), "tpm_unsupported");
    assert_eq!(code_after(|area| area.symmetric = 6), "tpm_malformed");
    assert_eq!(code_after(|area| area.scheme = 0x10), "tpm_unsupported");
    assert_eq!(code_after(|area| area.scheme = 0x14), "tpm_unsupported");
    assert_eq!(code_after(|area| area.scheme_hash = 4), "tpm_unsupported");
    assert_eq!(code_after(|area| area.scheme_hash = 0x0c), "tpm_unsupported");
    assert_eq!(code_after(|area| area.curve = 4), "tpm_unsupported");
    assert_eq!(code_after(|area| area.curve = 5), "tpm_unsupported");
    assert_eq!(code_after(|area| area.kdf = 0x20), "tpm_malformed");
    assert_eq!(code_after(|area| area.kind = 1), "tpm_unsupported");
    assert_eq!(code_after(|area| area.kind = 8), "tpm_unsupported");
}

#[test]
fn a_point_lies_on_its_curve() {
    assert_eq!(code_after(|area| area.y[31] ^= 1), "tpm_malformed");
    assert_eq!(code_after(|area| area.x.clear()), "tpm_malformed");
    assert_eq!(code_after(|area| area.x.insert(0, 0)), "tpm_malformed");
}

#[test]
fn leading_zeros_of_a_point_may_be_dropped() {
    let area = (0..10_000).map(|_| Forge::new(TpmHash::Sha256).area()).find(|area| area.x[0] == 0);
    let mut area = area.unwrap();
    assert_eq!(code(&area.bytes()), "ok");
    area.x.remove(0);
    assert_eq!(code(&area.bytes()), "ok");
}

#[test]
fn a_policy_is_bounded() {
    assert_eq!(code_after(|area| area.policy = vec![0; 64]), "ok");
    assert_eq!(code_after(|area| area.policy = vec![0; 65]), "tpm_malformed");
}

#[test]
fn a_public_area_has_no_trailing_bytes_and_ends_nowhere_early() {
    for public in [fixture!("ak_ecc.tpmt.bin"), fixture!("ak_rsa.tpmt.bin")] {
        assert_eq!(code(public), "ok");
        assert_eq!(code(&[public, &[0]].concat()), "tpm_malformed");
        for end in 0..public.len() {
            assert_ne!(code(&public[..end]), "ok", "{end}");
        }
    }
}

#[test]
fn a_public_area_is_bounded() {
    let what = |bytes: usize| {
        let mut public = fixture!("ak_ecc.tpmt.bin").to_vec();
        public.resize(bytes, 0);
        match AttestationKey::from_public(&public) {
            Err(TpmError::Malformed { what, .. }) => what,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(what(1024), "it has trailing bytes");
    assert_eq!(what(1025), "it is too large");
}

/// The recorded RSA key with these bits and this exponent.
fn rsa(bits: u16, exponent: u32, modulus: &[u8]) -> Vec<u8> {
    let head = &fixture!("ak_rsa.tpmt.bin")[..16];
    [head, &bits.to_be_bytes(), &exponent.to_be_bytes(), &sized(modulus)].concat()
}

#[test]
fn an_rsa_key_has_a_size_and_an_exponent_of_ours() {
    let modulus = &fixture!("ak_rsa.tpmt.bin")[24..];
    assert_eq!(rsa(2048, 0, modulus), fixture!("ak_rsa.tpmt.bin"));
    assert_eq!(code(&rsa(2048, 65_537, modulus)), "ok");
    assert_eq!(code(&rsa(3072, 0, &[0xff; 384])), "ok");
    assert_eq!(code(&rsa(4096, 0, &[0xff; 512])), "ok");
    for exponent in [1, 2, 3, 17, 65_536, u32::MAX] {
        assert_eq!(code(&rsa(2048, exponent, modulus)), "tpm_unsupported");
    }
    assert_eq!(code(&rsa(1024, 0, &[0xff; 128])), "tpm_unsupported");
    assert_eq!(code(&rsa(8192, 0, &[0xff; 1000])), "tpm_unsupported");
}

#[test]
fn an_rsa_modulus_is_as_large_as_it_says() {
    assert_eq!(code(&rsa(2048, 0, &[0xff; 255])), "tpm_malformed");
    assert_eq!(code(&rsa(2048, 0, &[0xff; 257])), "tpm_malformed");
    assert_eq!(code(&rsa(2048, 0, &[0x7f; 256])), "tpm_malformed");
    assert_eq!(code(&rsa(2048, 0, &[])), "tpm_malformed");
}

#[test]
fn rsa_signatures_of_both_kinds_and_hashes_are_verified() {
    let pair = KeyPair::generate(KeySize::Rsa2048).unwrap();
    let modulus = pair.public_key().modulus().big_endian_without_leading_zero().to_vec();
    let schemes: [(u8, u8, &'static dyn RsaEncoding); 4] = [
        (0x14, 0x0b, &RSA_PKCS1_SHA256),
        (0x14, 0x0c, &RSA_PKCS1_SHA384),
        (0x16, 0x0b, &RSA_PSS_SHA256),
        (0x16, 0x0c, &RSA_PSS_SHA384),
    ];
    for (scheme, hash, encoding) in schemes {
        let mut public = rsa(2048, 0, &modulus);
        public[13] = scheme;
        public[15] = hash;
        let key = AttestationKey::from_public(&public).unwrap();
        let mut statement = Statement::good();
        let tpm_hash = TpmHash::from_id(u16::from(hash)).unwrap();
        statement.digest = tpm_hash.digest([[1; 32].as_slice(), &[2; 32]]);
        let mut raw = vec![0; 256];
        pair.sign(encoding, &SystemRandom::new(), &statement.bytes(), &mut raw).unwrap();
        let quote = |scheme, hash, raw: &[u8]| TpmQuote {
            signature: [vec![0, scheme, 0, hash], sized(raw)].concat(),
            ..Forge::new(TpmHash::Sha256).quote(&statement)
        };
        assert!(verify(&quote(scheme, hash, &raw), &key).is_ok());
        // Under another name the same bytes are no signature, nor are they when altered.
        assert_eq!(verify(&quote(scheme ^ 2, hash, &raw), &key), Err(TpmError::Signature));
        assert_eq!(verify(&quote(scheme, hash ^ 7, &raw), &key), Err(TpmError::Signature));
        let mut altered = raw.clone();
        altered[100] ^= 1;
        assert_eq!(verify(&quote(scheme, hash, &altered), &key), Err(TpmError::Signature));
        let trailing = [quote(scheme, hash, &raw).signature, vec![0]].concat();
        let trailing = TpmQuote { signature: trailing, ..quote(scheme, hash, &raw) };
        assert_eq!(verify(&trailing, &key).unwrap_err().code(), "tpm_malformed");
    }
}

#[test]
fn debug_shows_a_name_and_no_key() {
    let key = Forge::new(TpmHash::Sha256).key();
    let shown = format!("{key:?}");
    assert!(shown.contains(&key.name().to_string()), "{shown}");
    assert!(shown.ends_with("material: P256 }"), "{shown}");
}
