use std::collections::BTreeSet;
use std::future::{Ready, ready};
use std::sync::Mutex;
use std::thread::current;

use super::*;

const WAIT: Duration = Duration::from_secs(10);

/// A connection that says where it was served, and is over when told so.
struct Connection {
    served: mpsc::Sender<String>,
    over: CancellationToken,
}

async fn serve(connection: Connection) {
    let name = current().name().unwrap_or_default().to_owned();
    connection.served.send(name).await.unwrap();
    connection.over.cancelled().await;
}

struct Started {
    workers: Workers<Connection>,
    shutdown: CancellationToken,
    cut: CancellationToken,
    sender: mpsc::Sender<String>,
    served: mpsc::Receiver<String>,
}

async fn start(threads: usize) -> Started {
    let (shutdown, cut) = (CancellationToken::new(), CancellationToken::new());
    let jobs = (0..threads).map(|_| Job { serve, tasks: TaskTracker::new() }).collect();
    let workers = Workers::start("test", jobs, shutdown.clone(), cut.clone()).await.unwrap();
    let (sender, served) = mpsc::channel(16);
    Started { workers, shutdown, cut, sender, served }
}

impl Started {
    /// Deals a connection and waits for the name of its thread.
    async fn deal(&mut self, over: &CancellationToken) -> String {
        let connection = Connection { served: self.sender.clone(), over: over.clone() };
        self.workers.deal(connection).await;
        timeout(WAIT, self.served.recv()).await.unwrap().unwrap()
    }

    fn loads(&self) -> Vec<usize> {
        self.workers.threads.iter().map(|worker| worker.load.load(Ordering::Relaxed)).collect()
    }
}

#[tokio::test]
async fn a_connection_goes_to_the_thread_with_the_fewest() {
    let mut started = start(3).await;
    let (short, long) = (CancellationToken::new(), CancellationToken::new());
    let first = started.deal(&short).await;
    let mut names = BTreeSet::from([first.clone()]);
    for _ in 0..2 {
        names.insert(started.deal(&long).await);
    }
    assert_eq!(names.into_iter().collect::<Vec<_>>(), ["test-0", "test-1", "test-2"]);
    short.cancel();
    while started.loads() != [0, 1, 1] {
        tokio::task::yield_now().await;
    }
    assert_eq!(started.deal(&long).await, first);
}

#[tokio::test]
async fn threads_end_when_their_connections_have() {
    let mut started = start(2).await;
    let over = CancellationToken::new();
    started.deal(&over).await;
    started.shutdown.cancel();
    let busy = || started.workers.threads.iter().filter(|worker| !worker.ended.is_cancelled());
    timeout(WAIT, started.workers.one_ended()).await.unwrap();
    assert_eq!(busy().count(), 1, "one has a connection still");
    over.cancel();
    timeout(WAIT, started.workers.all_ended()).await.unwrap();
    assert!(started.workers.join().await.is_ok());
}

#[tokio::test]
async fn a_cut_ends_threads_whose_connections_go_on() {
    let mut started = start(1).await;
    started.deal(&CancellationToken::new()).await;
    started.shutdown.cancel();
    started.cut.cancel();
    // After the grace that tasks have.
    timeout(WAIT, started.workers.all_ended()).await.unwrap();
    assert!(started.workers.join().await.is_ok());
}

#[tokio::test]
async fn no_thread_outlives_its_owner() {
    let mut started = start(2).await;
    started.deal(&CancellationToken::new()).await;
    let ended: Vec<_> = started.workers.threads.iter().map(|worker| worker.ended.clone()).collect();
    drop(started.workers);
    assert!(ended.iter().all(CancellationToken::is_cancelled));
}

#[tokio::test]
async fn a_panicking_connection_costs_nobody_else() {
    let (shutdown, cut) = (CancellationToken::new(), CancellationToken::new());
    let serve = |fails: Result<oneshot::Sender<()>, ()>| async move {
        fails.expect("the test's own panic").send(()).unwrap();
    };
    let jobs = vec![Job { serve, tasks: TaskTracker::new() }];
    let workers = Workers::start("test", jobs, shutdown.clone(), cut).await.unwrap();
    workers.deal(Err(())).await;
    let (served, was_served) = oneshot::channel();
    workers.deal(Ok(served)).await;
    timeout(WAIT, was_served).await.unwrap().unwrap();
    shutdown.cancel();
    assert!(workers.join().await.is_ok());
}

