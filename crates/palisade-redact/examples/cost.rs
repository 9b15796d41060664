//! Prints what redaction costs: start-up, and a call on the strings of ordinary decisions.

use std::hint::black_box;
use std::time::{Duration, Instant};

use palisade_redact::{Scope, is_clean, json, named_text, text, warm};

/// The quickest of so many rounds of so many calls: other processes only make it slower.
const ROUNDS: usize = 20;
const CALLS: u32 = 1000;

/// The arguments of a tool call without anything to hide.
const CLEAN: &[(&str, &str)] = &[
    ("tool", "create_issue"),
    ("title", "Login page is slow after the last release"),
    (
        "body",
        "Since yesterday the page takes several seconds to load. Steps: open the start page, press the button, wait. It happens in every browser that we tried, and only for some of the teams. Please have a look at it before the next release, thank you very much.",
    ),
    ("labels", "bug, performance"),
    ("project", "web-frontend"),
    ("priority", "high"),
    ("path", "/srv/app/releases/current/public/index.html"),
    ("branch", "feature/faster-login"),
    ("state", "open"),
    ("milestone", "spring release"),
];

/// The same with ids and times, as most calls have them.
const IDS: &[(&str, &str)] = &[
    ("tool", "update_order"),
    ("order_id", "7f9c24e8-3b12-4c5e-9d1a-0e8f6b2a7c31"),
    ("timestamp", "2026-04-01T10:30:00Z"),
    ("query", "select id, total from orders where region = 'eu' order by created desc limit 50"),
    ("url", "https://shop.example.com/items/48213?ref=mail&page=2"),
    ("commit", "9fceb02d0ae598e95dc970b74767f19372d61af8"),
    ("amount", "1249.90"),
    ("version", "2.14.3"),
];

/// Something in every one.
const DIRTY: &[(&str, &str)] = &[
    ("password", "hunter2"),
    ("body", "write to jane.roe@example.org or call +49 30 901820 about 536-22-8726"),
    ("header", "Bearer 9f8a7b6c5d4e3f2a1b0c9d8e7f6a5b4c"),
];

#[expect(clippy::disallowed_methods, reason = "a measurement, no decision")]
fn now() -> Instant {
    Instant::now()
}

#[expect(clippy::print_stdout, reason = "the figures are the output")]
fn show(what: &str, bytes: usize, time: Duration) {
    println!("{what}: {bytes} bytes, {time:?}");
}

fn quickest(call: impl Fn()) -> Duration {
    let round = |_| {
        let start = now();
        for _ in 0..CALLS {
            call();
        }
        start.elapsed() / CALLS
    };
    (0..ROUNDS).map(round).min().unwrap_or_default()
}

fn measure(what: &str, fields: &[(&str, &str)]) {
    let bytes = fields.iter().map(|(_, value)| value.len()).sum();
    for scope in [Scope::Secrets, Scope::SecretsAndPersonal] {
        let time = quickest(|| {
            for (_, value) in fields {
                black_box(is_clean(black_box(value), scope));
            }
        });
        show(&format!("{what}, is_clean, {scope:?}"), bytes, time);
        let time = quickest(|| {
            for (name, value) in fields {
                black_box(named_text(name, black_box(value), scope));
            }
        });
        show(&format!("{what}, named_text, {scope:?}"), bytes, time);
    }
}

fn main() {
    let start = now();
    warm();
    show("start-up", 0, start.elapsed());
    measure("clean", CLEAN);
    measure("ids and times", IDS);
    measure("dirty", DIRTY);
    let members = CLEAN.iter().map(|(name, value)| ((*name).to_owned(), (*value).into()));
    let arguments = serde_json::Value::Object(members.collect());
    let time = quickest(|| {
        let mut arguments = black_box(arguments.clone());
        black_box(json(&mut arguments, &["/none"], Scope::SecretsAndPersonal));
    });
    show("json with its clone", arguments.to_string().len(), time);
    let long = CLEAN.iter().map(|(_, value)| *value).collect::<Vec<_>>().join("\n").repeat(200);
    let start = now();
    black_box(text(&long, Scope::SecretsAndPersonal));
    show("long text", long.len(), start.elapsed());
}
