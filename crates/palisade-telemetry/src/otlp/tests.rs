//! Tests of what answers mean and of what is never printed. Sending is tested against a real
//! server by `palisade-tests`.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderName, HeaderValue, Response};
use opentelemetry_proto::tonic::collector::logs::v1::{
    ExportLogsPartialSuccess, ExportLogsServiceResponse,
};
use prost::Message as _;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _, pb};
use url::Url;

use palisade_core::{EpochMillis, SystemClock};

use super::web::{TooLong, read_response, signal_uri};
use super::*;

fn endpoint(url: &str) -> Endpoint {
    Endpoint {
        url: Url::parse(url).unwrap(),
        protocol: Protocol::HttpProtobuf,
        headers: Vec::new(),
        tls: ClientTls::default(),
        timeout: Duration::from_secs(10),
    }
}

fn retryable(code: Code) -> bool {
    matches!(grpc::classify(&Status::new(code, "")), SendError::Retry { .. })
}

#[test]
fn statuses_are_tried_again_as_the_specification_says() {
    // OTLP specification, "OTLP/gRPC Response", table of retryable codes.
    for code in (0..=16).map(Code::from_i32) {
        let expected = matches!(
            code,
            Code::Cancelled
                | Code::DeadlineExceeded
                | Code::Aborted
                | Code::OutOfRange
                | Code::Unavailable
                | Code::DataLoss
        );
        assert_eq!(retryable(code), expected, "{code:?}");
    }
}

#[test]
fn exhaustion_is_tried_again_only_if_the_collector_says_when() {
    let plain = Status::new(Code::ResourceExhausted, "");
    assert!(matches!(grpc::classify(&plain), SendError::Permanent { .. }));
    for delay in [Some(Duration::from_secs(7)), None] {
        let details = ErrorDetails::with_retry_info(delay);
        let status = Status::with_error_details(Code::ResourceExhausted, "", details);
        match grpc::classify(&status) {
            SendError::Retry { after, .. } => assert_eq!(after, delay),
            SendError::Permanent { .. } => panic!("it says when: {delay:?}"),
        }
    }
    // Also of others the delay is honoured, where they are tried again at all.
    let details = ErrorDetails::with_retry_info(Some(Duration::from_secs(3)));
    let status = Status::with_error_details(Code::Unavailable, "", details.clone());
    let SendError::Retry { after, .. } = grpc::classify(&status) else { panic!("unavailable") };
    assert_eq!(after, Some(Duration::from_secs(3)));
    let status = Status::with_error_details(Code::InvalidArgument, "", details);
    assert!(matches!(grpc::classify(&status), SendError::Permanent { .. }));
}

#[test]
fn a_broken_connection_is_tried_again_whatever_its_status() {
    let mut status = Status::new(Code::Unknown, "transport error");
    status.set_source(Arc::new(io::Error::from(io::ErrorKind::ConnectionReset)));
    let error = grpc::classify(&status);
    assert!(matches!(&error, SendError::Retry { source: SendFailure::Connection { detail }, .. }
        if detail.contains("reset")));
}

fn respond(status: u16, headers: &[(HeaderName, &str)], body: &[u8]) -> Outcome {
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(name, *value);
    }
    let body: Result<_, TooLong> = Ok(Bytes::copy_from_slice(body));
    // Sun, 06 Nov 1994 08:49:37 GMT, the example of RFC 9110.
    let now = EpochMillis::new(784_111_777_000);
    read_response::<ExportLogsServiceResponse>(&response.body(body).unwrap(), now)
}

type Outcome = Result<Accepted, SendError>;

fn wait(outcome: &Outcome) -> Option<Duration> {
    match outcome {
        Err(SendError::Retry { after, .. }) => *after,
        other => panic!("{other:?}"),
    }
}

#[test]
fn http_statuses_are_tried_again_as_the_specification_says() {
    // OTLP specification, "OTLP/HTTP Response", "Retryable Response Codes".
    for status in (300..=599).filter(|status| *status != 304) {
        let outcome = respond(status, &[], b"");
        let is_retry = matches!(outcome, Err(SendError::Retry { .. }));
        assert_eq!(is_retry, matches!(status, 429 | 502 | 503 | 504), "{status}");
    }
}

