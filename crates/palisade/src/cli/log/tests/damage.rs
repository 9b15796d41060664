//! A damaged log: what `verify` finds, and that nothing else goes on as if nothing were.

use super::*;
use fixture::flip;

/// Flips a bit of the nth record in a segment; tells where.
fn damage(fixture: &Fixture, segment: usize, nth: usize) -> u64 {
    let path = &fixture.segments()[segment];
    let mut bytes = fs::read(path).expect("read");
    let text = b"crm.read_ticket";
    let places: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at..].starts_with(text)).collect();
    bytes[places[nth]] ^= 1;
    fs::write(path, bytes).expect("written");
    u64::try_from(places[nth]).expect("fits")
}

#[test]
fn a_sound_log_is_verified_with_the_key_that_is_configured() {
    let fixture = large();
    let ran = fixture.run(&["verify"]);
    assert_eq!(ran.exit, Exit::Success, "{}", ran.out);
    let key = fixture.public_key();
    assert!(ran.out.starts_with("SOUND: everything is as it was written\n"), "{}", ran.out);
    assert!(ran.out.contains("\n  records      202 in "), "{}", ran.out);
    assert!(ran.out.contains(&format!("\n  checkpoints  1, signed with {key}\n")), "{}", ran.out);
    assert!(ran.err.contains("are checked with the public part of `"), "{}", ran.err);
    let key_file = fixture.path("log.pub");
    fs::write(&key_file, format!("{key}\n")).expect("written");
    for key in [key.as_str(), key_file.to_str().expect("UTF-8")] {
        let ran = fixture.run(&["verify", "--json", "--key", key]);
        assert_eq!((ran.exit, ran.err.as_str()), (Exit::Success, ""));
        let report: Value = serde_json::from_str(&ran.out).expect("JSON");
        assert_eq!((&report["sound"], &report["records"]), (&json!(true), &json!(202)));
        assert_eq!((&report["signatures_checked"], &report["damage"]), (&json!(true), &json!([])));
    }
}

#[test]
fn without_a_key_it_is_said_loudly() {
    let fixture = large();
    let key = fixture.path("checkpoint.key");
    fs::rename(&key, fixture.path("elsewhere")).expect("moved");
    let ran = fixture.run(&["verify"]);
    assert_eq!(ran.exit, Exit::Success);
    assert!(ran.err.starts_with("warning: SIGNATURES WERE NOT CHECKED"), "{}", ran.err);
    assert!(ran.out.contains("checkpoints  1, SIGNATURES NOT CHECKED"), "{}", ran.out);
    assert!(!key.exists(), "no key is made by looking");
    // Another log's key.
    let other = small();
    let ran = fixture.run(&["verify", "--key", &other.public_key()]);
    assert_eq!(ran.exit, Exit::Failure);
    assert!(ran.out.contains("the checkpoint is not signed with the key"), "{}", ran.out);
}

#[test]
fn one_flipped_byte_is_found_with_file_byte_and_record() {
    let fixture = large();
    let before = objects(&fixture.run(&["export"]).out);
    let place = damage(&fixture, 1, 3);
    let ran = fixture.run(&["verify"]);
    assert_eq!(ran.exit, Exit::Failure);
    assert!(ran.out.starts_with("DAMAGED: "), "{}", ran.out);
    let ran = fixture.run(&["verify", "--json"]);
    assert_eq!(ran.exit, Exit::Failure);
    let report: Value = serde_json::from_str(&ran.out).expect("JSON");
    let found = &report["damage"][0];
    let path = fixture.segments()[1].to_str().expect("UTF-8").to_owned();
    assert_eq!(found["file"], path);
    let byte = found["byte"].as_u64().expect("a number");
    assert!(byte < place && place - byte < 400, "{byte} {place}");
    let index = found["index"].as_u64().expect("a number");

    // What reads in order says so and stops there.
    let ran = fixture.run(&["export"]);
    assert_eq!(ran.exit, Exit::Failure);
    assert_eq!(objects(&ran.out), before[..usize::try_from(index).expect("fits")]);
    let said = format!("at byte {byte} of `{path}`, record {index}\n  help: ");
    assert!(ran.err.contains(&said), "{said}: {}", ran.err);
    let ran = fixture.run(&["tail", "-n", "200"]);
    assert_eq!(ran.exit, Exit::Failure);
    assert!(ran.err.contains(&said), "{}", ran.err);
    assert!(lines(&ran.out).len() > 100, "what is behind the damage is shown");
    assert_eq!(fixture.run(&["stats"]).exit, Exit::Failure);
    // The last ten are beyond it.
    assert_eq!(fixture.run(&["tail"]).exit, Exit::Success);
}

