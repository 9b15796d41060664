//! Ordinary tool arguments, code, log lines and prose: nothing in them may be masked.

use fastrand::Rng;

use super::values::{ALNUM, HEX, fill, pick, string, uuid};

const PROSE: &[&str] = &[
    "Summarise the quarterly report and list three risks.",
    "The token bucket algorithm limits requests; a key idea is that tokens refill over time.",
    "Please reset my password, I cannot log in any more.",
    "The password must be at least 12 characters long and contain a digit.",
    "Press any key to continue. The secret of success is patience.",
    "Meeting moved from 10:30 to 14:00 on 2026-04-01, room 12.3, bring 2 laptops.",
    "Authentication failed: invalid credentials for the requested scope",
    "What is the capital of France and how many people live there?",
    "Our revenue grew by 12.5% to $1,234,567.89 in 2025, from 1 098 000 in 2024.",
    "Version 1.2.3-beta.4 fixes issues 1234, 1235 and 20481.",
    "Key: value pairs are stored in a map. Address the reader directly.",
    "Der Bericht wurde am 12.03.2026 um 14:05 Uhr fertig.",
    "Chapter 12: The street was quiet and the name of the town unknown.",
    "ISBN 978-3-16-148410-0, pages 100-120, 2nd edition",
    "The authorization server issues an access token to the client after authentication.",
    "Set the session timeout to 30 minutes and the token lifetime to 3600 seconds.",
    "Build 20260401.7 took 12 min 30 s; 4096 tests passed, 0 failed.",
    "He said: \"the code is 404\", which means not found.",
    "Basic authentication is deprecated; bearer tokens are preferred.",
    "I am happy to help. Dear all, thank you for the feedback.",
];

const CODE: &[&str] = &[
    "fn main() { let token = lexer.next_token(); println!(\"{:?}\", token); }",
    "password = getpass.getpass(\"Password: \")",
    "const apiKey = process.env.API_KEY;",
    "SELECT id, name, email, password_hash FROM users WHERE created_at > '2026-01-01' LIMIT 100",
    "for key, value in config.items():\n    print(key, value)",
    "let secret = std::env::var(\"CLIENT_SECRET\")?;",
    "git log --oneline --since=2.weeks -- src/auth/token.rs",
    "kubectl get pods -n kube-system -o jsonpath='{.items[*].metadata.name}'",
    "if (user.password === undefined) { throw new Error('password required'); }",
    "import { useState } from 'react'; // token: string",
    "docker run --rm -p 8080:80 -e TOKEN=$TOKEN nginx:1.27.0",
    "def authenticate(username: str, password: str) -> bool: ...",
    "#[derive(Debug)] struct Credentials { username: String, password: String }",
    "npm install react@18.2.0 typescript@5.4.3 --save-dev",
    "api_key: ${API_KEY}\npassword: {{ db_password }}\n",
    "ALTER TABLE t ADD COLUMN auth_token VARCHAR(255) NOT NULL",
    "cargo test -p palisade-core --features std -- --nocapture",
    "\"primaryKey\": \"customer_id\", \"sortKey\": \"created_at\"",
    "std::collections::HashMap<String, Vec<u8>>",
    "auth: oauth2, token_type: bearer, token_endpoint: /oauth/token",
];

const FIELDS: &[(&str, &[&str])] = &[
    ("query", &["select count(*) from orders", "weather in Paris", "latest release notes"]),
    (
        "path",
        &[
            "/var/log/app/service.log",
            "src/main/java/com/example/App.java",
            "C:\\Users\\Public\\file.txt",
            "./build/output/index.html",
        ],
    ),
    ("city", &["Paris", "San Francisco", "Berlin"]),
    ("status", &["open", "in_progress", "closed"]),
    ("name", &["get_weather", "quarterly-report", "Blue Widget"]),
    ("key", &["user_preferences", "theme.color.primary", "reports/2026/q1.csv"]),
    ("primary_key", &["customer_id"]),
    ("token_type", &["Bearer"]),
    ("page_token", &["next"]),
    ("currency", &["EUR", "USD"]),
    ("model", &["gpt-4o-mini-2024-07-18", "claude-sonnet-4-5-20250929"]),
    ("image", &["registry.example.com/team/app:1.4.2", "nginx:1.27-alpine"]),
    (
        "url",
        &[
            "https://docs.example.com/guide/page?lang=en&section=2.1#top",
            "https://github.com/rust-lang/rust/blob/master/library/core/src/lib.rs",
        ],
    ),
    ("password_policy", &["min 12 characters"]),
    ("command", &["ls -la /tmp && df -h", "python3 -m http.server 8000"]),
    ("content_type", &["application/json; charset=utf-8"]),
    ("cron", &["0 */6 * * 1-5"]),
    ("color", &["#ff8800", "rgb(255, 136, 0)"]),
    ("title", &["Migration plan for 2026", "RFC 9110: HTTP Semantics"]),
    ("author_id", &["u_1234"]),
    ("max_tokens", &["4096"]),
    ("timezone", &["Europe/Berlin", "UTC+02:00"]),
];

