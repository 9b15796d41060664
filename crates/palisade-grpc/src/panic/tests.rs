use futures::FutureExt as _;

use super::*;

#[test]
fn a_panic_becomes_an_internal_error_and_is_counted() {
    let guard = PanicGuard::default();
    let handler = async { if guard.count() == 0 { panic!("a bug") } else { Ok(()) } };
    let first = guard.run("r-1", handler).now_or_never().unwrap();
    assert_eq!(first, Err(CallError::Internal));
    assert_eq!(guard.count(), 1);
    let second = guard.run("r-2", async { Ok("answer") }).now_or_never().unwrap();
    assert_eq!(second, Ok("answer"));
    assert_eq!(guard.count(), 1);
}

#[test]
fn an_error_stays_what_it_is() {
    let guard = PanicGuard::default();
    let failed = guard.run("", async { Err::<(), _>(CallError::Draining) }).now_or_never().unwrap();
    assert_eq!(failed, Err(CallError::Draining));
    assert_eq!(guard.count(), 0);
}
