mod hostile;
mod patience;
mod requests;
mod secure;
mod shutdown;

use std::sync::Mutex;
use std::sync::mpsc;
use std::time::Duration;

use palisade_core::EventRefusal;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::time::timeout;

use super::*;

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(100);

/// What the sink does with an event.
type Behaviour = dyn Fn(&str) -> Result<(), EventRefusal> + Send + Sync;

struct FakeSink {
    behaviour: Box<Behaviour>,
    received: Mutex<Vec<String>>,
}

impl EventSink for FakeSink {
    fn receive(&self, set: &str) -> Result<(), EventRefusal> {
        self.received.lock().unwrap().push(set.to_owned());
        (self.behaviour)(set)
    }
}

/// A running server.
struct Served {
    address: SocketAddr,
    sink: Arc<FakeSink>,
    shutdown: CancellationToken,
    running: TaskTracker,
}

impl Served {
    /// One that takes every event.
    async fn start() -> Self {
        Self::with(loopback(), |_| Ok(())).await
    }

    async fn with(
        config: EventServerConfig,
        behaviour: impl Fn(&str) -> Result<(), EventRefusal> + Send + Sync + 'static,
    ) -> Self {
        let behaviour = Box::new(behaviour);
        let sink = Arc::new(FakeSink { behaviour, received: Mutex::default() });
        let port: Arc<dyn EventSink> = Arc::clone(&sink) as _;
        let server = EventServer::bind(config, port).await.unwrap();
        let address = server.address();
        let (shutdown, running) = (CancellationToken::new(), TaskTracker::new());
        running.spawn(server.run(shutdown.clone()));
        running.close();
        Self { address, sink, shutdown, running }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// All that is answered to some bytes on a connection of their own.
    async fn ask(&self, request: impl AsRef<[u8]>) -> String {
        let mut stream = self.connect().await;
        // The connection may be closed before all of it is sent.
        drop(stream.write_all(request.as_ref()).await);
        rest(&mut stream).await
    }

    fn received(&self) -> Vec<String> {
        self.sink.received.lock().unwrap().clone()
    }

    /// Nothing arrived at the sink.
    fn assert_untouched(&self) {
        assert_eq!(self.received(), Vec::<String>::new());
    }

    async fn ended(&self) {
        ended(self.running.wait()).await;
    }
}

fn loopback() -> EventServerConfig {
    let address = "127.0.0.1:0".parse().unwrap();
    EventServerConfig { address, bearer_digest: None, tls: None }
}

async fn ended<T>(future: impl Future<Output = T>) -> T {
    timeout(PATIENCE, future).await.unwrap()
}

/// Everything up to the end of a connection.
async fn rest(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut answer = Vec::new();
    ended(stream.read_to_end(&mut answer)).await.unwrap();
    String::from_utf8(answer).unwrap()
}

/// One answer of several on a connection.
async fn one_answer(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        answer.push(ended(stream.read_u8()).await.unwrap());
    }
    let text = String::from_utf8(answer.clone()).unwrap();
    let length = header(&text, "content-length").unwrap().parse().unwrap();
    let mut body = vec![0; length];
    ended(stream.read_exact(&mut body)).await.unwrap();
    text + str::from_utf8(&body).unwrap()
}

async fn exchange(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), request: &str) -> String {
    stream.write_all(request.as_bytes()).await.unwrap();
    one_answer(stream).await
}

fn status(answer: &str) -> u16 {
    let rest = answer.strip_prefix("HTTP/1.1 ").or_else(|| answer.strip_prefix("HTTP/1.0 "));
    let code = rest.and_then(|rest| rest.get(..3)).and_then(|code| code.parse().ok());
    code.unwrap_or_else(|| panic!("{answer:?}"))
}

fn header<'a>(answer: &'a str, name: &str) -> Option<&'a str> {
    let (head, _) = answer.split_once("\r\n\r\n")?;
    let mut values = head.lines().filter_map(|line| line.split_once(": "));
    values.find(|(found, _)| *found == name).map(|(_, value)| value)
}

fn body(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").unwrap().1
}

/// A push as transmitters send it.
fn push(set: &str) -> String {
    push_with("", set)
}

/// The same with more headers, each with its line's end.
fn push_with(headers: &str, set: &str) -> String {
    format!(
        "POST /events HTTP/1.1\r\nHost: x\r\nContent-Type: application/secevent+jwt\r\n\
         Accept: application/json\r\n{headers}Content-Length: {}\r\n\r\n{set}",
        set.len()
    )
}

/// The last push of a connection.
fn last_push(set: &str) -> String {
    push_with("Connection: close\r\n", set)
}

/// Holds back what the sink does.
struct Gate {
    arrived: tokio::sync::mpsc::UnboundedReceiver<()>,
    open: mpsc::Sender<()>,
}

/// A sink's behaviour that says when an event arrives, and takes it only when it is told to.
fn gated() -> (Gate, impl Fn(&str) -> Result<(), EventRefusal> + Send + Sync + 'static) {
    let (arrive, arrived) = tokio::sync::mpsc::unbounded_channel();
    let (open, opened) = mpsc::channel();
    let opened = Mutex::new(opened);
    let behaviour = move |_: &str| {
        arrive.send(()).unwrap();
        opened.lock().unwrap().recv().unwrap();
        Ok(())
    };
    (Gate { arrived, open }, behaviour)
}

impl Gate {
    /// Until an event is at the sink.
    async fn arrival(&mut self) {
        ended(self.arrived.recv()).await.unwrap();
    }

    fn open(&self) {
        self.open.send(()).unwrap();
    }
}
