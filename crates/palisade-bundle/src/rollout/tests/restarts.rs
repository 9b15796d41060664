//! What an earlier process kept serves when nobody else can be asked.

use std::fs;

use super::*;

/// The kept archives, sorted by name.
fn archives(desk: &Desk) -> Vec<PathBuf> {
    let entries = fs::read_dir(desk.kept.path().join("kept")).expect("kept").map(Result::unwrap);
    let mut archives: Vec<_> = entries.map(|entry| entry.path()).collect();
    archives.retain(|path| path.extension().is_some_and(|extension| extension == "gz"));
    archives.sort();
    archives
}

fn restarted(desk: &Desk) -> Desk {
    desk_in(Arc::clone(&desk.kept))
}

fn opened(desk: &Desk, bundle: &str) -> std::io::Result<kept::Kept> {
    let bundle = palisade_core::BundleName::new(bundle).expect("a name");
    kept::Kept::open(&desk.kept.path().join("kept"), &bundle, 3)
}

#[test]
fn what_was_kept_of_another_bundle_is_not_used() {
    let mut first = desk();
    first.finds(1, READERS);
    assert_eq!(opened(&first, "desk").expect("opened").revisions().len(), 1);
    assert!(opened(&first, "another").expect("opened").revisions().is_empty());
}

#[test]
fn the_last_good_revision_serves_without_a_look() {
    let mut first = desk();
    first.finds(1, READERS);
    first.finds(2, READERS);
    let mut second = restarted(&first);
    assert_eq!(second.version(), Some(2));
    assert_eq!(second.recorded(), [(RolloutAction::Activated, None, Some(2), "")]);
    second.look(Look::Cannot("unreachable"));
    assert_eq!(second.version(), Some(2));
    second.roll_back(1).expect("kept by the process before");
    assert_eq!(second.version(), Some(1));
}

#[test]
fn a_pin_outlives_the_process() {
    let mut first = desk();
    first.finds(1, READERS);
    first.finds(2, READERS);
    first.roll_back(1).expect("kept");
    let mut second = restarted(&first);
    assert_eq!((second.version(), second.status().pinned), (Some(1), true));
    second.finds(3, READERS);
    assert_eq!(second.version(), Some(1));
}

#[test]
fn a_pin_on_what_does_not_load_any_more_can_be_taken_away() {
    let mut first = desk();
    first.finds(1, READERS);
    first.ask(|reply| Command::Pin { reason: String::new(), reply }).expect("pinned");
    fs::write(&archives(&first)[0], "damaged").expect("written");
    let mut second = restarted(&first);
    second.finds(2, READERS);
    assert_eq!(second.version(), None, "it is still pinned to what it cannot read");
    let offered = Look::Finds { active: Some(found(2, READERS)), shadow: None };
    second.script.0.lock().unwrap().push_back(offered);
    second.ask(|reply| Command::Unpin { reason: String::new(), reply }).expect("unpinned");
    assert_eq!(second.version(), Some(2));
}

#[test]
fn only_so_many_are_kept() {
    let mut desk = desk();
    for version in 1..=5 {
        desk.finds(version, READERS);
    }
    let kept: Vec<_> = desk.status().kept.iter().map(|kept| kept.version).collect();
    assert_eq!(kept, [5, 4, 3]);
    assert_eq!(archives(&desk).len(), 3, "the others are gone from the disk as well");
}

#[test]
fn a_damaged_archive_is_not_used() {
    let mut first = desk();
    first.finds(1, READERS);
    let [archive] = &archives(&first)[..] else { panic!("one is kept") };
    let mut bytes = fs::read(archive).expect("read");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(archive, bytes).expect("written");
    let mut second = restarted(&first);
    assert_eq!((second.version(), second.failure()), (None, Some("kept_unusable")));
    second.finds(1, READERS);
    assert_eq!(second.version(), Some(1), "a fresh copy is");
}

#[test]
fn another_archive_in_the_place_of_a_kept_one_is_not_used() {
    let mut first = desk();
    first.finds(1, READERS);
    let other = found(2, READERS).archive.expect("packed");
    fs::write(&archives(&first)[0], other).expect("written");
    let second = restarted(&first);
    assert_eq!((second.version(), second.failure()), (None, Some("kept_unusable")));
}

#[test]
fn an_index_that_leads_elsewhere_or_nowhere_is_an_error() {
    let mut first = desk();
    first.finds(1, READERS);
    let index = first.kept.path().join("kept/kept.json");
    let good = fs::read_to_string(&index).expect("read");
    let archive =
        format!("{}.tar.gz", Sha256Digest::of(&found(1, READERS).archive.expect("packed")));
    assert!(good.contains(&archive));
    for bad in [
        String::new(),
        "{}".to_owned(),
        good.replace(&archive, "../../etc/passwd"),
        good.replace("\"format\": 1", "\"format\": 2"),
        good.replace("\"bundle\": \"desk\"", "\"bundle\": \"Desk\""),
    ] {
        fs::write(&index, &bad).expect("written");
        assert!(opened(&first, "desk").is_err(), "{bad}");
    }
    fs::write(&index, &good).expect("written");
    assert_eq!(opened(&first, "desk").expect("opened").revisions().len(), 1);
}
