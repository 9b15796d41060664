//! What is damaged is refused, and stays as it is.

use redb::TableDefinition;

use super::*;
use crate::medium::{FORMAT, Medium as _};

fn some() -> Vec<Revocation> {
    let numbers = 0..20_i64;
    numbers.map(|number| revocation(actor("a", &format!("{number:02}")), number, 50)).collect()
}

/// What lies on a disk with some revocations: after the end of the server, and after a crash.
fn sound() -> [Vec<u8>; 2] {
    let disk = Disk::formatted();
    let state = on_disk(&disk, 100).unwrap();
    for revocation in some() {
        state.append(&revocation).unwrap();
    }
    let crashed = disk.bytes();
    drop(state);
    [disk.bytes(), crashed]
}

fn corrupt(file: &Path) {
    let before = fs::read(file).unwrap();
    let error = EmbeddedState::open(file).unwrap_err();
    assert!(matches!(error, OpenStateError::Corrupt { .. }), "{error:?}");
    assert_eq!(error.code(), "state_corrupt");
    assert_eq!(fs::read(file).unwrap(), before, "it was changed");
}

#[test]
fn what_is_no_state_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let [sound, _] = sound();
    let some = |share: usize| sound[..sound.len() / share].to_vec();
    let garbage = [Vec::new(), b"x".to_vec(), vec![0; 4096], vec![7; 100_000], some(2), some(100)];
    for bytes in garbage {
        fs::write(path(&folder), &bytes).unwrap();
        corrupt(&path(&folder));
    }
}

/// Opens what lies on a disk.
fn found(bytes: &[u8], revocations_max: usize) -> Result<Vec<Revocation>, OpenStateError> {
    on_disk(&Disk::holding(bytes), revocations_max).map(|state| kept(&state))
}

#[test]
fn no_changed_byte_loses_or_changes_what_is_kept() {
    let some = some();
    // One in so many, beginning with another one each time: all of them take half a minute.
    let step = 11;
    let first = fastrand::usize(..step);
    for sound in sound() {
        assert_eq!(found(&sound, 100).unwrap(), some);
        let mut refused = 0;
        for position in (first..sound.len()).step_by(step) {
            let mut damaged = sound.clone();
            damaged[position] ^= 0x55;
            match found(&damaged, 100) {
                // Not all pages are in use.
                Ok(found) => assert_eq!(found, some, "byte {position}"),
                Err(error) => {
                    let is_corrupt = matches!(error, OpenStateError::Corrupt { .. });
                    assert!(is_corrupt, "byte {position}: {error:?}");
                    refused += 1;
                }
            }
        }
        assert!(refused > 100, "{refused}");
    }
}

#[test]
fn no_shortened_file_loses_what_is_kept() {
    let some = some();
    for sound in sound() {
        for length in (0..sound.len()).step_by(509) {
            if let Ok(found) = found(&sound[..length], 100) {
                assert_eq!(found, some, "{length} bytes");
            }
        }
    }
}

#[test]
fn another_format_is_refused_and_left_for_whoever_reads_it() {
    for other in [FORMAT + 1, 0, u64::MAX] {
        let error = on_disk(&Disk::of_format(other), 100).unwrap_err();
        let OpenStateError::UnknownFormat { found, known: FORMAT, .. } = error else {
            panic!("{error:?}")
        };
        assert_eq!(found, other);
        assert_eq!(error.code(), "state_unknown_format");
    }
}

/// A database of which `write` makes what it likes.
fn written(write: impl FnOnce(&WriteTransaction)) -> Disk {
    let disk = Disk::default();
    let database = medium::builder().create_with_backend(disk.clone()).unwrap();
    let transaction = database.begin_write().unwrap();
    write(&transaction);
    transaction.commit().unwrap();
    drop(database);
    disk
}

#[test]
fn a_database_that_is_none_of_ours_is_refused() {
    const FORMAT_TABLE: TableDefinition<'_, &str, u64> =
        TableDefinition::new("palisade_state_format");
    const OTHER_TYPE: TableDefinition<'_, u64, u64> = TableDefinition::new("palisade_state_format");
    let databases = [
        written(|_| ()),
        written(|transaction| drop(transaction.open_table(FORMAT_TABLE).unwrap())),
        written(|transaction| drop(transaction.open_table(OTHER_TYPE).unwrap())),
        written(|transaction| {
            let mut table = transaction.open_table(FORMAT_TABLE).unwrap();
            table.insert("version", FORMAT).unwrap();
        }),
    ];
    for disk in databases {
        let error = on_disk(&disk, 100).unwrap_err();
        assert!(matches!(error, OpenStateError::Corrupt { .. }), "{error:?}");
    }
}

#[test]
fn of_a_state_that_is_not_understood_nothing_is_said_added_or_forgotten() {
    let disk = Disk::formatted();
    let database = disk.open(&medium::builder()).unwrap();
    let transaction = database.begin_write().unwrap();
    let scope = actor("a", "00");
    let key = stored::key(&scope);
    let mut table = transaction.open_table(REVOCATIONS).unwrap();
    table.insert(key.as_slice(), b"{}".as_slice()).unwrap();
    drop(table);
    transaction.commit().unwrap();
    drop(database);
    let state = on_disk(&disk, 100).unwrap();
    let over = revocation(actor("a", "01"), 1, 2);
    state.append(&over).unwrap();
    let answers = [
        state.load().map(|_| ()),
        state.append(&revocation(scope, 1, 2)),
        state.prune(EpochMillis::new(5)).map(|_| ()),
    ];
    for answer in answers {
        assert!(matches!(answer, Err(StateError::Corrupt { .. })), "{answer:?}");
    }
    let database = disk.open(&medium::builder()).unwrap();
    let transaction = database.begin_read().unwrap();
    assert_eq!(transaction.open_table(REVOCATIONS).unwrap().len().unwrap(), 2);
}
