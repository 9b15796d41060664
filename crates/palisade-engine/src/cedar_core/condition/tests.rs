//! How clauses are shown.

use super::on_one_line;

#[test]
fn comments_and_line_breaks_go_and_strings_stay() {
    for (written, shown) in [
        ("a &&\n    b", "a && b"),
        ("a // why\n  && b", "a && b"),
        ("a // \"not a string\n && b", "a && b"),
        ("url like \"https://*\"", "url like \"https://*\""),
        ("x == \"two  spaces\"", "x == \"two  spaces\""),
        (r#"x == "quote \" // still""#, r#"x == "quote \" // still""#),
        ("a // the end", "a"),
    ] {
        assert_eq!(on_one_line(written), shown, "{written}");
    }
}
