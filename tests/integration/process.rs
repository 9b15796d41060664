//! The server that other tests start in a process of its own.

#[test]
fn is_a_server_if_asked() {
    palisade_tests::process::serve_if_asked();
}
