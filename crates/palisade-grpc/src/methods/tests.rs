//! The contract says of each method what its messages look like.

use super::*;

#[test]
fn every_method_of_ours_has_a_shape() {
    let methods = Methods::read().expect("the contract");
    let names: Vec<&str> = methods.ours.iter().map(|(path, _)| path.as_str()).collect();
    let want =
        ["Authorize", "AuthorizeBatch", "AuthorizeStream", "ListTools", "Explain", "ReportOutcome"];
    assert_eq!(names, want.map(|name| format!("/palisade.v1.AuthorizationService/{name}")));
    for (path, method) in &methods.ours {
        assert!(methods.field_count(*method, 1).is_some(), "{path}");
        assert_eq!(method.is_stream, path.ends_with("Stream"), "{path}");
        let is_batch = method.message_bytes_max == BATCH_MESSAGE_BYTES_MAX;
        assert_eq!(is_batch, path.ends_with("Batch"), "{path}");
    }
    let health = methods.at("/grpc.health.v1.Health/Check");
    assert!(methods.field_count(health, 1).is_none());
}
