//! Configuration: precedence, and every problem at once with its place.

use std::fs;
use std::time::Duration;

use super::settings::{Fallback, SETTINGS};
use super::*;

fn environment(pairs: &[(&str, &str)]) -> Environment {
    let home = [("HOME", "/home/alice")];
    home.iter().chain(pairs).map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
}

fn flag(key: &str, text: &str) -> FlagValue {
    FlagValue { flag: "--set", key: key.to_owned(), text: text.to_owned() }
}

/// Reads `file`, then `variables`, then `flags`.
fn read(file: &str, variables: &[(&str, &str)], flags: &[FlagValue]) -> RawConfig {
    let directory = tempfile::tempdir().expect("temporary directory");
    let path = directory.path().join("palisade.yaml");
    fs::write(&path, file).expect("file is written");
    RawConfig::read(Some(&path), &environment(variables), flags)
}

fn problems(raw: &RawConfig) -> Vec<String> {
    let error = raw.accept().expect_err("there are problems");
    let line = |problem: &ConfigProblem| {
        let text = problem.to_string();
        text.rsplit_once("palisade.yaml")
            .map_or_else(|| text.clone(), |(_, rest)| format!("file{rest}"))
    };
    error.problems().iter().map(line).collect()
}

#[test]
fn every_default_is_accepted() {
    let config = RawConfig::read(None, &environment(&[]), &[]).accept().expect("accepted").server;
    assert_eq!(config.listen, Listen::Tcp("127.0.0.1:7711".parse().expect("address")));
    assert_eq!(config.admin_socket, PathBuf::from("/home/alice/.palisade/admin.sock"));
    assert_eq!(config.record.log.durability, Durability::Commit);
    assert_eq!(config.record.digest_key_file, None);
    assert_eq!(config.tls, None);
    assert_eq!(config.limits, Limits::default());
}

#[test]
fn later_sources_win() {
    let file =
        "version: 1\nlimits:\n  concurrency: 1\n  request_timeout: 2s\n  drain_timeout: 3s\n";
    let variables =
        [("PALISADE_LIMITS_REQUEST_TIMEOUT", "20s"), ("PALISADE_LIMITS_DRAIN_TIMEOUT", "30s")];
    let raw = read(file, &variables, &[flag("limits.drain_timeout", "40s")]);
    let limits = raw.accept().expect("accepted").server.limits;
    assert_eq!(limits.calls_max.get(), 1);
    assert_eq!(limits.request_timeout, Duration::from_secs(20));
    assert_eq!(limits.drain_timeout, Duration::from_secs(40));
}

#[test]
fn the_file_is_named_by_flag_before_variable() {
    let directory = tempfile::tempdir().expect("temporary directory");
    let (named, other) = (directory.path().join("named.yaml"), directory.path().join("other.yaml"));
    fs::write(&named, "bundle: {path: named}").expect("written");
    fs::write(&other, "bundle: {path: other}").expect("written");
    let variables = environment(&[("PALISADE_CONFIG", other.to_str().expect("UTF-8"))]);
    let bundle =
        |file| RawConfig::read(file, &variables, &[]).accept().expect("accepted").server.bundle;
    assert_eq!(bundle(Some(named.as_path())), PathBuf::from("named"));
    assert_eq!(bundle(None), PathBuf::from("other"));
}

#[test]
fn all_problems_are_reported_at_once_with_their_places() {
    let file = "version: 1\nlisten:\n  adress: 127.0.0.1:1\n  address: 0.0.0.0:7711\nlog:\n  durability: yes\n";
    let variables = [("PALISADE_LIMITS_CONCURENCY", "3"), ("PALISADE_LIMITS_DRAIN_TIMEOUT", "6m")];
    let raw = read(file, &variables, &[flag("telemetry.format", "xml"), flag("nonsense", "1")]);
    let found = problems(&raw);
    let expected = [
        "file:3:3: unknown key `listen.adress` (help: did you mean `listen.address`?)",
        "PALISADE_LIMITS_CONCURENCY: unknown variable `PALISADE_LIMITS_CONCURENCY` \
         (help: did you mean `PALISADE_LIMITS_CONCURRENCY`?)",
        "--set: unknown key `nonsense` (help: `palisade config --print` shows every setting)",
        "file:4:12: `listen.address`: 0.0.0.0 is no loopback address; without `trust.file` callers \
         prove nothing, so only processes of this machine may ask",
        "file:6:15: `log.durability`: `yes` is not one of `commit`, `interval` \
         (help: it takes a `commit` or `interval`)",
        "PALISADE_LIMITS_DRAIN_TIMEOUT: `limits.drain_timeout`: `6m` is not within 0s to 5m \
         (help: it takes a duration, 0s to 5m)",
        "--set: `telemetry.format`: `xml` is not one of `text`, `json` (help: it takes a `text` or `json`)",
    ];
    assert_eq!(found, expected);
}

