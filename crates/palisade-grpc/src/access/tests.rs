//! Which headers are a token, and who may do what.

use std::sync::Arc;

use palisade_core::SystemClock;
use palisade_pdp::Callers;

use super::*;

fn callers() -> Access {
    let callers = Callers::new(Vec::new(), None, None).unwrap();
    Access::Callers(CallerAccess {
        callers: Arc::new(callers),
        clock: Arc::new(SystemClock::new()),
    })
}

fn headers(values: &[&str]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for value in values {
        headers.append(AUTHORIZATION, value.parse().unwrap());
    }
    headers
}

const AUTHORIZE: &str = "/palisade.v1.AuthorizationService/Authorize";

#[test]
fn only_one_bearer_token_is_a_credential() {
    assert_eq!(bearer("Bearer abc"), Some("abc"));
    assert_eq!(bearer("bEARER abc"), Some("abc"));
    for other in ["abc", "Bearer", "Bearer ", "Basic abc", "DPoP abc", "Bearerabc", ""] {
        assert_eq!(bearer(other), None, "{other}");
    }
    for sent in [&[][..], &["Bearer a"], &["Basic a"], &["Bearer a", "Bearer a"]] {
        let refused = callers().asker(AUTHORIZE, &headers(sent), &Peer::default()).unwrap_err();
        assert_eq!(refused, CallError::Unauthenticated, "{sent:?}");
    }
}

#[test]
fn health_and_reflection_need_no_credential_and_nothing_that_looks_like_them_does() {
    let asked = |path| callers().asker(path, &HeaderMap::new(), &Peer::default()).is_ok();
    for open in [
        "/grpc.health.v1.Health/Check",
        "/grpc.health.v1.Health/Watch",
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
        "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
    ] {
        assert!(asked(open), "{open}");
    }
    for closed in [
        AUTHORIZE,
        "/",
        "",
        "/grpc.health.v1.Healthy/Check",
        "//grpc.health.v1.Health/Check",
        "/palisade.v1.AdminService/GetBundleStatus",
    ] {
        assert!(!asked(closed), "{closed}");
    }
}

#[test]
fn a_call_that_nobody_let_in_is_nobodys() {
    let extensions = Extensions::new();
    assert_eq!(callers().of_call(&extensions).unwrap_err(), CallError::Unauthenticated);
    assert!(matches!(Access::Anybody.of_call(&extensions), Ok(Asker::Anybody)));
}

#[test]
fn every_task_has_its_roles() {
    assert_eq!(Task::Ask.roles(), [Role::Pep]);
    assert_eq!(Task::Change.roles(), [Role::Operator]);
    assert_eq!(Task::Look.roles(), [Role::Auditor, Role::Operator]);
}
