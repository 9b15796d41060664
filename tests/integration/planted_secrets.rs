//! Secrets planted in every place that a request has are found nowhere afterwards.

use std::fs;
use std::path::Path;

use palisade_proto::v1;
use palisade_tests::collector::{Collector, Received, Speaks};
use palisade_tests::process::ServerProcess;
use palisade_tests::request::chain;
use tonic::Request;
use tonic::metadata::AsciiMetadataValue;

/// Tokens of known forms, each in two parts so that nobody takes this file for a leak.
const SECRETS: [&str; 4] = [
    concat!("ghp_", "x7Rk2mQ9vTz4Lw8Ns1Yc6Bd3Hf5Jg0Pa4Ue7"),
    concat!("AKIA", "Q7R2M9VTZ4LW8NS1"),
    concat!("sk-ant-api03-", "Zk3v9QmT7xLw2Rb8Yn5Hc1Jd6Fg4Sp0Ua-_Ve"),
    concat!("xoxb-", "123456789012-1234567890123-AbCdEfGhIjKlMnOpQrStUvWx"),
];

/// Percent and Base64, by hand: this is about the server.
fn percent(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

fn base64(text: &str) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digit = |bits: u32| char::from(DIGITS[(bits & 63) as usize]);
    let mut encoded = String::new();
    for chunk in text.as_bytes().chunks(3) {
        let bits = chunk.iter().fold(0, |bits, byte| bits << 8 | u32::from(*byte));
        let bits = bits << (8 * (3 - chunk.len()));
        let digits = [bits >> 18, bits >> 12, bits >> 6, bits].map(digit);
        encoded.extend(&digits[..=chunk.len()]);
        encoded.extend(std::iter::repeat_n('=', 3 - chunk.len()));
    }
    encoded
}

