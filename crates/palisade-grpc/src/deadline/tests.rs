use super::*;

const SERVER: Duration = Duration::from_secs(5);

fn with(grpc_timeout: &str) -> Duration {
    let mut headers = HeaderMap::new();
    headers.insert("grpc-timeout", grpc_timeout.parse().unwrap());
    of(&headers, SERVER)
}

#[test]
fn a_caller_may_ask_for_less() {
    assert_eq!(with("250m"), Duration::from_millis(250));
    assert_eq!(with("4S"), Duration::from_secs(4));
    assert_eq!(with("0n"), Duration::ZERO);
    assert_eq!(with("99999999u"), SERVER);
    assert_eq!(with("7u"), Duration::from_micros(7));
}

#[test]
fn a_caller_may_not_ask_for_more() {
    assert_eq!(with("6S"), SERVER);
    assert_eq!(with("99999999H"), SERVER);
    assert_eq!(with("1M"), SERVER);
}

#[test]
fn without_a_usable_timeout_the_servers_holds() {
    assert_eq!(of(&HeaderMap::new(), SERVER), SERVER);
    for text in ["", "m", "1", "1x", "-1m", "+1m", "1.5S", "999999999n"] {
        assert_eq!(with(text), SERVER, "{text}");
    }
}
