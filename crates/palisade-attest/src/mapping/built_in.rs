//! The mappings that come with Palisade.

/// Their names.
pub(super) const NAMES: &[&str] =
    &["azure-guest-sev-snp", "azure-sev-snp", "google-confidential-space", "intel-trust-authority"];

/// The mapping of this name, as JSON.
pub(super) fn text(name: &str) -> Option<&'static str> {
    match name {
        "azure-guest-sev-snp" => Some(include_str!("azure_guest_sev_snp.json")),
        "azure-sev-snp" => Some(include_str!("azure_sev_snp.json")),
        "google-confidential-space" => Some(include_str!("google_confidential_space.json")),
        "intel-trust-authority" => Some(include_str!("intel_trust_authority.json")),
        _ => None,
    }
}
