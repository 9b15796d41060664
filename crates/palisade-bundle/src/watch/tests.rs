use std::fs;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use palisade_core::{Clock as _, SystemClock};
use tempfile::TempDir;

use super::*;

/// Longer than any machine takes to tell of a change.
const DEADLINE: Duration = Duration::from_secs(20);

static GO_ON: AtomicBool = AtomicBool::new(false);

fn bundle() -> (TempDir, PathBuf) {
    let around = TempDir::new().unwrap();
    let path = around.path().join("bundle");
    fs::create_dir_all(path.join("policies")).unwrap();
    fs::write(path.join("policies/a.cedar"), "one").unwrap();
    (around, path)
}

#[test]
fn a_change_in_a_folder_is_seen_once() {
    let (_around, path) = bundle();
    let watch = Watch::new(&path).unwrap();
    fs::write(path.join("policies/a.cedar"), "two").unwrap();
    fs::write(path.join("policies/a.cedar"), "three").unwrap();
    fs::rename(path.join("policies/a.cedar"), path.join("policies/b.cedar")).unwrap();
    assert_eq!(watch.wait(&GO_ON, DEADLINE), Watched::Changed);
    assert_eq!(watch.wait(&GO_ON, Duration::from_millis(300)), Watched::TimedOut, "one burst");
}

#[test]
fn reading_and_what_editors_leave_behind_is_no_change() {
    let (_around, path) = bundle();
    let watch = Watch::new(&path).unwrap();
    fs::read(path.join("policies/a.cedar")).unwrap();
    fs::write(path.join("policies/.a.cedar.swp"), "").unwrap();
    fs::write(path.join("policies/a.cedar~"), "").unwrap();
    assert_eq!(watch.wait(&GO_ON, Duration::from_millis(300)), Watched::TimedOut);
}

#[test]
fn a_directory_beside_it_is_not_meant() {
    let (around, path) = bundle();
    let watch = Watch::new(&path).unwrap();
    fs::write(around.path().join("other"), "").unwrap();
    assert_eq!(watch.wait(&GO_ON, Duration::from_millis(300)), Watched::TimedOut);
}

#[test]
fn the_directory_that_takes_its_place_is_followed() {
    let (around, path) = bundle();
    let watch = Watch::new(&path).unwrap();
    let new = around.path().join("new");
    fs::create_dir_all(new.join("policies")).unwrap();
    fs::rename(&path, around.path().join("old")).unwrap();
    fs::rename(&new, &path).unwrap();
    assert_eq!(watch.wait(&GO_ON, DEADLINE), Watched::Changed);
    while watch.wait(&GO_ON, Duration::from_millis(300)) == Watched::Changed {}
    fs::write(path.join("policies/a.cedar"), "new").unwrap();
    assert_eq!(watch.wait(&GO_ON, DEADLINE), Watched::Changed, "the new one is watched");
}

#[test]
fn a_directory_that_is_gone_for_a_while_is_followed_when_it_is_back() {
    let (_around, path) = bundle();
    let watch = Watch::new(&path).unwrap();
    fs::remove_dir_all(&path).unwrap();
    assert_eq!(watch.wait(&GO_ON, DEADLINE), Watched::Changed);
    while watch.wait(&GO_ON, Duration::from_millis(300)) == Watched::Changed {}
    fs::create_dir_all(path.join("policies")).unwrap();
    assert_eq!(watch.wait(&GO_ON, DEADLINE), Watched::Changed);
    while watch.wait(&GO_ON, Duration::from_millis(300)) == Watched::Changed {}
    fs::write(path.join("policies/a.cedar"), "new").unwrap();
    assert_eq!(watch.wait(&GO_ON, DEADLINE), Watched::Changed);
}

#[test]
fn waiting_ends_when_it_is_told_to() {
    let (_around, path) = bundle();
    let watch = Watch::new(&path).unwrap();
    let stop = AtomicBool::new(false);
    let clock = SystemClock::new();
    let started = clock.monotonic();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| watch.wait(&stop, DEADLINE));
        stop.store(true, Ordering::Release);
        watch.waker().wake();
        assert_eq!(waiting.join().unwrap(), Watched::Stopped);
    });
    assert!(clock.monotonic() - started < DEADLINE, "it did not wait until the end");
}

#[test]
fn a_change_is_not_lost_behind_a_wake_up() {
    let (_around, path) = bundle();
    let watch = Watch::new(&path).unwrap();
    watch.waker().wake();
    fs::write(path.join("bundle.yaml"), "x").unwrap();
    assert_eq!(watch.wait(&GO_ON, DEADLINE), Watched::Changed);
}

#[test]
fn what_is_no_directory_is_refused() {
    let (around, path) = bundle();
    for path in [around.path().join("nothing"), path.join("policies/a.cedar")] {
        let error = Watch::new(&path).unwrap_err();
        assert!(matches!(error, WatchError::NotADirectory { .. }), "{error}");
    }
}
