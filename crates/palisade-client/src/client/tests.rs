use std::time::Duration;

use tokio::net::{TcpListener, UnixListener};

use super::*;

#[tokio::test]
async fn nobody_listening_is_unreachable_and_says_where() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let endpoint: Endpoint = format!("http://{free}").parse().unwrap();
    let error = Client::connect(&endpoint).await.unwrap_err();
    assert!(matches!(error, ClientError::Unreachable { .. }), "{error:?}");
    assert!(error.to_string().contains(&free.to_string()), "{error}");
}

#[tokio::test]
async fn a_missing_socket_is_unreachable() {
    let endpoint: Endpoint = "unix:/nonexistent/palisade.sock".parse().unwrap();
    let error = Client::connect(&endpoint).await.unwrap_err();
    assert!(matches!(error, ClientError::Unreachable { .. }), "{error:?}");
}

#[tokio::test]
async fn a_server_that_never_answers_is_a_timeout() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("silent.sock");
    // Connections wait in the kernel's queue and nobody reads them.
    let _silent = UnixListener::bind(&path).unwrap();
    let endpoint: Endpoint = format!("unix:{}", path.display()).parse().unwrap();
    let client = Client::connect(&endpoint).await.unwrap().with_timeout(Duration::from_millis(50));
    let error = client.authorize(v1::AuthorizeRequest::default()).await.unwrap_err();
    assert!(matches!(error, ClientError::Timeout { .. }), "{error:?}");
}

#[tokio::test]
async fn credentials_are_never_printed_and_have_to_be_tokens() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("silent.sock");
    let _silent = UnixListener::bind(&path).unwrap();
    let endpoint: Endpoint = format!("unix:{}", path.display()).parse().unwrap();
    let client = Client::connect(&endpoint).await.unwrap();
    let shown = format!("{:?}", client.clone().with_credential("s3cret").unwrap());
    assert!(!shown.contains("s3cret"), "{shown}");
    let error = client.with_credential("two\nlines").unwrap_err();
    assert!(matches!(error, ClientError::Credential), "{error:?}");
}
