use proptest::prelude::*;

use super::*;

fn id(text: &str) -> SpiffeId {
    SpiffeId::parse(text).unwrap()
}

#[test]
fn a_pattern_of_workloads_means_one_or_all_below_a_path() {
    for (pattern, matching, other) in [
        (
            "spiffe://a/gateway",
            &["spiffe://a/gateway"][..],
            &["spiffe://a/gateway2", "spiffe://a/gateway/eu", "spiffe://b/gateway"][..],
        ),
        (
            "spiffe://a/gateway/*",
            &["spiffe://a/gateway/eu", "spiffe://a/gateway/eu/1"],
            &["spiffe://a/gateway", "spiffe://a/gateway2", "spiffe://a/other/gateway/eu"],
        ),
        (
            "spiffe://a/*",
            &["spiffe://a/b", "spiffe://a/b/c"],
            &["spiffe://a.b/c", "spiffe://ab/c", "spiffe://b/a"],
        ),
    ] {
        let parsed: SpiffePattern = pattern.parse().unwrap();
        assert_eq!(parsed.to_string(), pattern);
        assert!(matching.iter().all(|text| parsed.matches(&id(text))), "{pattern}");
        assert!(!other.iter().any(|text| parsed.matches(&id(text))), "{pattern}");
    }
}

#[test]
fn what_is_no_pattern_of_workloads_is_refused() {
    for text in [
        "",
        "*",
        "/*",
        "spiffe://*",
        "spiffe:///*",
        "spiffe://a",
        "spiffe://a/",
        "spiffe://a*",
        "spiffe://a/b*",
        "spiffe://a/*/b",
        "spiffe://a/*/*",
        "spiffe://a//*",
        "spiffe://a/../*",
        "spiffe://A/*",
        "spiffe://*/b",
        "https://a/*",
    ] {
        assert_eq!(text.parse::<SpiffePattern>(), Err(PatternError::Spiffe), "{text}");
    }
}

#[test]
fn a_pattern_of_issuers_means_one_or_all_below_a_path_or_any() {
    for (pattern, matching, other) in [
        ("corp", &["corp"][..], &["corp2", "Corp", "corp/a", "*"][..]),
        (
            "https://login.corp.example/*",
            &["https://login.corp.example/a", "https://login.corp.example/a/b"],
            &[
                "https://login.corp.example",
                "https://login.corp.example/",
                "https://login.corp.example.evil/a",
                "http://login.corp.example/a",
            ],
        ),
        ("*", &["corp", "https://evil.example"], &[]),
    ] {
        let parsed: IssuerPattern = pattern.parse().unwrap();
        assert_eq!(parsed.to_string(), pattern);
        let matches = |text: &&str| parsed.matches(&IssuerName::new(*text).unwrap());
        assert!(matching.iter().all(matches), "{pattern}");
        assert!(!other.iter().any(matches), "{pattern}");
    }
}

#[test]
fn what_is_no_pattern_of_issuers_is_refused() {
    for text in [
        "",
        "/*",
        "**",
        "a*",
        "*a",
        "https://*",
        "https:/*",
        "https://*.example/*",
        "a\nb",
        "a/*/*",
    ] {
        assert_eq!(text.parse::<IssuerPattern>(), Err(PatternError::Issuer), "{text}");
    }
}

#[test]
fn a_pattern_of_tools_means_one_or_all_of_a_service_or_any() {
    for (pattern, matching, other) in [
        (
            "crm.lookup",
            &["crm.lookup"][..],
            &["crm.lookup2", "crm.lookup.all", "crm", "crm.", "CRM.lookup", ""][..],
        ),
        (
            "crm.*",
            &["crm.lookup", "crm.a.b", "crm.*"],
            &["crm", "crm.", "crm2.lookup", "x.crm.lookup", ".lookup", "crmlookup"],
        ),
        ("*", &["crm.lookup", "payments.transfer"], &[]),
    ] {
        let parsed: ToolPattern = pattern.parse().unwrap();
        assert_eq!(parsed.to_string(), pattern);
        assert!(matching.iter().all(|tool| parsed.matches(tool)), "{pattern}");
        assert!(!other.iter().any(|tool| parsed.matches(tool)), "{pattern}");
    }
}

#[test]
fn what_is_no_pattern_of_tools_is_refused() {
    for text in ["", ".*", "crm", "crm.", "*.*", "**", "crm*", "crm.l*", "CRM.*", "a.b.*", "*.x"] {
        assert_eq!(text.parse::<ToolPattern>(), Err(PatternError::Tool), "{text}");
    }
}

proptest! {
    #[test]
    fn any_text_is_answered_and_a_pattern_writes_itself(text in "[a-z*./:]{0,20}|.{0,20}") {
        if let Ok(pattern) = text.parse::<SpiffePattern>() {
            prop_assert_eq!(pattern.to_string(), &*text);
        }
        if let Ok(pattern) = text.parse::<IssuerPattern>() {
            prop_assert_eq!(pattern.to_string(), &*text);
        }
        if let Ok(pattern) = text.parse::<ToolPattern>() {
            prop_assert_eq!(pattern.to_string(), &*text);
        }
    }
}
