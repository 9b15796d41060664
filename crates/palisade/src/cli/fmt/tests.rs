use std::os::unix::fs::PermissionsExt as _;

use super::*;
use crate::cli::tests::palisade;

const UGLY: &str = "\
// What everybody may do.
@id(\"read\")   @reason(\"x\")
permit(principal,action in Action::\"read\",resource) when{context.args.n<10 // few
&&true};
// The end.
";

fn file(text: &str) -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().expect("temporary directory");
    let path = directory.path().join("a.cedar");
    fs::write(&path, text).expect("written");
    (directory, path)
}

fn fmt(arguments: &[&str]) -> crate::cli::tests::Ran {
    palisade(&[&["fmt"], arguments].concat())
}

#[test]
fn formatting_keeps_comments_and_annotations_and_comes_to_an_end() {
    let formatted = format(UGLY).expect("parses");
    for kept in ["// What everybody may do.", "// few", "// The end.", "@id(\"read\")"] {
        assert!(formatted.contains(kept), "{kept}: {formatted}");
    }
    assert_ne!(formatted, UGLY);
    assert_eq!(format(&formatted).expect("parses"), formatted);
}

#[test]
fn a_blank_line_after_a_comment_stays() {
    let text =
        "// The file.\n\n// The policy.\n@id(\"a\")\npermit (principal, action, resource);\n";
    let formatted = format(text).expect("parses");
    assert!(formatted.starts_with("// The file.\n\n// The policy.\n@id"), "{formatted:?}");
    assert_eq!(format(&formatted).expect("parses"), formatted);
    let in_string = "@id(\"// a\n\nb\")\npermit (principal, action, resource);\n";
    assert!(
        format(in_string).expect("parses").contains("\"// a\n\nb\""),
        "strings are not touched"
    );
}

#[test]
fn a_file_is_replaced_with_its_mode_and_a_second_run_changes_nothing() {
    let (directory, path) = file(UGLY);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).expect("set");
    let name = path.to_str().expect("UTF-8");
    let ran = fmt(&[name]);
    assert_eq!(ran.exit, Exit::Success, "{}", ran.err);
    assert_eq!(ran.out, format!("formatted {name}\n1 file: 1 changed\n"));
    assert_eq!(fs::read_to_string(&path).expect("read"), format(UGLY).expect("parses"));
    assert_eq!(fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o640);
    assert_eq!(fs::read_dir(directory.path()).expect("read").count(), 1, "nothing is left over");
    assert_eq!(fmt(&[name]).out, "1 file: 0 changed\n");
}

#[test]
fn checking_writes_nothing_and_shows_what_would_change() {
    let (_directory, path) = file(UGLY);
    let name = path.to_str().expect("UTF-8");
    let ran = fmt(&["--check", name]);
    assert_eq!(ran.exit, Exit::Failure);
    assert!(ran.out.contains("\n-@id(\"read\")   @reason(\"x\")\n"), "{}", ran.out);
    assert!(ran.out.contains("\n+@id(\"read\")\n+@reason(\"x\")\n"), "{}", ran.out);
    assert_eq!(fs::read_to_string(&path).expect("read"), UGLY);
    fs::write(&path, format(UGLY).expect("parses")).expect("written");
    assert_eq!(fmt(&["--check", name]).exit, Exit::Success);
}

#[test]
fn a_file_with_a_syntax_error_is_left_alone_and_pointed_at() {
    let broken = "permit (principal, action resource);\n";
    let (_directory, path) = file(broken);
    let ran = fmt(&[path.to_str().expect("UTF-8")]);
    assert_eq!(ran.exit, Exit::Failure);
    assert!(ran.err.contains("a.cedar:1:27]"), "{}", ran.err);
    assert!(ran.out.contains("1 cannot be parsed"), "{}", ran.out);
    assert_eq!(fs::read_to_string(&path).expect("read"), broken);
}

#[test]
fn bad_paths_are_wrong_use() {
    let (directory, _path) = file("");
    let empty = tempfile::tempdir().expect("temporary directory");
    let other = directory.path().join("a.txt");
    fs::write(&other, "").expect("written");
    for path in [empty.path(), &other, &directory.path().join("nothing")] {
        assert_eq!(fmt(&[path.to_str().expect("UTF-8")]).exit, Exit::Usage, "{}", path.display());
    }
    let gone = directory.path().join("gone.cedar");
    assert_eq!(fmt(&[gone.to_str().expect("UTF-8")]).exit, Exit::Failure);
    assert_eq!(fmt(&["--stdin", "x"]).exit, Exit::Usage);
}

#[test]
fn the_shipped_bundles_have_their_form() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../policies");
    for bundle in ["attested", "operations", "quickstart"] {
        let ran = fmt(&["--check", &format!("{root}/{bundle}")]);
        assert_eq!(ran.exit, Exit::Success, "{}", ran.out);
    }
    let ran = fmt(&["--check", &format!("{root}/quickstart")]);
    assert!(ran.err.contains("1 schema fragment left alone"), "{}", ran.err);
}

#[test]
fn a_diff_has_its_lines_and_their_numbers() {
    let old = "1\n2\n3\n4\n5\n6\n7\n8\n9\n";
    let new = "1\n2\n3\n4\nfive\n6\n7\n8\n9\n";
    assert_eq!(
        unified::diff("f", old, new),
        "--- f\n+++ f\n@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n"
    );
    assert_eq!(
        unified::diff("f", "a\n", "a\nb"),
        "--- f\n+++ f\n@@ -1,1 +1,2 @@\n a\n+b\n\\ No newline at end of file\n"
    );
    assert_eq!(unified::diff("f", "", "b\n"), "--- f\n+++ f\n@@ -0,0 +1,1 @@\n+b\n");
    assert_eq!(unified::diff("f", "a\na\n", "a\n"), "--- f\n+++ f\n@@ -1,2 +1,1 @@\n a\n-a\n");
}