#[test]
fn a_file_that_is_no_yaml_is_reported_beside_the_rest() {
    let raw = read("listen: [", &[("PALISADE_LOG_DURABILITY", "1")], &[]);
    let found = problems(&raw);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].starts_with("file:1:9: "), "{found:?}");
    assert!(found[1].starts_with("PALISADE_LOG_DURABILITY: "), "{found:?}");
}

#[test]
fn duplicate_keys_and_empty_values_are_errors() {
    for file in [
        "log: {directory: a, directory: b}",
        "log: {directory: }",
        "log: {directory: null}",
        "log: 1",
    ] {
        let found = problems(&read(file, &[], &[]));
        assert_eq!(found.len(), 1, "{file}: {found:?}");
        assert!(found[0].starts_with("file:1:"), "{file}: {found:?}");
    }
}

#[test]
fn another_file_version_is_an_error() {
    let found = problems(&read("version: 2\n", &[], &[]));
    let expected =
        "file:1:10: `2` is no known version of this file (help: this program reads version 1)";
    assert_eq!(found, [expected]);
}

#[test]
fn a_missing_file_is_an_error() {
    let raw = RawConfig::read(Some("/nonexistent/palisade.yaml".as_ref()), &environment(&[]), &[]);
    let found = problems(&raw);
    assert!(found[0].contains("cannot be read"), "{found:?}");
}

#[test]
fn the_admin_socket_is_in_the_most_private_place_there_is() {
    let socket = |variables: &[(&str, &str)]| {
        let variables = variables.iter().map(|(name, text)| ((*name).into(), (*text).into()));
        let raw = RawConfig::read(None, &variables.collect(), &[]);
        raw.accept().expect("accepted").server.admin_socket
    };
    let (run, home) = (("XDG_RUNTIME_DIR", "/run/user/1"), ("HOME", "/home/a"));
    assert_eq!(socket(&[run, home]), PathBuf::from("/run/user/1/palisade/admin.sock"));
    assert_eq!(socket(&[home]), PathBuf::from("/home/a/.palisade/admin.sock"));
    assert_eq!(socket(&[("HOME", "relative")]), PathBuf::from("/run/palisade/admin.sock"));
}

#[test]
fn the_decision_log_outlives_a_reboot_and_is_no_part_of_a_bundle() {
    let log = |variables: &[(&str, &str)]| {
        let variables = variables.iter().map(|(name, text)| ((*name).into(), (*text).into()));
        let raw = RawConfig::read(None, &variables.collect(), &[]);
        raw.accept().expect("accepted").server.record.log.directory
    };
    let (run, home) = (("XDG_RUNTIME_DIR", "/run/user/1"), ("HOME", "/home/a"));
    assert_eq!(log(&[run, home]), PathBuf::from("/home/a/.palisade/log"));
    let state = ("XDG_STATE_HOME", "/state");
    assert_eq!(log(&[state, home]), PathBuf::from("/state/palisade/log"));
    assert_eq!(log(&[]), PathBuf::from("/var/lib/palisade/log"));
}

#[test]
fn only_loopback_and_unix_sockets_are_listened_on() {
    let accept = |text| RawConfig::accept(&read("", &[], &[flag("listen.address", text)])).is_ok();
    for good in ["127.0.0.1:0", "127.8.8.8:1", "[::1]:7711", "localhost:7711", "unix:/run/p.sock"] {
        assert!(accept(good), "{good}");
    }
    for bad in
        ["0.0.0.0:1", "[::]:1", "10.0.0.1:1", "[::ffff:127.0.0.1]:1", "127.0.0.1", "unix:p", "a:1"]
    {
        assert!(!accept(bad), "{bad}");
    }
}

