use std::fs;

use super::*;
use crate::cli::tests::{Shared, context_into};

#[test]
fn a_change_runs_the_command_again_and_the_last_run_is_the_result() {
    let bundle = tempfile::tempdir().expect("temporary directory");
    let watch = Watch::new(bundle.path()).expect("watched");
    let stop = AtomicBool::new(false);
    let (out, err) = (Shared::default(), Shared::default());
    let mut runs = 0;
    let exit = context_into(&out, &err, |context| {
        repeat_until(&stop, &watch, "checked", context, |_| {
            runs += 1;
            match runs {
                1 => {
                    fs::write(bundle.path().join("bundle.yaml"), "x").expect("written");
                    Ok(Exit::Success)
                }
                2 => {
                    fs::write(bundle.path().join("bundle.yaml"), "y").expect("written");
                    Err(Failure::BundleShown)
                }
                _ => {
                    stop.store(true, Ordering::Release);
                    Ok(Exit::Failure)
                }
            }
        })
    });
    assert_eq!(exit.ok(), Some(Exit::Failure));
    let lines: Vec<String> = out.text().lines().map(str::to_owned).collect();
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert!(lines[0].contains("checked in ") && lines[0].contains(": fine;"), "{lines:?}");
    assert!(lines[1].contains(": not fine;"), "{lines:?}");
}

#[test]
fn what_is_no_directory_cannot_be_watched() {
    let (out, err) = (Shared::default(), Shared::default());
    let exit = context_into(&out, &err, |context| {
        repeat("/nonexistent".as_ref(), "checked", context, |_| Ok(Exit::Success))
    });
    assert!(matches!(exit, Err(Failure::BundleShown)));
    assert!(err.text().contains("`/nonexistent` is no directory"), "{}", err.text());
}
