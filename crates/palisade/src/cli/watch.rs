//! Runs a command again whenever its bundle changes.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::Context as _;
use palisade_bundle::{Watch, WatchWaker, Watched};
use palisade_core::{Clock as _, SystemClock};
use tokio_util::sync::CancellationToken;

use super::Context;
use super::asking;
use super::failure::{Failure, chain};
use crate::exit::Exit;

/// How long one wait takes at most; then comes the next.
const WAIT: Duration = Duration::from_secs(3600);

/// Runs `command` now and after every change, until interrupted. Ends as its last run did.
pub(super) fn repeat(
    directory: &Path,
    did: &str,
    context: &mut Context<'_>,
    command: impl FnMut(&mut Context<'_>) -> Result<Exit, Failure>,
) -> Result<Exit, Failure> {
    // Before the first run, so that no change is lost meanwhile.
    let watch = match Watch::new(directory) {
        Ok(watch) => watch,
        Err(error) => {
            context.output.note(format_args!("error: {}", chain(&error)))?;
            return Err(Failure::BundleShown);
        }
    };
    let stop = Arc::new(AtomicBool::new(false));
    let interrupt = Interrupt::start(Arc::clone(&stop), watch.waker())?;
    let ended = repeat_until(&stop, &watch, did, context, command);
    interrupt.end();
    ended
}

/// The same until `stop` is set.
pub(super) fn repeat_until(
    stop: &AtomicBool,
    watch: &Watch,
    did: &str,
    context: &mut Context<'_>,
    mut command: impl FnMut(&mut Context<'_>) -> Result<Exit, Failure>,
) -> Result<Exit, Failure> {
    let clock = SystemClock::new();
    loop {
        let started = clock.monotonic();
        let exit = match command(context) {
            // The next change may mend it.
            Err(Failure::BundleShown) => Exit::Bundle,
            ended => ended?,
        };
        let took = clock.monotonic().saturating_sub(started);
        let result = if exit == Exit::Success { "fine" } else { "not fine" };
        context.output.line(format_args!(
            "[{}] {did} in {:.1} ms: {result}; waiting for changes",
            clock.now(),
            took.as_secs_f64() * 1_000.0
        ))?;
        context.output.text("")?;
        loop {
            match watch.wait(stop, WAIT) {
                Watched::Changed => break,
                Watched::Stopped => return Ok(exit),
                Watched::TimedOut => {}
            }
        }
    }
}

/// Waits for Ctrl-C on a thread of its own.
struct Interrupt {
    thread: thread::JoinHandle<()>,
    over: CancellationToken,
}

impl Interrupt {
    fn start(stop: Arc<AtomicBool>, waker: WatchWaker) -> Result<Self, Failure> {
        let runtime = asking::runtime()?;
        let over = CancellationToken::new();
        let ended = over.clone();
        let wait = move || {
            runtime.block_on(async {
                tokio::select! {
                    _ = tokio::signal::ctrl_c() => {}
                    () = ended.cancelled() => {}
                }
            });
            stop.store(true, Ordering::Release);
            waker.wake();
        };
        let thread = thread::Builder::new().name("palisade-interrupt".to_owned()).spawn(wait);
        let thread = thread.context("a thread cannot be started")?;
        Ok(Self { thread, over })
    }

    fn end(self) {
        self.over.cancel();
        // It does nothing that could panic; if it did, there is nothing left to end.
        let _ended: thread::Result<()> = self.thread.join();
    }
}

#[cfg(test)]
mod tests;
