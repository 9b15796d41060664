//! Following a log that grows.

use std::convert::Infallible;

use palisade_core::LogEntry;

use super::*;
use crate::cli::log::tests::fixture::{Fixture, append};
use crate::cli::tests::Shared;

fn follow(fixture: &Fixture, from: u64, until: impl Fn(&str) -> bool) -> (String, String) {
    let (out, err) = (Shared::default(), Shared::default());
    let mut output = Output::new(Box::new(out.clone()), Box::new(err.clone()));
    let directory = fixture.directory();
    let reader = LogReader::new(&directory, from);
    let mut tail = Tail { directory, reader, filter: Filter::default(), json: false };
    asking::runtime().expect("a runtime").block_on(async {
        let shown = out.clone();
        let stop = async {
            let mut looks = tokio::time::interval(Duration::from_millis(1));
            while !until(&shown.text()) {
                looks.tick().await;
            }
            Ok::<(), Infallible>(())
        };
        let mut stop = std::pin::pin!(stop);
        let follow = tail.follow(&mut stop, &mut output);
        let ended = tokio::time::timeout(Duration::from_secs(60), follow).await;
        ended.expect("in time").expect("no failure");
    });
    (out.text(), err.text())
}

#[test]
fn records_are_shown_as_they_come_also_in_new_segments() {
    let fixture = Fixture::new();
    let log = fixture.open();
    let written = std::cell::Cell::new(0);
    let (out, _) = follow(&fixture, 0, |shown| {
        // The next one is written only once the one before was seen.
        if shown.lines().count() == written.get() + 1 {
            if written.get() == 30 {
                return true;
            }
            append(&log, LogEntry::Decision(&fixture.allow()));
            written.set(written.get() + 1);
        }
        false
    });
    assert_eq!(out.lines().count(), 31, "one line says that the log was opened");
    assert!(fixture.segments().len() > 1);
}

#[test]
fn what_was_deleted_before_it_was_shown_is_said() {
    let fixture = Fixture::new();
    let decisions: Vec<_> = (0..40).map(|_| fixture.allow()).collect();
    fixture.write(&decisions);
    std::fs::remove_file(&fixture.segments()[0]).expect("removed");
    let (out, err) = follow(&fixture, 0, |shown| shown.contains("checkpoint"));
    assert!(err.starts_with("warning: records 0 to "), "{err}");
    assert!(out.lines().count() > 10, "{out}");
}