#[test]
fn retry_after_is_seconds_or_a_date() {
    let cases = [
        ("120", Some(120)),
        (" 0 ", Some(0)),
        ("Sun, 06 Nov 1994 08:51:37 GMT", Some(120)),
        ("Sunday, 06-Nov-94 08:51:37 GMT", Some(120)),
        ("Sun, 06 Nov 1994 08:49:00 GMT", Some(0)),
        ("-1", None),
        ("1.5", None),
        ("soon", None),
        ("", None),
    ];
    for (value, seconds) in cases {
        let outcome = respond(503, &[(RETRY_AFTER, value)], b"");
        assert_eq!(wait(&outcome), seconds.map(Duration::from_secs), "{value:?}");
    }
}

#[test]
fn a_success_is_believed_of_something_that_speaks_otlp() {
    let partial = ExportLogsServiceResponse {
        partial_success: Some(ExportLogsPartialSuccess {
            rejected_log_records: 3,
            error_message: "too\nold".to_owned(),
        }),
    };
    let partial = partial.encode_to_vec();
    let protobuf = [(CONTENT_TYPE, "application/x-protobuf")];
    let json = [(CONTENT_TYPE, "application/json; charset=utf-8")];
    let rejected = |outcome: Outcome| outcome.unwrap();
    let expected = Accepted { rejected: 3, message: "too old".to_owned() };
    assert_eq!(rejected(respond(200, &protobuf, &partial)), expected);
    assert_eq!(rejected(respond(200, &[], &partial)), expected);
    let text = br#"{"partialSuccess":{"rejectedLogRecords":"3","errorMessage":"too old"}}"#;
    assert_eq!(rejected(respond(200, &json, text)), expected);
    let text = br#"{"partialSuccess":{"rejectedLogRecords":3,"errorMessage":"too old"}}"#;
    assert_eq!(rejected(respond(200, &json, text)), expected);
    for (status, headers, body) in [
        (200, &protobuf[..], &b""[..]),
        (204, &[], b""),
        (200, &json, b"{}"),
        (200, &json, br#"{"partialSuccess":{}}"#),
    ] {
        assert_eq!(rejected(respond(status, headers, body)), Accepted::default());
    }
    // Pages of something else, and what no success of ours can be.
    for (headers, body) in [
        (&[(CONTENT_TYPE, "text/html")][..], &b"<html>"[..]),
        (&json, b"[]"),
        (&json, b"ok"),
        (&protobuf, b"\xff"),
        (&[], b"<html>"),
    ] {
        let outcome = respond(200, headers, body);
        let Err(error) = outcome else { panic!("{headers:?} {body:?}") };
        assert!(matches!(error.failure(), SendFailure::NotOtlp { .. }), "{error:?}");
        assert!(error.refuses_sender());
    }
}

#[test]
fn an_answer_that_is_too_long_is_no_acknowledgement() {
    let response = Response::builder().status(200).body(Err(TooLong)).unwrap();
    let outcome = read_response::<ExportLogsServiceResponse>(&response, EpochMillis::new(0));
    assert!(matches!(outcome, Err(SendError::Permanent { .. })));
    let response = Response::builder().status(503).body(Err(TooLong)).unwrap();
    let outcome = read_response::<ExportLogsServiceResponse>(&response, EpochMillis::new(0));
    assert!(matches!(outcome, Err(SendError::Retry { .. })));
}

#[test]
fn messages_of_errors_are_read_and_cut_off() {
    let status = pb::Status { code: 3, message: "x".repeat(1000), details: Vec::new() };
    let headers = [(CONTENT_TYPE, "application/x-protobuf")];
    let outcome = respond(400, &headers, &status.encode_to_vec());
    let Err(SendError::Permanent { source: SendFailure::Http { status, message } }) = outcome
    else {
        panic!("{outcome:?}")
    };
    assert_eq!((status, message.as_str()), (400, "x".repeat(256).as_str()));
    let outcome = respond(400, &[(CONTENT_TYPE, "application/json")], br#"{"message":"a\u0007b"}"#);
    assert!(format!("{outcome:?}").contains("a b"), "{outcome:?}");
    // A page is nothing to print.
    let outcome = respond(400, &[(CONTENT_TYPE, "text/html")], b"<html>");
    assert!(!format!("{outcome:?}").contains("html"), "{outcome:?}");
}

#[test]
fn refusals_are_told_apart() {
    // What is refused: the content, us, or neither.
    let expected: HashMap<u16, (bool, bool)> = HashMap::from([
        (301, (false, true)),
        (400, (true, false)),
        (401, (false, true)),
        (403, (false, true)),
        (404, (false, true)),
        (413, (true, false)),
        (422, (true, false)),
        (500, (false, false)),
        (501, (false, false)),
    ]);
    for status in [301, 400, 401, 403, 404, 413, 422, 500, 501] {
        let Err(error) = respond(status, &[], b"") else { panic!("{status}") };
        let told = (error.refuses_content(), error.refuses_sender());
        assert_eq!(told, expected[&status], "{status}");
    }
    let told = |code| {
        let error = grpc::classify(&Status::new(code, ""));
        (error.refuses_content(), error.refuses_sender())
    };
    assert_eq!(told(Code::InvalidArgument), (true, false));
    for code in [Code::Unauthenticated, Code::PermissionDenied, Code::NotFound, Code::Unimplemented]
    {
        assert_eq!(told(code), (false, true), "{code:?}");
    }
    for code in [Code::Internal, Code::Unknown, Code::Unavailable, Code::ResourceExhausted] {
        assert_eq!(told(code), (false, false), "{code:?}");
    }
}

#[test]
fn paths_of_signals_are_appended_to_the_base() {
    let cases = [
        ("http://collector:4318", "http://collector:4318/v1/logs"),
        ("http://collector:4318/", "http://collector:4318/v1/logs"),
        ("https://collector/otlp", "https://collector/otlp/v1/logs"),
        ("https://collector/otlp/", "https://collector/otlp/v1/logs"),
        ("https://collector/v1/logs", "https://collector/v1/logs"),
        ("https://collector/otlp/v1/traces", "https://collector/otlp/v1/logs"),
        ("https://collector/xv1/logs", "https://collector/xv1/logs/v1/logs"),
        ("https://collector/otlp?tenant=a#b", "https://collector/otlp/v1/logs?tenant=a"),
        ("http://[::1]:4318", "http://[::1]:4318/v1/logs"),
    ];
    for (base, expected) in cases {
        let uri = signal_uri(&endpoint(base), "v1/logs").unwrap();
        assert_eq!(uri.to_string(), expected, "{base}");
    }
}

#[tokio::test]
async fn endpoints_that_cannot_be_one_are_refused() {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let refused = |endpoint: &Endpoint| Client::new(endpoint, Arc::clone(&clock)).unwrap_err();
    for protocol in [Protocol::Grpc, Protocol::HttpProtobuf] {
        let with = |url| Endpoint { protocol, ..endpoint(url) };
        assert!(matches!(refused(&with("ftp://collector")), NewClientError::Scheme));
        assert!(matches!(refused(&with("http://a:b@collector")), NewClientError::Credentials));
        assert!(matches!(refused(&with("http://a@collector")), NewClientError::Credentials));
        let mut untrusting = with("https://collector");
        untrusting.tls.authorities = Some(b"nothing".to_vec());
        assert!(matches!(refused(&untrusting), NewClientError::NoCertificate { .. }));
        let mut nobody = with("https://collector");
        let identity = ClientIdentity { certificate: Vec::new(), key: Vec::new() };
        nobody.tls.identity = Some(identity);
        assert!(matches!(refused(&nobody), NewClientError::NoCertificate { .. }));
        assert!(Client::new(&with("https://[::1]:4317"), Arc::clone(&clock)).is_ok());
    }
    let grpc = |url| Endpoint { protocol: Protocol::Grpc, ..endpoint(url) };
    assert!(matches!(refused(&grpc("http://collector/otlp")), NewClientError::Path));
    assert!(matches!(refused(&grpc("http://collector?a=b")), NewClientError::Path));
}

#[test]
fn secrets_of_an_endpoint_are_never_printed() {
    let mut secret = endpoint("https://user:hunter2@collector/otlp?token=hunter2");
    let value = HeaderValue::from_static("Bearer hunter2");
    secret.headers.push((http::header::AUTHORIZATION, value));
    secret.tls.identity =
        Some(ClientIdentity { certificate: b"hunter2".to_vec(), key: b"hunter2".to_vec() });
    let printed = format!("{secret:?} {:?}", secret.tls.identity);
    assert!(!printed.contains("hunter2") && !printed.contains("104, 117"), "{printed}");
    assert!(printed.contains("authorization") && printed.contains("collector/otlp"), "{printed}");
    let map = secret.header_map();
    assert!(map.values().all(HeaderValue::is_sensitive));
}
