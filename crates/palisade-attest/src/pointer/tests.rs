use serde_json::{Map, Value, json};

use super::ClaimPointer;

fn claims() -> Map<String, Value> {
    let claims = json!({"a": {"b": {"c": 1}}, "x/y": {"~": 2}, "list": [1], "": 3});
    claims.as_object().expect("an object").clone()
}

#[test]
fn a_pointer_finds_its_claim() {
    let claims = claims();
    for (text, want) in [
        ("/a/b/c", Some(json!(1))),
        ("/a/b", Some(json!({"c": 1}))),
        ("/x~1y/~0", Some(json!(2))),
        ("/a/c", None),
        ("/list/0", None),
        ("/a/b/c/d", None),
        ("/b", None),
    ] {
        let pointer = ClaimPointer::try_from(text.to_owned()).expect("a pointer");
        assert_eq!(pointer.find(&claims), want.as_ref(), "{text}");
    }
}

#[test]
fn what_is_no_pointer_is_refused() {
    for text in ["", "/", "a", "a/b", "/a~", "/a~2", "//a", &"/a".repeat(17)] {
        assert!(ClaimPointer::try_from(text.to_owned()).is_err(), "{text}");
    }
    assert!(ClaimPointer::try_from("/a".repeat(16)).is_ok());
}
