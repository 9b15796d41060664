//! `prove` and `check-proof`: what is proven, and what is not.

use super::*;

#[test]
fn a_record_is_proven_to_somebody_who_has_the_public_key_only() {
    let fixture = large();
    let proof = fixture.path("a.proof");
    let (proof, key) = (proof.to_str().expect("UTF-8"), fixture.public_key());
    let id = "019b796d-d9e8-7000-8000-000000000001";
    let ran = fixture.run(&["prove", id, "--out", proof]);
    assert_eq!((ran.exit, ran.out.as_str()), (Exit::Success, ""), "{}", ran.err);
    assert_eq!(fixture.run(&["prove", id, "--out", proof]).exit, Exit::Failure, "it exists");
    let text = fs::read_to_string(proof).expect("written");
    assert_eq!(fixture.run(&["prove", "2"]).out, text, "by its index, to standard output");

    let elsewhere = Fixture::new();
    let ran = elsewhere.run(&["check-proof", proof, "--key", &key]);
    assert_eq!(ran.exit, Exit::Success, "{}", ran.err);
    assert!(ran.out.starts_with("proven: record 2 is among the first 201 of the log `palisade/"));
    assert!(ran.out.contains("\nALLOW\n") && ran.out.contains(id), "{}", ran.out);
    let ran = elsewhere.run(&["check-proof", proof, "--key", &key, "--json"]);
    let proven: Value = serde_json::from_str(&ran.out).expect("JSON");
    assert_eq!((&proven["size"], &proven["record"]["index"]), (&json!(201), &json!(2)));
}

#[test]
fn a_proof_that_was_tampered_with_proves_nothing() {
    let fixture = large();
    let key = fixture.public_key();
    let good = fixture.run(&["prove", "2"]).out;
    let check = |text: &str, key: &str| {
        let path = fixture.path("tampered.proof");
        fs::write(&path, text).expect("written");
        fixture.run(&["check-proof", path.to_str().expect("UTF-8"), "--key", key])
    };
    assert_eq!(check(&good, &key).exit, Exit::Success);
    let lines: Vec<&str> = good.lines().collect();
    // The record, its place, each hash, the size, the root, the signature.
    for (at, line) in lines.iter().enumerate() {
        if line.is_empty() {
            continue;
        }
        let last = line.trim_end_matches('=').len() - 3;
        let mut changed = line.to_string().into_bytes();
        changed[last] = if changed[last] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(changed).expect("ASCII");
        let mut tampered = lines.clone();
        tampered[at] = &changed;
        let ran = check(&format!("{}\n", tampered.join("\n")), &key);
        assert_eq!(ran.exit, Exit::Failure, "line {at}: {}", ran.out);
        assert_eq!(ran.out, "", "nothing of it is shown as proven");
        assert!(ran.err.contains("proves nothing: "), "{}", ran.err);
    }
    // Another record's proof under this one's index.
    let other = fixture.run(&["prove", "3"]).out.replace("\nindex 3\n", "\nindex 2\n");
    assert_eq!(check(&other, &key).exit, Exit::Failure);
    assert_eq!(check(&good, &small().public_key()).exit, Exit::Failure);
    assert_eq!(check("", &key).exit, Exit::Failure);
}
