//! Spellings that have to meet, and those that are refused.

use super::*;

fn all(normalization: ResourceNormalization, cases: &[(&str, Result<&str, ()>)]) {
    for (text, want) in cases {
        let got = normalize(normalization, text);
        assert_eq!(got.as_deref().ok(), want.ok(), "{text}");
    }
}

#[test]
fn paths_lose_dots_and_double_slashes_and_never_climb() {
    all(
        ResourceNormalization::Path,
        &[
            ("/a//b/./c/", Ok("/a/b/c")),
            ("/a/../b", Ok("/b")),
            ("a/b/..", Ok("a")),
            (".", Ok(".")),
            ("a/..", Ok(".")),
            ("/", Ok("/")),
            ("/..", Err(())),
            ("a/../../b", Err(())),
            ("a\\b", Err(())),
            ("", Err(())),
            ("a\0b", Err(())),
        ],
    );
}

#[test]
fn urls_are_written_back_and_credentials_refused() {
    all(
        ResourceNormalization::Url,
        &[
            ("HTTPS://Example.COM:443/a/../b", Ok("https://example.com/b")),
            ("https://example.com", Ok("https://example.com/")),
            ("https://user@example.com/", Err(())),
            ("https://example.com/#x", Err(())),
            ("/relative", Err(())),
        ],
    );
}

#[test]
fn email_domains_ignore_case() {
    all(
        ResourceNormalization::Email,
        &[
            (" Ann@Example.COM ", Ok("Ann@example.com")),
            ("ann@example.com.", Ok("ann@example.com")),
            ("Ann <ann@example.com>", Err(())),
            ("a@b@example.com", Err(())),
            ("ann", Err(())),
        ],
    );
}

#[test]
fn ids_end_at_1024_bytes() {
    let exact = |bytes: usize| normalize(ResourceNormalization::Exact, &"x".repeat(bytes));
    assert!(exact(RESOURCE_ID_BYTES_MAX).is_ok());
    assert!(exact(RESOURCE_ID_BYTES_MAX + 1).is_err());
    assert!(exact(0).is_err());
}
