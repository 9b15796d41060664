//! Threads that serve connections, each with a runtime of its own.
//!
//! A connection stays on the thread it is dealt to, so that all that happens on it between two
//! polls is written at once; on a runtime of many threads nearly every answer is a system call of
//! its own. The price: whatever blocks its thread holds up the connections beside it, and no
//! others.

use std::io;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::{join_all, select_all};
use tokio::runtime;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, WaitForCancellationFuture};
use tokio_util::task::TaskTracker;

/// Connections that were dealt to a thread and that it has not begun to serve.
// LIMIT: a thread takes all of them at its next poll, so this covers a burst. When it is full, the
// connection goes to another thread; when all are full, accepting waits, and connections queue up
// in the kernel.
const DEALT_MAX: usize = 64;

/// How long tasks of cut connections may take to notice.
const CUT_GRACE: Duration = Duration::from_secs(1);

/// Threads that serve what they are dealt. Dropping it cuts everything and waits for the threads.
#[derive(Debug)]
pub(crate) struct Workers<T> {
    threads: Vec<Worker<T>>,
    /// Nothing further is dealt.
    closing: CancellationToken,
    /// No further patience with what is open.
    cut: CancellationToken,
}

/// What one thread does.
pub(crate) struct Job<F> {
    /// Serves one connection.
    pub(crate) serve: F,
    /// Where `serve` spawns what else it runs, so that the thread waits for it.
    pub(crate) tasks: TaskTracker,
}

/// A thread of ours panicked.
#[derive(Debug)]
pub(crate) struct Panicked {
    pub(crate) name: String,
}

#[derive(Debug)]
struct Worker<T> {
    name: String,
    dealt: mpsc::Sender<Dealt<T>>,
    /// Connections that it was dealt and that are not over.
    load: Arc<AtomicUsize>,
    /// Cancelled when the thread is over, however it came to that.
    ended: CancellationToken,
    thread: JoinHandle<()>,
}

/// A connection on its way to a thread.
#[derive(Debug)]
struct Dealt<T> {
    connection: T,
    load: Load,
}

/// Counts as load until dropped.
#[derive(Debug)]
struct Load(Arc<AtomicUsize>);

impl<T: Send + 'static> Workers<T> {
    /// Starts a thread for each job. They serve until `closing`, and what they have then begun
    /// until its end or until `cut`. Both are cancelled when this is dropped.
    pub(crate) async fn start<F, C>(
        name: &str,
        jobs: Vec<Job<F>>,
        closing: CancellationToken,
        cut: CancellationToken,
    ) -> io::Result<Self>
    where
        F: Fn(T) -> C + Send + 'static,
        C: Future<Output = ()> + Send + 'static,
    {
        let mut workers = Self { threads: Vec::new(), closing, cut };
        for (index, job) in jobs.into_iter().enumerate() {
            let (closing, cut) = (workers.closing.clone(), workers.cut.clone());
            let work = |dealt| work(dealt, job, closing, cut);
            workers.threads.push(Worker::start(format!("{name}-{index}"), work).await?);
        }
        Ok(workers)
    }

    /// Deals a connection to the thread that has the fewest. Waits while all their queues are
    /// full; drops the connection if no thread is left.
    pub(crate) async fn deal(&self, connection: T) {
        let mut by_load: Vec<&Worker<T>> = self.threads.iter().collect();
        by_load.sort_by_cached_key(|worker| worker.load.load(Ordering::Relaxed));
        let ready =
            by_load.iter().find_map(|worker| Some((worker, worker.dealt.try_reserve().ok()?)));
        if let Some((worker, slot)) = ready {
            slot.send(Dealt { connection, load: worker.load() });
            return;
        }
        let Some(worker) = by_load.iter().find(|worker| !worker.ended.is_cancelled()) else {
            return;
        };
        if let Ok(slot) = worker.dealt.reserve().await {
            slot.send(Dealt { connection, load: worker.load() });
        }
    }

    /// Waits until a thread is over; before a shutdown that is a bug.
    pub(crate) async fn one_ended(&self) {
        select_all(self.threads.iter().map(|worker| Box::pin(worker.ended()))).await;
    }

    /// Waits until all threads are over.
    pub(crate) async fn all_ended(&self) {
        join_all(self.threads.iter().map(Worker::ended)).await;
    }

    /// Waits for the threads once they were told to end and, if they do not, were cut. One that is
    /// blocked for longer than that is left behind: waiting for it might take for ever.
    pub(crate) async fn join(mut self) -> Result<(), Panicked> {
        // Twice: each thread itself waits that long for its tasks.
        if timeout(2 * CUT_GRACE, self.all_ended()).await.is_err() {
            tracing::warn!("a thread is blocked and left behind");
        }
        let mut joined = Ok(());
        for Worker { name, ended, thread, .. } in self.threads.drain(..) {
            if ended.is_cancelled() && thread.join().is_err() {
                joined = Err(Panicked { name });
            }
        }
        joined
    }
}

