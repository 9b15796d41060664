//! What was acknowledged survives a kill and a loss of power, wherever they come.

use std::env;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};

use super::*;

/// Tells the test, run anew, to be the process that is killed, with this file.
const FILE: &str = "PALISADE_TEST_STATE_FILE";

/// How many appends are acknowledged before the process is killed.
const ACKNOWLEDGED: [i64; 3] = [1, 7, 50];

fn numbered(number: i64) -> Revocation {
    revocation(actor("https://idp.example", &number.to_string()), number, number)
}

/// Appends without end, and says which appends have returned.
fn append_until_killed(file: &Path) -> ! {
    let state = EmbeddedState::open(file).unwrap();
    let first = i64::try_from(state.load().unwrap().len()).unwrap();
    let mut output = std::io::stdout();
    for number in first.. {
        state.append(&numbered(number)).unwrap();
        // The line is not for the test harness, which captures what is printed.
        writeln!(output, "\nacknowledged {number}").unwrap();
        output.flush().unwrap();
    }
    panic!("not killed before the numbers ran out")
}

#[test]
fn what_was_acknowledged_survives_a_kill() {
    if let Some(file) = env::var_os(FILE) {
        append_until_killed(Path::new(&file));
    }
    let folder = tempfile::tempdir().unwrap();
    let file = path(&folder);
    let mut last = -1;
    for appends in ACKNOWLEDGED {
        let name = "embedded::tests::crash::what_was_acknowledged_survives_a_kill";
        let mut child = Command::new(env::current_exe().unwrap())
            .args([name, "--exact", "--nocapture", "--test-threads=1"])
            .env(FILE, &file)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let numbers = lines.filter_map(|line| {
            line.unwrap().strip_prefix("acknowledged ").map(|number| number.parse().unwrap())
        });
        let wanted = usize::try_from(appends).unwrap();
        let numbers: Vec<i64> = numbers.take(wanted).collect();
        assert_eq!(numbers.len(), wanted, "the process ended on its own");
        assert_eq!(numbers.first(), Some(&(last + 1)));
        // It lives, and so has the file.
        let taken = EmbeddedState::open(&file).unwrap_err();
        assert!(matches!(taken, OpenStateError::InUse { .. }), "{taken:?}");
        child.kill().unwrap();
        child.wait().unwrap();
        let found = EmbeddedState::open(&file).unwrap().load().unwrap();
        for number in 0..=*numbers.last().unwrap() {
            assert!(found.contains(&numbered(number)), "{number} is lost");
        }
        last = i64::try_from(found.len()).unwrap() - 1;
        // What it was about to append may be there, and nothing else.
        assert!(found.iter().all(|kept| (0..=last).any(|number| *kept == numbered(number))));
    }
}

#[test]
fn what_was_acknowledged_survives_a_loss_of_power() {
    let seed = fastrand::u64(..);
    let mut random = fastrand::Rng::with_seed(seed);
    let disk = Disk::formatted();
    let formatted = disk.changes();
    let state = on_disk(&disk, 1000).unwrap();
    // After how many changes each append was acknowledged.
    let mut acknowledged = Vec::new();
    for number in 0..40 {
        state.append(&numbered(number)).unwrap();
        acknowledged.push(disk.changes());
    }
    for changes in formatted..=disk.changes() {
        let lost_power = disk.after_power_loss(changes, &mut random);
        let found = on_disk(&lost_power, 1000).map(|state| state.load().unwrap());
        let found = found.unwrap_or_else(|error| panic!("seed {seed}, {changes}: {error:?}"));
        let kept = acknowledged.iter().filter(|acknowledged| **acknowledged <= changes).count();
        for number in 0..i64::try_from(kept).unwrap() {
            let is_there = found.contains(&numbered(number));
            assert!(is_there, "seed {seed}, {changes} changes: {number} is lost");
        }
        assert!(found.len() <= kept + 1, "seed {seed}, {changes} changes: {found:?}");
    }
}
