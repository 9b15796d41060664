use std::fs;

use crate::cli::tests::palisade;
use crate::exit::Exit;

#[test]
fn what_is_made_passes_every_check_and_covers_itself() {
    for template in ["minimal", "full"] {
        let around = tempfile::tempdir().expect("temporary directory");
        let directory = around.path().join("deep/desk");
        let name = directory.to_str().expect("UTF-8");
        let ran = palisade(&["new", "my-desk", "--dir", name, "--template", template]);
        assert_eq!(ran.exit, Exit::Success, "{}", ran.err);
        let manifest = fs::read_to_string(directory.join("bundle.yaml")).expect("written");
        assert!(manifest.contains("name: my-desk\n"), "{manifest}");
        for arguments in [
            &["lint"][..],
            &["fmt", "--check"],
            &["check", "--deny-advice"],
            &["test", "--coverage", "--coverage-min", "100"],
        ] {
            let ran = palisade(&[arguments, &[name]].concat());
            assert_eq!(ran.exit, Exit::Success, "{template} {arguments:?}: {}{}", ran.out, ran.err);
        }
    }
}

#[test]
fn nothing_is_written_over() {
    let around = tempfile::tempdir().expect("temporary directory");
    let path = around.path().to_str().expect("UTF-8");
    fs::write(around.path().join("catalog.yaml"), "mine").expect("written");
    let ran = palisade(&["new", "desk", "--dir", path]);
    assert_eq!(ran.exit, Exit::Failure);
    assert!(ran.err.contains("is not empty; nothing was written"), "{}", ran.err);
    assert_eq!(fs::read_dir(around.path()).expect("read").count(), 1);
    let file = around.path().join("catalog.yaml");
    let ran = palisade(&["new", "desk", "--dir", file.to_str().expect("UTF-8")]);
    assert_eq!(ran.exit, Exit::Failure);
    assert_eq!(fs::read_to_string(&file).expect("read"), "mine");
}

#[test]
fn a_name_that_no_bundle_may_have_is_wrong_use() {
    for name in ["My Desk", "", "../desk", &"x".repeat(65)] {
        assert_eq!(palisade(&["new", name]).exit, Exit::Usage, "{name}");
    }
    assert_eq!(palisade(&["new", "desk", "--template", "huge"]).exit, Exit::Usage);
}
