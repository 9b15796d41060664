//! Unix sockets: who may connect, and what is never replaced.

use std::os::unix::fs::symlink;

use super::*;

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("exists").permissions().mode() & 0o777
}

#[tokio::test]
async fn sockets_and_new_directories_are_the_owners_only() {
    let parent = tempfile::tempdir().expect("temporary directory");
    let path = parent.path().join("new/admin.sock");
    let (_listener, file) = bind_unix(&path, OWNER_ONLY).expect("bound");
    assert_eq!(mode(&path), 0o600);
    assert_eq!(mode(path.parent().expect("has a parent")), 0o700);
    let entries = fs::read_dir(path.parent().expect("has a parent")).expect("read").count();
    assert_eq!(entries, 1, "the private directory is gone");
    UnixStream::connect(&path).expect("answers");
    drop(file);
    assert!(!path.exists());
}

#[tokio::test]
async fn a_dead_socket_is_replaced_and_a_live_one_is_not() {
    let parent = tempfile::tempdir().expect("temporary directory");
    let path = parent.path().join("s.sock");
    drop(StdUnixListener::bind(&path).expect("bound"));
    assert!(path.exists(), "a dead server leaves its socket behind");
    let (_listener, first) = bind_unix(&path, OWNER_ONLY).expect("replaces the dead one");
    let second = bind_unix(&path, OWNER_ONLY);
    assert!(matches!(second, Err(BindError::InUse { .. })), "{second:?}");
    drop(first);
}

#[tokio::test]
async fn files_and_links_are_left_alone() {
    let parent = tempfile::tempdir().expect("temporary directory");
    let (file, link) = (parent.path().join("file"), parent.path().join("link"));
    fs::write(&file, "precious").expect("written");
    symlink(&file, &link).expect("linked");
    for path in [&file, &link] {
        let bound = bind_unix(path, OWNER_ONLY);
        assert!(matches!(bound, Err(BindError::NotASocket { .. })), "{bound:?}");
    }
    assert_eq!(fs::read_to_string(&file).expect("read"), "precious");
}

#[tokio::test]
async fn directories_that_others_may_write_to_are_refused_unless_sticky() {
    let parent = tempfile::tempdir().expect("temporary directory");
    let path = parent.path().join("s.sock");
    fs::set_permissions(parent.path(), Permissions::from_mode(0o777)).expect("changed");
    let bound = bind_unix(&path, OWNER_ONLY);
    assert!(matches!(bound, Err(BindError::UnsafeDirectory { .. })), "{bound:?}");
    fs::set_permissions(parent.path(), Permissions::from_mode(0o1777)).expect("changed");
    assert!(bind_unix(&path, OWNER_ONLY).is_ok());
}

#[tokio::test]
async fn a_socket_that_took_our_place_is_not_removed() {
    let parent = tempfile::tempdir().expect("temporary directory");
    let path = parent.path().join("s.sock");
    let (_listener, file) = bind_unix(&path, OWNER_ONLY).expect("bound");
    fs::rename(&path, parent.path().join("moved")).expect("moved");
    let _other = StdUnixListener::bind(&path).expect("bound");
    drop(file);
    assert!(path.exists());
}