pub(crate) fn samples(rng: &mut Rng) -> Vec<(&'static str, String)> {
    let mut samples: Vec<(&str, String)> = Vec::new();
    samples.push(("text", pick(rng, PROSE).to_owned()));
    samples.push(("body", format!("{} {}", pick(rng, PROSE), pick(rng, PROSE))));
    samples.push(("code", pick(rng, CODE).to_owned()));
    samples.push(("source", format!("{}\n{}", pick(rng, CODE), pick(rng, CODE))));
    for _ in 0..4 {
        let (field, values) = FIELDS[rng.usize(..FIELDS.len())];
        samples.push((field, pick(rng, values).to_owned()));
    }
    let (id, number) = (uuid(rng), rng.u32(1..100_000));
    let seconds = 1_700_000_000 + u64::from(rng.u32(..100_000_000));
    let price = format!("{}.{:02}", rng.u32(1..9999), rng.u32(..100));
    let date = format!("20{:02}-{:02}-{:02}", rng.u8(20..30), rng.u8(1..13), rng.u8(1..29));
    let time = format!("{:02}:{:02}:{:02}", rng.u8(..24), rng.u8(..60), rng.u8(..60));
    let sha = string(rng, HEX, 64);
    let commit = string(rng, HEX, 40);
    let short = string(rng, HEX, 7);
    samples.extend([
        ("id", id.clone()),
        ("trace_id", string(rng, HEX, 32)),
        ("digest", format!("sha256:{sha}")),
        ("commit", commit.clone()),
        ("ref", format!("{short}..{}", string(rng, HEX, 7))),
        ("timestamp", format!("{date}T{time}Z")),
        ("timestamp", format!("{date}T{time}.{:03}+02:00", rng.u32(..1000))),
        ("created", seconds.to_string()),
        ("created_ms", format!("{seconds}{:03}", rng.u32(..1000))),
        ("price", price.clone()),
        ("amount", format!("{},{:03}.00", rng.u32(1..999), rng.u32(..1000))),
        ("order_id", format!("ORD-{}-{number:06}", rng.u32(2020..2030))),
        ("sku", fill(rng, "%u3-%d4-%u2")),
        ("count", number.to_string()),
        ("version", format!("{}.{}.{}", rng.u8(..30), rng.u8(..30), rng.u8(..30))),
        ("range", format!("{date} - {date}")),
        ("size", format!("{}x{}", rng.u32(100..4000), rng.u32(100..4000))),
        ("message", format!("{date} {time} INFO request {id} done in {price} ms, {number} rows")),
        (
            "log",
            format!(
                "[{date} {time}] worker-{} commit {commit} deployed (build #{number})",
                rng.u8(..20)
            ),
        ),
        (
            "link",
            format!("https://shop.example.com/items/{number}?ref={short}&page={}", rng.u8(..50)),
        ),
        (
            "json",
            format!(
                r#"{{"id":"{id}","total":{price},"items":[{number},{}],"paid":true}}"#,
                number + 1
            ),
        ),
        ("etag", format!("W/\"{}\"", string(rng, ALNUM, 16))),
        ("invoice", format!("Invoice {number} of {date}: {price} EUR, due in 30 days")),
        ("data", format!("{number}, {}, {}", rng.u32(..100_000), rng.u32(..100_000))),
        (
            "branch",
            format!(
                "feature/{number}-add-{}",
                pick(rng, &["login-page", "token-refresh", "csv-export"])
            ),
        ),
    ]);
    samples
}
