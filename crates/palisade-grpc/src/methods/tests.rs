//! The contract says of each method what its messages look like.

use super::*;

#[test]
fn every_method_of_ours_has_a_shape() {
    let methods = Methods::read().expect("the contract");
    let names: Vec<&str> = methods.ours.iter().map(|(path, _)| path.as_str()).collect();
    let admin = ["GetBundleStatus", "ReloadBundle", "RollBackBundle", "PinBundle", "UnpinBundle"];
    let authorization = [
        "Authorize",
        "AuthorizeBatch",
        "AuthorizeStream",
        "ListTools",
        "Explain",
        "Challenge",
        "ReportOutcome",
    ];
    let of = |service: &str, names: &[&str]| -> Vec<String> {
        names.iter().map(|name| format!("/palisade.v1.{service}/{name}")).collect()
    };
    let want = [of("AdminService", &admin), of("AuthorizationService", &authorization)].concat();
    assert_eq!(names, want);
    for (path, method) in &methods.ours {
        assert!(methods.field_count(*method, 1).is_some(), "{path}");
        assert_eq!(method.is_stream, path.ends_with("Stream"), "{path}");
        let is_batch = method.message_bytes_max == BATCH_MESSAGE_BYTES_MAX;
        assert_eq!(is_batch, path.ends_with("Batch"), "{path}");
    }
    let health = methods.at("/grpc.health.v1.Health/Check");
    assert!(methods.field_count(health, 1).is_none());
}
