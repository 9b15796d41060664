//! A server on this machine that misbehaves as it is told, and a clock that stands still, for tests.

use std::collections::VecDeque;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use palisade_core::{Clock, EpochMillis};
use url::Url;

/// What the server does with a request.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// Sends these bytes and closes.
    Bytes(Vec<u8>),
    /// Sends these bytes, and then spaces until the other side has had enough.
    Endless(Vec<u8>),
    /// Sends these bytes and keeps the connection open without another word.
    Silence(Vec<u8>),
}

impl Answer {
    /// An answer with this status line's end, headers and body, and its right length.
    pub(crate) fn new(status: &str, headers: &[&str], body: &[u8]) -> Self {
        let mut head = format!("HTTP/1.1 {status}\r\nConnection: close\r\n");
        for header in headers {
            head.push_str(header);
            head.push_str("\r\n");
        }
        head.push_str(&format!("Content-Length: {}\r\n\r\n", body.len()));
        Self::Bytes([head.as_bytes(), body].concat())
    }

    /// 200 with this body.
    pub(crate) fn ok(body: &[u8]) -> Self {
        Self::new("200 OK", &["Content-Type: application/json"], body)
    }

    /// 200 with this header and body.
    pub(crate) fn ok_with(header: &str, body: &[u8]) -> Self {
        Self::new("200 OK", &[header], body)
    }
}

#[derive(Debug, Default)]
struct Script {
    answers: VecDeque<Answer>,
    requests: Vec<String>,
    held: Vec<TcpStream>,
}

/// The server. Gives each answer once, the last one for ever.
#[derive(Debug)]
pub(crate) struct Server {
    script: Arc<Mutex<Script>>,
    url: Url,
}

impl Server {
    pub(crate) fn start(answers: impl IntoIterator<Item = Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/keys", listener.local_addr().unwrap()).parse().unwrap();
        let answers = answers.into_iter().collect();
        let script = Arc::new(Mutex::new(Script { answers, ..Script::default() }));
        let shared = Arc::clone(&script);
        // It ends with the process.
        thread::spawn(move || {
            for stream in listener.incoming() {
                // Whoever asks may have given up.
                let _result = serve(stream.unwrap(), &shared);
            }
        });
        Self { script, url }
    }

    pub(crate) fn url(&self) -> Url {
        self.url.clone()
    }

    /// Replaces the answers.
    pub(crate) fn answer(&self, answers: impl IntoIterator<Item = Answer>) {
        self.script.lock().unwrap().answers = answers.into_iter().collect();
    }

    /// How many requests there were.
    pub(crate) fn count(&self) -> usize {
        self.script.lock().unwrap().requests.len()
    }

    /// The last request, in lower case.
    pub(crate) fn last_request(&self) -> String {
        self.script.lock().unwrap().requests.last().unwrap().to_lowercase()
    }
}

fn serve(mut stream: TcpStream, script: &Mutex<Script>) -> std::io::Result<()> {
    let mut request = Vec::new();
    let mut chunk = [0; 1024];
    while !request.windows(4).any(|end| end == b"\r\n\r\n") {
        match stream.read(&mut chunk)? {
            0 => return Ok(()),
            count => request.extend_from_slice(&chunk[..count]),
        }
    }
    let answer = {
        let mut script = script.lock().unwrap();
        script.requests.push(String::from_utf8(request).unwrap());
        let is_last = script.answers.len() == 1;
        if is_last { script.answers[0].clone() } else { script.answers.pop_front().unwrap() }
    };
    match answer {
        Answer::Bytes(bytes) => stream.write_all(&bytes),
        Answer::Endless(bytes) => {
            stream.write_all(&bytes)?;
            loop {
                stream.write_all(&[b' '; 1024])?;
            }
        }
        Answer::Silence(bytes) => {
            stream.write_all(&bytes)?;
            script.lock().unwrap().held.push(stream);
            Ok(())
        }
    }
}

/// A clock that is set by hand.
#[derive(Debug, Default)]
pub(crate) struct StillClock(AtomicU64);

impl StillClock {
    pub(crate) fn advance(&self, by: Duration) {
        let millis = u64::try_from(by.as_millis()).unwrap();
        self.0.fetch_add(millis, Ordering::SeqCst);
    }
}

impl Clock for StillClock {
    fn now(&self) -> EpochMillis {
        EpochMillis::new(1_700_000_000_000 + i64::try_from(self.0.load(Ordering::SeqCst)).unwrap())
    }

    fn monotonic(&self) -> Duration {
        Duration::from_millis(self.0.load(Ordering::SeqCst))
    }
}