#[test]
fn tls_takes_certificate_and_key_and_tcp() {
    let read = |flags: &[(&str, &str)]| {
        let flags: Vec<_> = flags.iter().map(|(key, text)| flag(key, text)).collect();
        read("", &[], &flags)
    };
    let certificate = ("listen.tls_certificate", "c.pem");
    let (key, client_ca) = (("listen.tls_key", "k.pem"), ("listen.tls_client_ca", "ca.pem"));
    let tls = read(&[certificate, key]).accept().expect("accepted").server.tls.expect("TLS");
    assert_eq!((tls.certificate, tls.client_ca), (PathBuf::from("c.pem"), None));
    let tls = read(&[certificate, key, client_ca]).accept().expect("accepted").server.tls;
    assert_eq!(tls.expect("TLS").client_ca, Some(PathBuf::from("ca.pem")));
    for incomplete in [&[certificate][..], &[key], &[client_ca], &[certificate, client_ca]] {
        let found = problems(&read(incomplete));
        assert_eq!(found.len(), incomplete.len(), "{found:?}");
        let message = "TLS takes both `listen.tls_certificate` and `listen.tls_key`";
        assert!(found.iter().all(|problem| problem.ends_with(message)), "{found:?}");
    }
    let found = problems(&read(&[("listen.address", "unix:/run/p.sock"), certificate, key]));
    let expected = [
        "--set: `listen.tls_certificate`: a Unix socket has no TLS",
        "--set: `listen.tls_key`: a Unix socket has no TLS",
    ];
    assert_eq!(found, expected);
    // An empty path is one problem, not two.
    assert_eq!(problems(&read(&[("listen.tls_certificate", ""), key])).len(), 1);
    // TLS proves nothing about actors.
    let found = problems(&read(&[("listen.address", "10.0.0.1:1"), certificate, key]));
    assert!(found.len() == 1 && found[0].contains("no loopback address"), "{found:?}");
}

#[test]
fn socket_paths_end_at_90_bytes() {
    let path = |bytes: usize| format!("/{}", "x".repeat(bytes - 1));
    assert!(value::socket_path(&path(90)).is_ok());
    assert!(value::socket_path(&path(91)).is_err());
}

#[test]
fn numbers_and_durations_are_accepted_up_to_their_documented_limits() {
    let accept = |key: &str, text: &str| {
        RawConfig::read(None, &environment(&[]), &[flag(key, text)]).accept().is_ok()
    };
    for (key, min, max, below, above) in [
        ("log.segment_size", "64KiB", "1GiB", "63KiB", "1025MiB"),
        ("log.retention_age", "1s", "876000h", "999ms", "876001h"),
        ("log.retention_size", "128KiB", "1048576GiB", "127KiB", "1048577GiB"),
        ("log.checkpoint_interval", "1s", "24h", "999ms", "25h"),
        ("otlp.timeout", "100ms", "5m", "99ms", "301s"),
        ("otlp.metrics_interval", "1s", "1h", "999ms", "2h"),
        ("otlp.trace_ratio", "0", "1", "-0.1", "1.01"),
        ("cache.bytes", "0MiB", "64GiB", "-1MiB", "65GiB"),
        ("limits.threads", "1", "1024", "0", "1025"),
        ("limits.concurrency", "1", "65536", "0", "65537"),
        ("limits.connections", "1", "65536", "+1", "5000000000"),
        ("limits.request_timeout", "10ms", "60s", "9ms", "60001ms"),
        ("limits.idle_timeout", "1s", "24h", "999ms", "25h"),
        ("limits.held_bytes", "16MiB", "64GiB", "16383KiB", "65GiB"),
        ("limits.drain_timeout", "0s", "5m", "-1s", "300001ms"),
    ] {
        let meta = SETTINGS.into_iter().find(|meta| meta.key == key).expect("exists");
        assert!(meta.accepts.ends_with(&format!(", {min} to {max}")), "{}", meta.accepts);
        assert!(accept(key, min) && accept(key, max), "{key}");
        assert!(!accept(key, below) && !accept(key, above), "{key}");
    }
}

