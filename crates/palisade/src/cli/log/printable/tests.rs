//! What callers wrote cannot act on a terminal.

use serde_json::json;

use super::*;

#[test]
fn what_moves_a_cursor_or_turns_text_around_is_escaped() {
    assert!(matches!(printable("Zürich 東京 → 🎟"), Cow::Borrowed(_)));
    assert_eq!(printable("a\u{1b}[2Jb\r\n"), r"a\u{1b}[2Jb\u{d}\u{a}");
    // One character that some terminals take for ESC and `[`.
    assert_eq!(printable("\u{9b}2J"), r"\u{9b}2J");
    assert_eq!(printable("\u{202e}cod.exe\u{200b}"), r"\u{202e}cod.exe\u{200b}");
}

#[test]
fn json_says_the_same_without_them() {
    let value = json!({ "a": "\u{1b}[2J\u{9b}\u{202e}\u{7f}\u{e0041} ü", "b": ["\n"] });
    for text in [json_line(&value), json_pretty(&value)] {
        assert!(!text.replace('\n', "").contains(is_hidden), "{text:?}");
        assert_eq!(serde_json::from_str::<Value>(&text).expect("JSON"), value);
    }
    assert!(!json_line(&value).contains('\n'));
}