impl<T> Drop for Workers<T> {
    fn drop(&mut self) {
        self.closing.cancel();
        self.cut.cancel();
        for worker in self.threads.drain(..) {
            if worker.thread.join().is_err() {
                tracing::error!(thread = worker.name, "a thread panicked");
            }
        }
    }
}

impl<T: Send + 'static> Worker<T> {
    /// Starts a thread with a runtime that runs `work`.
    async fn start<W>(
        name: String,
        work: impl FnOnce(mpsc::Receiver<Dealt<T>>) -> W,
    ) -> io::Result<Self>
    where
        W: Future<Output = ()> + Send + 'static,
    {
        let (dealt, receiver) = mpsc::channel(DEALT_MAX);
        let work = work(receiver);
        let ended = CancellationToken::new();
        let ends = ended.clone().drop_guard();
        let (began, begins) = oneshot::channel();
        let run = move || {
            // Dropped last, when the runtime is gone and its tasks with it.
            let _ends = ends;
            match runtime::Builder::new_current_thread().enable_all().build() {
                Ok(runtime) => {
                    drop(began.send(Ok(())));
                    runtime.block_on(work);
                }
                Err(error) => drop(began.send(Err(error))),
            }
        };
        let thread = thread::Builder::new().name(name.clone()).spawn(run)?;
        begins.await.unwrap_or_else(|_| Err(io::Error::other("the thread ended")))?;
        Ok(Self { name, dealt, load: Arc::default(), ended, thread })
    }

    fn load(&self) -> Load {
        self.load.fetch_add(1, Ordering::Relaxed);
        Load(Arc::clone(&self.load))
    }

    fn ended(&self) -> WaitForCancellationFuture<'_> {
        self.ended.cancelled()
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The life of a thread.
async fn work<T, F, C>(
    mut receiver: mpsc::Receiver<Dealt<T>>,
    job: Job<F>,
    closing: CancellationToken,
    cut: CancellationToken,
) where
    F: Fn(T) -> C,
    C: Future<Output = ()> + Send + 'static,
{
    let Job { serve, tasks } = job;
    while let Some(Some(dealt)) = closing.run_until_cancelled(receiver.recv()).await {
        let Dealt { connection, load } = dealt;
        // Connections share only what copes with a panic, as handlers do.
        let served = AssertUnwindSafe(serve(connection)).catch_unwind();
        tasks.spawn(async move {
            let _until_over = load;
            if served.await.is_err() {
                tracing::error!("a connection's task panicked");
            }
        });
    }
    // What was dealt and not begun is closed unanswered: its callers go elsewhere.
    drop(receiver);
    tasks.close();
    let all_over = cut.run_until_cancelled(tasks.wait()).await.is_some();
    if !all_over && timeout(CUT_GRACE, tasks.wait()).await.is_err() {
        tracing::warn!("calls are still running after their connections were cut");
    }
}

#[cfg(test)]
mod tests;
