mod crash;
mod damage;
mod disk;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::thread;

use tempfile::TempDir;

use super::*;
use crate::conformance::{self, actor, kept, revocation};
use disk::Disk;

/// A state in memory that goes through all of the database's motions.
fn on_disk(disk: &Disk, revocations_max: usize) -> Result<EmbeddedState, OpenStateError> {
    EmbeddedState::on_medium(Box::new(disk.clone()), Path::new("state.redb"), revocations_max)
}

fn path(folder: &TempDir) -> PathBuf {
    folder.path().join("state.redb")
}

#[test]
fn it_does_what_every_store_does() {
    conformance::check(|revocations_max| on_disk(&Disk::formatted(), revocations_max).unwrap());
}

#[test]
fn it_is_found_again() {
    let folder = tempfile::tempdir().unwrap();
    let state = EmbeddedState::open(path(&folder)).unwrap();
    assert!(state.is_durable());
    assert!(state.is_new());
    assert_eq!(state.revocations_max, REVOCATIONS_MAX);
    let revocations = [("alice", 20), ("bob", 30)]
        .map(|(subject, until)| revocation(actor("https://idp.example", subject), 10, until));
    for revocation in &revocations {
        state.append(revocation).unwrap();
    }
    drop(state);
    let state = EmbeddedState::open(path(&folder)).unwrap();
    assert!(!state.is_new());
    assert_eq!(kept(&state), revocations);
    assert_eq!(state.prune(EpochMillis::new(20)).unwrap(), 1);
    drop(state);
    let state = EmbeddedState::open(path(&folder)).unwrap();
    assert_eq!(kept(&state), revocations[1..]);
}

#[test]
fn only_its_owner_reads_it_and_nothing_else_is_left_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    drop(EmbeddedState::open(path(&folder)).unwrap());
    let mode = fs::metadata(path(&folder)).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_second_opener_is_refused_until_the_first_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let first = EmbeddedState::open(path(&folder)).unwrap();
    let second = EmbeddedState::open(path(&folder)).unwrap_err();
    assert!(matches!(second, OpenStateError::InUse { .. }), "{second:?}");
    assert_eq!(second.code(), "state_in_use");
    first.append(&revocation(actor("a", "b"), 10, 20)).unwrap();
    drop(first);
    assert_eq!(EmbeddedState::open(path(&folder)).unwrap().load().unwrap().len(), 1);
}

#[test]
fn of_many_that_make_it_at_once_one_has_it() {
    let folder = tempfile::tempdir().unwrap();
    let opened: Vec<_> = thread::scope(|scope| {
        let open = || scope.spawn(|| EmbeddedState::open(path(&folder)));
        let openers: Vec<_> = (0..8).map(|_| open()).collect();
        openers.into_iter().map(|opener| opener.join().unwrap()).collect()
    });
    assert_eq!(opened.iter().filter(|opened| opened.is_ok()).count(), 1);
    let in_use = |opened: &&_| matches!(opened, Err(OpenStateError::InUse { .. }));
    assert_eq!(opened.iter().filter(in_use).count(), 7, "{opened:?}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn where_there_is_no_folder_there_is_no_state() {
    let folder = tempfile::tempdir().unwrap();
    let nowhere = folder.path().join("missing").join("state.redb");
    let error = EmbeddedState::open(&nowhere).unwrap_err();
    assert!(matches!(error, OpenStateError::Unavailable { .. }), "{error:?}");
    assert_eq!(error.code(), "state_unavailable");
    assert!(!nowhere.exists());
    let error = EmbeddedState::open(folder.path()).unwrap_err();
    assert!(matches!(error, OpenStateError::Unavailable { .. }), "{error:?}");
}

#[test]
fn a_name_that_leads_nowhere_is_not_made_to_lead_to_an_empty_state() {
    let folder = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(folder.path().join("missing"), path(&folder)).unwrap();
    let error = EmbeddedState::open(path(&folder)).unwrap_err();
    assert!(matches!(error, OpenStateError::Unavailable { .. }), "{error:?}");
}

#[test]
fn after_a_fault_the_next_call_finds_what_was_acknowledged() {
    let disk = Disk::formatted();
    let state = on_disk(&disk, 10).unwrap();
    let [one, two, three] = ["1", "2", "3"].map(|name| revocation(actor("a", name), 10, 20));
    state.append(&one).unwrap();
    disk.fail(true);
    for _ in 0..2 {
        let error = state.append(&two).unwrap_err();
        assert!(matches!(error, StateError::Unavailable(_)), "{error:?}");
    }
    let error = state.load().unwrap_err();
    assert!(matches!(error, StateError::Unavailable(_)), "{error:?}");
    disk.fail(false);
    state.append(&three).unwrap();
    let found = kept(&state);
    // Of what failed nobody can tell, but the rest is there.
    let without_two: Vec<_> = found.into_iter().filter(|kept| *kept != two).collect();
    assert_eq!(without_two, [one, three]);
}

#[test]
fn what_is_kept_already_is_not_written_again() {
    let disk = Disk::formatted();
    let state = on_disk(&disk, 10).unwrap();
    let known = revocation(actor("a", "b"), 10, 20);
    state.append(&known).unwrap();
    let before = disk.syncs();
    state.append(&known).unwrap();
    assert_eq!(disk.syncs(), before);
    state.append(&revocation(actor("a", "b"), 11, 20)).unwrap();
    assert!(disk.syncs() >= before + 2, "two phases");
}
