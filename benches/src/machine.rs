//! The machine that measured, and what processes cost on it, as Linux tells it.

use std::fs;
use std::process::Command;

/// Ticks of `/proc/<pid>/stat` in a second: `USER_HZ`, which is 100 on every architecture that
/// Rust runs on Linux.
const TICKS_PER_SECOND: f64 = 100.0;

/// One line that says what measured: processor, cores, kernel, compiler.
#[must_use]
pub fn description() -> String {
    let cpus = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpus
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map_or("unknown processor", |(_, model)| model);
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let kernel = said(Command::new("uname").arg("-sr"));
    let rustc = said(Command::new("rustc").arg("--version"));
    format!("{model}, {cores} cores, {kernel}, {rustc}")
}

/// The day, in UTC.
#[must_use]
pub fn date() -> String {
    said(Command::new("date").args(["-u", "+%Y-%m-%d"]))
}

/// The commit that is checked out, with `+` if the working copy differs.
#[must_use]
pub fn commit() -> String {
    let commit = said(Command::new("git").args(["rev-parse", "--short", "HEAD"]));
    let changed = said(Command::new("git").args(["status", "--porcelain", "--", "crates"]));
    if changed.is_empty() { commit } else { format!("{commit}+") }
}

fn said(command: &mut Command) -> String {
    let output = command.output().map(|output| output.stdout).unwrap_or_default();
    String::from_utf8_lossy(&output).trim().to_owned()
}

/// Processor time a process has used, in seconds, in steps of 10 ms.
///
/// # Panics
/// There is no such process.
#[must_use]
pub fn cpu_seconds(process: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).expect("a process");
    // The name, in brackets, may have spaces.
    let (_, fields) = stat.rsplit_once(") ").expect("a name in brackets");
    let fields: Vec<&str> = fields.split(' ').collect();
    // Fields 14 and 15 of proc(5), user and system time; the first here is field 3.
    let ticks: f64 = fields[11..13].iter().map(|ticks| ticks.parse::<f64>().expect("ticks")).sum();
    ticks / TICKS_PER_SECOND
}

/// A size of this process from `/proc/self/status`, in MiB: `VmRSS` is what is resident now,
/// `VmHWM` the most that ever was.
///
/// # Panics
/// There is no such line.
#[must_use]
pub fn memory_mib(name: &str) -> f64 {
    memory_mib_of(std::process::id(), name)
}

/// The same of another process.
///
/// # Panics
/// There is no such process, or no such line.
#[must_use]
pub fn memory_mib_of(process: u32, name: &str) -> f64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).expect("a process");
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB")).expect("a size");
    kib.trim().parse::<f64>().expect("a number") / 1024.0
}

/// Two cores for a server and its load, if there are two and `taskset` is installed.
#[must_use]
pub fn two_cores() -> Option<(usize, usize)> {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let taskset = Command::new("taskset").arg("--version").output().is_ok();
    (cores >= 2 && taskset).then_some((0, 1))
}

/// Keeps this process, threads to come included, on one core.
///
/// # Panics
/// `taskset` fails.
pub fn pin_self(core: usize) {
    let process = std::process::id().to_string();
    let pinned = Command::new("taskset").args(["-a", "-cp", &core.to_string(), &process]).output();
    assert!(pinned.is_ok_and(|output| output.status.success()), "taskset fails");
}