/// Requests with a secret in every place; some are decided, some refused.
fn requests(secret: &str) -> Vec<v1::AuthorizeRequest> {
    let arguments = |json: String| v1::AuthorizeRequest {
        chain: chain(&["user:corp:alice", "agent:corp:helpdesk-bot"]),
        tool: "crm.read_ticket".to_owned(),
        arguments: json.into_bytes(),
        ..Default::default()
    };
    let plain = || arguments(r#"{"ticket_id":"T-1"}"#.to_owned());
    let nested = format!(r#"{{"inner":{{"deep":["{secret}"]}}}}"#);
    let resource = |r#type: &str, id: &str| {
        Some(v1::Resource { r#type: r#type.to_owned(), id: id.to_owned() })
    };
    let environment = |id: &str, address: &str| {
        Some(v1::Environment { pep_request_id: id.to_owned(), source_address: address.to_owned() })
    };
    vec![
        arguments(format!(r#"{{"ticket_id":"{secret}"}}"#)),
        arguments(format!(r#"{{"ticket_id":"T-1","unknown":"{secret}"}}"#)),
        arguments(format!(r#"{{"{secret}":1}}"#)),
        arguments(serde_json::json!({ "ticket_id": nested }).to_string()),
        arguments(format!(r#"{{"ticket_id":"{}"}}"#, percent(secret))),
        arguments(format!(r#"{{"ticket_id":"{}"}}"#, base64(&nested))),
        arguments(secret.to_owned()),
        v1::AuthorizeRequest { tool: secret.to_owned(), ..plain() },
        v1::AuthorizeRequest { tool: format!("crm.{secret}"), ..plain() },
        v1::AuthorizeRequest { tool_digest: secret.to_owned(), ..plain() },
        v1::AuthorizeRequest { request_id: secret.to_owned(), ..plain() },
        v1::AuthorizeRequest { request_id: format!("{secret} "), ..plain() },
        v1::AuthorizeRequest { resource: resource(secret, "x"), ..plain() },
        v1::AuthorizeRequest { resource: resource("Tool", secret), ..plain() },
        v1::AuthorizeRequest { environment: environment(secret, ""), ..plain() },
        v1::AuthorizeRequest { environment: environment("", secret), ..plain() },
        v1::AuthorizeRequest { chain: chain(&[&format!("user:corp:{secret}")]), ..plain() },
        v1::AuthorizeRequest { chain: chain(&[&format!("agent:{secret}:bot")]), ..plain() },
        v1::AuthorizeRequest { session_id: secret.to_owned(), ..plain() },
    ]
}

/// All bytes of all files below a directory.
fn files(directory: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    for entry in fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            bytes.extend(files(&path));
        } else if path.is_file() {
            bytes.extend(fs::read(path).expect("a file"));
        }
    }
    bytes
}

fn found(secret: &str, place: &[u8]) -> bool {
    let forms = [secret.to_owned(), percent(secret), base64(secret)];
    forms.iter().any(|form| place.windows(form.len()).any(|window| window == form.as_bytes()))
}

async fn send(server: &ServerProcess, secret: &str) -> Vec<String> {
    let mut client = server.client().await;
    let mut statuses = Vec::new();
    for message in requests(secret) {
        let mut request = Request::new(message);
        let value: AsciiMetadataValue = secret.parse().expect("ASCII");
        for header in ["authorization", "traceparent", "tracestate", "x-secret"] {
            request.metadata_mut().insert(header, value.clone());
        }
        match client.authorize(request).await {
            Ok(answer) => {
                let reason = answer.into_inner().reason.expect("a reason");
                statuses.push(reason.sentence);
            }
            Err(status) => statuses.push(format!("{status:?}")),
        }
    }
    let decision = requests(secret).pop().expect("requests");
    let good = v1::AuthorizeRequest { session_id: String::new(), ..decision };
    let allowed = client.authorize(good).await.expect("an answer").into_inner();
    for (decision_id, error) in [(allowed.decision_id.as_str(), secret), (secret, "")] {
        let report = v1::ReportOutcomeRequest {
            decision_id: decision_id.to_owned(),
            status: v1::CallStatus::Failure.into(),
            error: error.to_owned(),
            ..Default::default()
        };
        if let Err(status) = client.report_outcome(report).await {
            statuses.push(format!("{status:?}"));
        }
    }
    statuses
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_are_found_nowhere_afterwards() {
    for body in ["otlp.body=palisade", "otlp.body=ocsf"] {
        let home = tempfile::tempdir().expect("a directory");
        let collector = Collector::start(Speaks::Grpc);
        let [logs, traces, metrics] = ["logs", "traces", "metrics"]
            .map(|signal| format!("otlp.{signal}={}", collector.url()));
        let settings = [
            logs.as_str(),
            traces.as_str(),
            metrics.as_str(),
            body,
            "log.arguments=redacted",
            "telemetry.filter=debug,h2=info",
        ];
        let server = ServerProcess::start(home.path(), &settings).await;
        let mut statuses = Vec::new();
        for secret in SECRETS {
            statuses.extend(send(&server, secret).await);
        }
        let printed = server.terminate().await;
        let received = collector
            .wait_until("the log's end, spans and metrics", |received| {
                let is_last = |name: &str| name == "palisade.checkpoint";
                received.logs.iter().any(|record| is_last(&record.event_name))
                    && !received.spans.is_empty()
                    && !received.metrics.is_empty()
            })
            .await;
        let Received { logs, metrics, spans, .. } = &received;
        let places = [
            ("files", files(home.path())),
            ("collector", format!("{logs:?}{metrics:?}{spans:?}").into_bytes()),
            ("standard streams", printed.into_bytes()),
            ("statuses", statuses.join("\n").into_bytes()),
        ];
        for (name, place) in &places {
            assert!(!place.is_empty(), "{name}");
            for secret in SECRETS {
                assert!(!found(secret, place), "{secret} is in the {name}");
            }
        }
        // They were there, and were masked.
        assert!(String::from_utf8_lossy(&places[0].1).contains("[redacted:"));
    }
}
