//! Waiting for a state, with a deadline: a test that would hang fails instead.

use std::time::Duration;

/// How long anything may take on the slowest machine.
const DEADLINE: Duration = Duration::from_secs(30);

/// The future's result.
///
/// # Panics
/// It takes longer than half a minute.
pub async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(DEADLINE, future).await {
        Ok(value) => value,
        Err(_) => panic!("waited {DEADLINE:?} for {what}"),
    }
}