#[test]
fn damage_in_the_newest_file_is_not_taken_for_the_end() {
    let fixture = Fixture::new();
    fixture.write(&[fixture.allow(), fixture.allow(), fixture.allow()]);
    assert_eq!(fixture.segments().len(), 1);
    damage(&fixture, 0, 0);
    for arguments in
        [&["export"][..], &["tail"], &["stats"], &["show", "019b796d-d600-7000-8000-00000000ffff"]]
    {
        let ran = fixture.run(arguments);
        assert_eq!(ran.exit, Exit::Failure, "{arguments:?}");
        assert!(ran.err.contains("the decision log is damaged"), "{arguments:?}: {}", ran.err);
    }
    // The same if its header is gone.
    let fixture = large();
    let last = fixture.segments().len() - 1;
    flip(&fixture.segments()[last], "palisade log v1");
    let ran = fixture.run(&["export"]);
    assert_eq!(ran.exit, Exit::Failure);
    assert!(ran.err.contains("the header is not whole"), "{}", ran.err);
}

#[test]
fn what_a_process_was_writing_when_it_died_is_no_damage() {
    let fixture = Fixture::new();
    let log = fixture.open();
    for _ in 0..3 {
        append(&log, LogEntry::Decision(&fixture.allow()));
    }
    let crashed = Fixture::new();
    fs::create_dir(crashed.directory()).expect("made");
    let path = &fixture.segments()[0];
    let mut bytes = fs::read(path).expect("read");
    let end = bytes.iter().rposition(|byte| *byte != 0).expect("something") - 20;
    bytes[end..].fill(0);
    let name = path.file_name().expect("a name");
    fs::write(crashed.directory().join(name), bytes).expect("written");
    for arguments in [&["tail", "--decisions", "--json"][..], &["export"], &["stats"]] {
        let ran = crashed.run(arguments);
        assert_eq!(ran.exit, Exit::Success, "{arguments:?}: {}", ran.err);
    }
    assert_eq!(objects(&crashed.run(&["tail", "--decisions", "--json"]).out).len(), 2);
}

#[test]
fn a_checkpoint_kept_elsewhere_convicts_a_log_that_was_begun_anew() {
    let fixture = small();
    let kept = fixture.path("kept.checkpoint");
    fs::copy(fixture.directory().join("checkpoint"), &kept).expect("copied");
    let kept = kept.to_str().expect("UTF-8");
    let ran = fixture.run(&["verify", "--checkpoint", kept]);
    assert_eq!(ran.exit, Exit::Success, "{}{}", ran.out, ran.err);
    assert!(ran.out.contains("held against 1 checkpoints given"), "{}", ran.out);

    // The same key, the same number of records, but other ones.
    fs::remove_dir_all(fixture.directory()).expect("removed");
    fixture.write(&[fixture.allow(), fixture.allow(), fixture.allow(), fixture.allow()]);
    assert_eq!(fixture.run(&["verify"]).exit, Exit::Success, "by itself it is sound");
    let ran = fixture.run(&["verify", "--checkpoint", kept]);
    assert_eq!(ran.exit, Exit::Failure);
    assert!(ran.out.contains("are not those of the checkpoint given"), "{}", ran.out);
    // Fewer records than there were.
    fs::remove_dir_all(fixture.directory()).expect("removed");
    fixture.write(&[fixture.allow()]);
    let ran = fixture.run(&["verify", "--checkpoint", kept]);
    assert!(ran.out.contains("records are missing that the checkpoint given says"), "{}", ran.out);
    assert_eq!(ran.exit, Exit::Failure);
    // A checkpoint that somebody else signed is none.
    let ran = fixture.run(&["verify", "--checkpoint", kept, "--key", &small().public_key()]);
    assert_eq!(ran.exit, Exit::Failure);
    assert!(ran.err.contains("the checkpoint is of another log than the key"), "{}", ran.err);
}