#[tokio::test]
async fn a_panicking_thread_is_noticed_by_name() {
    let (shutdown, cut) = (CancellationToken::new(), CancellationToken::new());
    let serve = |fails: bool| {
        assert!(!fails, "the test's own panic");
        ready(())
    };
    let jobs = (0..2).map(|_| Job { serve, tasks: TaskTracker::new() }).collect();
    let workers = Workers::start("test", jobs, shutdown.clone(), cut).await.unwrap();
    workers.deal(true).await;
    timeout(WAIT, workers.one_ended()).await.unwrap();
    // The other still serves; dealing does not hang on the dead one.
    for _ in 0..DEALT_MAX * 3 {
        timeout(WAIT, workers.deal(false)).await.unwrap();
    }
    shutdown.cancel();
    let Panicked { name } = workers.join().await.unwrap_err();
    assert_eq!(name, "test-0");
}

/// Blocks a thread, as a disk may.
struct Block {
    until: Arc<Mutex<std::sync::mpsc::Receiver<()>>>,
    /// Connections that were begun.
    begun: Arc<AtomicUsize>,
}

impl Block {
    fn new() -> (Self, Blocked) {
        let (blocked, until) = std::sync::mpsc::channel();
        (Self { until: Arc::new(Mutex::new(until)), begun: Arc::default() }, blocked)
    }

    fn jobs(&self, threads: usize) -> Vec<Job<impl Fn(bool) -> Ready<()> + Send + use<>>> {
        let job = |_| {
            let (until, begun) = (Arc::clone(&self.until), Arc::clone(&self.begun));
            let serve = move |blocks: bool| {
                if blocks {
                    until.lock().unwrap().recv().unwrap_err();
                }
                begun.fetch_add(1, Ordering::SeqCst);
                ready(())
            };
            Job { serve, tasks: TaskTracker::new() }
        };
        (0..threads).map(job).collect()
    }

    async fn wait_for_begun(&self, count: usize) {
        let begun = async {
            while self.begun.load(Ordering::SeqCst) < count {
                tokio::task::yield_now().await;
            }
        };
        timeout(WAIT, begun).await.unwrap();
    }
}

/// Dropped to unblock.
type Blocked = std::sync::mpsc::Sender<()>;

#[tokio::test]
async fn a_blocked_thread_holds_up_no_other() {
    let (shutdown, cut) = (CancellationToken::new(), CancellationToken::new());
    let (block, blocked) = Block::new();
    let workers = Workers::start("test", block.jobs(2), shutdown, cut).await.unwrap();
    workers.deal(true).await;
    for count in 1..=DEALT_MAX * 2 {
        timeout(WAIT, workers.deal(false)).await.unwrap();
        block.wait_for_begun(count).await;
        // Its place is free before the next is dealt.
        while workers.threads[1].load.load(Ordering::Relaxed) > 0 {
            tokio::task::yield_now().await;
        }
    }
    drop(blocked);
    block.wait_for_begun(DEALT_MAX * 2 + 1).await;
}

#[tokio::test]
async fn accepting_waits_when_all_queues_are_full() {
    let (shutdown, cut) = (CancellationToken::new(), CancellationToken::new());
    let (block, blocked) = Block::new();
    let workers = Workers::start("test", block.jobs(1), shutdown, cut).await.unwrap();
    workers.deal(true).await;
    let mut dealt = 1;
    while timeout(Duration::from_millis(200), workers.deal(false)).await.is_ok() {
        dealt += 1;
        assert!(dealt <= DEALT_MAX + 1, "the queue has no bound");
    }
    assert!(dealt >= DEALT_MAX, "{dealt}");
    drop(blocked);
    block.wait_for_begun(dealt).await;
    timeout(WAIT, workers.deal(false)).await.unwrap();
}
