use super::Cursor;
use crate::testing::{Fixture, append};

#[test]
fn a_cursor_survives() {
    let directory = tempfile::tempdir().unwrap();
    let mut cursor = Cursor::open(directory.path()).unwrap();
    assert_eq!(cursor.next(), 0);
    for next in [1, 77, u64::MAX, 5] {
        cursor.advance(next).unwrap();
        assert_eq!(cursor.next(), next);
        assert_eq!(Cursor::open(directory.path()).unwrap().next(), next);
    }
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
}

#[test]
fn a_cursor_that_cannot_be_kept_stands_still() {
    let directory = tempfile::tempdir().unwrap();
    let mut cursor = Cursor::open(directory.path()).unwrap();
    std::fs::create_dir(directory.path().join("shipped.new")).unwrap();
    assert!(cursor.advance(9).is_err());
    assert_eq!(cursor.next(), 0);
}

#[test]
fn what_is_no_number_is_refused() {
    let fixture = Fixture::filled(16 * 1024, 1);
    for text in ["", "x", "-1", "1.0", "18446744073709551616", "1 2"] {
        std::fs::write(fixture.directory().join("shipped"), text).unwrap();
        assert!(Cursor::open(fixture.directory()).is_err(), "{text}");
        // Else records could be deleted that were not shipped.
        assert!(fixture.try_open().is_err());
    }
    std::fs::write(fixture.directory().join("shipped"), "1\n").unwrap();
    append(&fixture.open(), 1).unwrap();
}
