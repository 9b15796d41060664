use super::*;

#[test]
fn http_and_unix_addresses_are_accepted_as_written() {
    for text in [
        "http://127.0.0.1:7711",
        "http://[::1]:7711/",
        "http://localhost:1",
        "unix:/run/p.sock",
        "unix:p.sock",
    ] {
        let endpoint: Endpoint = text.parse().unwrap();
        assert_eq!(endpoint.to_string(), text);
    }
}

#[test]
fn everything_else_is_refused() {
    for text in [
        "",
        "127.0.0.1:7711",
        "http:127.0.0.1:7711",
        "http://127.0.0.1",
        "http://:7711",
        "http://127.0.0.1:7711/path",
        "http://127.0.0.1:99999",
        "https://127.0.0.1:7711",
        "unix:",
        "unix:///",
    ] {
        assert_eq!(text.parse::<Endpoint>(), Err(ParseEndpointError(text.to_owned())), "{text}");
    }
}