#[test]
fn names_are_unique_and_defaults_fit() {
    let mut variables: Vec<_> = SETTINGS.iter().map(|meta| meta.variable()).collect();
    variables.sort();
    variables.dedup();
    assert_eq!(variables.len(), SETTINGS.len());
    assert!(!variables.contains(&settings::CONFIG_FILE_VARIABLE.to_owned()));
    assert!(SETTINGS.iter().all(|meta| !matches!(meta.default, Fallback::Fixed(""))));
}

#[test]
fn what_is_printed_can_be_given_back() {
    let raw = read(
        "bundle: {path: 'a # b'}\nlog: {directory: \"null\"}",
        &[("PALISADE_TELEMETRY_FILTER", "warn,palisade=debug")],
        &[flag("listen.address", "unix:/run/p.sock")],
    );
    let printed = yaml(&raw);
    assert!(printed.contains("path: \"a # b\"  # "), "{printed}");
    assert!(printed.contains("  filter: warn,palisade=debug  # PALISADE_TELEMETRY_FILTER\n"));
    assert!(printed.contains("  address: unix:/run/p.sock  # --set\n"), "{printed}");
    assert!(printed.contains("  # digest_key_file: not set, a random key at each start\n"));
    let again = read(&printed, &[], &[]);
    for meta in SETTINGS {
        let text = |raw: &RawConfig| raw.effective(meta).map(|value| value.text);
        assert_eq!(text(&raw), text(&again), "{}", meta.key);
    }
}

#[test]
fn the_markdown_table_has_a_row_for_every_setting() {
    let table = markdown();
    assert_eq!(table.lines().count(), SETTINGS.len() + 2);
    assert!(table.contains(
        "| `limits.concurrency` | `PALISADE_LIMITS_CONCURRENCY` | number, 1 to 65536 | `4096` |"
    ));
}

#[test]
fn sizes_have_a_unit() {
    let held = |text: &str| {
        let raw = RawConfig::read(None, &environment(&[]), &[flag("limits.held_bytes", text)]);
        raw.accept().map(|config| config.server.limits.held_bytes_max)
    };
    assert_eq!(held("65536KiB").expect("a size"), 64 << 20);
    assert_eq!(held("64MiB").expect("the same"), 64 << 20);
    assert_eq!(held("1GiB").expect("a size"), 1 << 30);
    for (text, problem) in [
        ("99999999999999999999GiB", "is not within 16MiB to 64GiB"),
        ("64", "is no size"),
        ("64 MiB", "is no size"),
        ("+64MiB", "is no size"),
        ("64MB", "is no size"),
        ("MiB", "is no size"),
    ] {
        let error = held(text).expect_err(text);
        assert!(error.problems()[0].to_string().contains(problem), "{text}: {error:?}");
    }
}

#[test]
fn the_interval_of_writing_is_for_logs_that_do_not_wait() {
    let accept = |flags: &[(&str, &str)]| {
        let flags: Vec<_> = flags.iter().map(|(key, text)| flag(key, text)).collect();
        RawConfig::read(None, &environment(&[]), &flags).accept()
    };
    let interval = ("log.interval", "50ms");
    let config = accept(&[("log.durability", "interval"), interval]).expect("accepted");
    let fifty = Durability::Interval(Duration::from_millis(50));
    assert_eq!(config.server.record.log.durability, fifty);
    assert!(accept(&[interval]).is_err());
    assert!(accept(&[("log.durability", "interval"), ("log.interval", "11s")]).is_err());
}

#[test]
fn collectors_are_urls_and_a_log_with_one_is_shipped() {
    let accept = |flags: &[(&str, &str)]| {
        let flags: Vec<_> = flags.iter().map(|(key, text)| flag(key, text)).collect();
        RawConfig::read(None, &environment(&[]), &flags).accept()
    };
    let config = accept(&[("otlp.logs", "http://collector:4317")]).expect("accepted");
    assert!(config.server.record.log.is_shipped);
    assert_eq!(config.export.logs.expect("a URL").port(), Some(4317));
    assert!(!accept(&[]).expect("accepted").server.record.log.is_shipped);
    for bad in ["collector:4317", "ftp://collector", "http://", "nonsense"] {
        let error = accept(&[("otlp.traces", bad)]).expect_err("no URL").to_string();
        assert!(!error.contains("nonsense"), "{error}");
    }
    assert!(accept(&[("otlp.client_key", "/k")]).is_err());
    assert!(accept(&[("telemetry.metrics_address", "9464")]).is_err());
}
