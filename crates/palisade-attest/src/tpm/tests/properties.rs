//! Whatever bytes come in, an answer comes out.

use proptest::prelude::*;

use super::forge::{Forge, Statement};
use super::recorded;
use crate::tpm::{AttestationKey, TpmHash, TpmQuote, parse_tpm_attest};

proptest! {
    #[test]
    fn any_statement_is_answered(bytes in prop::collection::vec(any::<u8>(), 0..1100)) {
        prop_assert!(parse_tpm_attest(&bytes).is_err());
    }

    #[test]
    fn any_bytes_after_the_magic_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        // Whether it can be read hangs on the bytes.
        let head = [0xff, 0x54, 0x43, 0x47, 0x80, 0x18, 0, 34, 0, 0x0b];
        drop(parse_tpm_attest(&[head.as_slice(), &bytes].concat()));
    }

    #[test]
    fn any_key_is_answered(bytes in prop::collection::vec(any::<u8>(), 0..1100)) {
        prop_assert!(AttestationKey::from_public(&bytes).is_err());
    }

    #[test]
    fn any_evidence_is_answered(bytes in prop::collection::vec(any::<u8>(), 0..500)) {
        prop_assert!(TpmQuote::parse(&bytes).is_err());
    }

    #[test]
    fn any_signature_is_refused(
        head in prop::sample::select(vec![[0, 0x14, 0, 0x0b], [0, 0x16, 0, 0x0b], [0, 0x18, 0, 0x0b]]),
        bytes in prop::collection::vec(any::<u8>(), 0..600),
    ) {
        let signature = [head.as_slice(), &bytes].concat();
        for (quote, key) in [
            (recorded::ecc_quote(), recorded::ecc_key()),
            (recorded::rsa_quote(), recorded::rsa_key()),
        ] {
            let quote = TpmQuote { signature: signature.clone(), ..quote };
            prop_assert!(recorded::answer(&quote, &key).is_err());
        }
    }

    #[test]
    fn a_statement_is_read_as_it_was_written(
        extra_data in prop::collection::vec(any::<u8>(), 0..=66),
        clock: u64,
        reset_count: u32,
        restart_count: u32,
        safe: bool,
        firmware: u64,
        bitmap in prop::collection::vec(1_u8.., 3..=4),
    ) {
        let statement = Statement {
            extra_data: extra_data.clone(),
            clock,
            reset_count,
            restart_count,
            safe: u8::from(safe),
            firmware,
            selections: vec![(0x0b, bitmap.clone())],
            ..Statement::good()
        };
        let attest = parse_tpm_attest(&statement.bytes()).unwrap();
        prop_assert_eq!(attest.extra_data, extra_data);
        prop_assert_eq!(attest.clock, clock);
        prop_assert_eq!(attest.reset_count, reset_count);
        prop_assert_eq!(attest.restart_count, restart_count);
        prop_assert_eq!(attest.safe, safe);
        prop_assert_eq!(attest.firmware_version, firmware);
        let selected = |pcr: u8| bitmap.get(usize::from(pcr / 8)).is_some_and(|byte| byte >> (pcr % 8) & 1 == 1);
        for pcr in 0..32 {
            prop_assert_eq!(attest.pcrs.contains(&pcr), selected(pcr));
        }
    }
}

#[test]
fn any_byte_of_evidence_may_be_altered_and_the_claims_stay_the_same_or_none() {
    let forge = Forge::new(TpmHash::Sha256);
    let quote = forge.quote(&Statement::good());
    let body = super::container::evidence(&quote).to_string().into_bytes();
    let claims = forge.answer(&Statement::good()).unwrap();
    for index in 0..body.len() {
        for mask in [0x01, 0x20, 0x80, 0xff] {
            let mut altered = body.clone();
            altered[index] ^= mask;
            let answer = TpmQuote::parse(&altered)
                .and_then(|quote| super::forge::verify(&quote, &forge.key()));
            if let Ok(other) = answer {
                assert_eq!(other, claims, "byte {index}");
            }
        }
    }
}
