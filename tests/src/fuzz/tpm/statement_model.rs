//! How a TPM writes a quote (Part 2, section 10.12.8): the way back of what the product reads.

use palisade_attest::{TpmAttest, TpmHash};

/// The statement with a bitmap of so many bytes; `None` if its registers do not fit in there.
pub(super) fn written(attest: &TpmAttest, bitmap_bytes: u8) -> Option<Vec<u8>> {
    let TpmAttest {
        qualified_signer,
        extra_data,
        clock,
        reset_count,
        restart_count,
        safe,
        firmware_version,
        bank,
        pcrs,
        pcr_digest,
    } = attest;
    let mut bitmap = vec![0_u8; usize::from(bitmap_bytes)];
    for pcr in pcrs {
        *bitmap.get_mut(usize::from(pcr / 8))? |= 1 << (pcr % 8);
    }
    let bank: [u8; 2] = match bank {
        TpmHash::Sha256 => [0, 0x0b],
        TpmHash::Sha384 => [0, 0x0c],
    };
    let mut bytes = b"\xffTCG\x80\x18".to_vec();
    sized(qualified_signer, &mut bytes);
    sized(extra_data, &mut bytes);
    bytes.extend(clock.to_be_bytes());
    bytes.extend(reset_count.to_be_bytes());
    bytes.extend(restart_count.to_be_bytes());
    bytes.push(u8::from(*safe));
    bytes.extend(firmware_version.to_be_bytes());
    bytes.extend([0, 0, 0, 1]);
    bytes.extend(bank);
    bytes.push(bitmap_bytes);
    bytes.extend(bitmap);
    sized(pcr_digest, &mut bytes);
    Some(bytes)
}

fn sized(content: &[u8], to: &mut Vec<u8>) {
    let size = u16::try_from(content.len()).expect("a short one");
    to.extend(size.to_be_bytes());
    to.extend_from_slice(content);
}
