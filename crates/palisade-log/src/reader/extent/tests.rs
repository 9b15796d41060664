//! Reading past zeros.

use super::*;

#[test]
fn zeros_count_only_where_something_follows_them() {
    let directory = tempfile::tempdir().expect("temporary directory");
    let path = directory.path().join("file");
    for (ahead, between, behind) in [(0, 0, 0), (3, 10, 10), (5, CHUNK_BYTES * 2, CHUNK_BYTES)] {
        let written = [vec![1; ahead], vec![0; between], vec![2; ahead], vec![0; behind]].concat();
        fs::write(&path, &written).expect("written");
        let expected = if ahead == 0 { 0 } else { ahead * 2 + between };
        assert_eq!(written_from(&path, 0).expect("read"), written[..expected]);
        let from = ahead.min(2);
        let rest = written_from(&path, u64::try_from(from).expect("small")).expect("read");
        assert_eq!(rest, written[from.min(expected)..expected]);
    }
}
