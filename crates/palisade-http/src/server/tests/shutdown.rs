//! The end of the server.

use tokio::time::Instant;

use super::*;
use crate::limits::{DRAIN_MAX_TIME, HEADERS_MAX_TIME};

/// Until all is done that can be done without the sink.
async fn all_done() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn at_the_end_nobody_is_accepted_and_nobody_waits() {
    let served = Served::start().await;
    let mut idle = served.connect().await;
    let mut kept = served.connect().await;
    assert_eq!(status(&exchange(&mut kept, &push("a.b.c")).await), 202);
    // Whoever connected last is accepted by now.
    assert_eq!(status(&served.ask(last_push("a.b.c")).await), 202);
    served.shutdown.cancel();
    assert_eq!(rest(&mut idle).await, "");
    assert_eq!(rest(&mut kept).await, "");
    drop((idle, kept));
    served.ended().await;
    assert!(TcpStream::connect(served.address).await.is_err());
}

#[tokio::test]
async fn what_is_being_stored_is_acknowledged_before_the_end() {
    let (mut gate, behaviour) = gated();
    let served = Served::with(loopback(), behaviour).await;
    let mut stream = served.connect().await;
    stream.write_all(push("a.b.c").as_bytes()).await.unwrap();
    gate.arrival().await;
    served.shutdown.cancel();
    gate.open();
    assert_eq!(status(&rest(&mut stream).await), 202);
    drop(stream);
    served.ended().await;
}

#[tokio::test(start_paused = true)]
async fn a_request_that_has_begun_may_end() {
    let served = Served::start().await;
    let request = push("a.b.c");
    let (begin, end) = request.split_at(20);
    let [mut ending, mut endless] = [served.connect().await, served.connect().await];
    ending.write_all(begin.as_bytes()).await.unwrap();
    endless.write_all(begin.as_bytes()).await.unwrap();
    // Whoever was before has been read by now.
    assert_eq!(status(&served.ask(last_push("a.b.c")).await), 202);
    let began = Instant::now();
    served.shutdown.cancel();
    assert!(timeout(Duration::from_secs(1), ending.readable()).await.is_err());
    ending.write_all(end.as_bytes()).await.unwrap();
    let answer = rest(&mut ending).await;
    assert_eq!((status(&answer), header(&answer, "connection")), (202, Some("close")));
    drop(ending);
    assert_eq!(status(&rest(&mut endless).await), 408);
    drop(endless);
    served.ended().await;
    assert!(began.elapsed() <= HEADERS_MAX_TIME, "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_body_that_has_begun_may_end() {
    let served = Served::start().await;
    let mut stream = served.connect().await;
    let head = push_with("Expect: 100-continue\r\n", "").replace("gth: 0", "gth: 5");
    stream.write_all(head.as_bytes()).await.unwrap();
    // It is being read.
    ended(stream.read_exact(&mut [0; 25])).await.unwrap();
    served.shutdown.cancel();
    stream.write_all(b"a.b.c").await.unwrap();
    assert_eq!(status(&rest(&mut stream).await), 202);
    drop(stream);
    served.ended().await;
    assert_eq!(served.received(), ["a.b.c"]);
}

#[tokio::test]
async fn what_is_being_stored_is_waited_for_although_nobody_listens() {
    let (mut gate, behaviour) = gated();
    let served = Served::with(loopback(), behaviour).await;
    let mut stream = served.connect().await;
    stream.write_all(push("a.b.c").as_bytes()).await.unwrap();
    gate.arrival().await;
    drop(stream);
    served.shutdown.cancel();
    all_done().await;
    assert!(!served.running.is_empty(), "the event was not waited for");
    gate.open();
    served.ended().await;
}

#[tokio::test(start_paused = true)]
async fn whoever_takes_too_long_at_the_end_is_cut() {
    let (mut gate, behaviour) = gated();
    let served = Served::with(loopback(), behaviour).await;
    let mut stream = served.connect().await;
    stream.write_all(push("a.b.c").as_bytes()).await.unwrap();
    gate.arrival().await;
    served.shutdown.cancel();
    all_done().await;
    tokio::time::advance(DRAIN_MAX_TIME - Duration::from_secs(1)).await;
    assert!(stream.try_read(&mut [0]).is_err(), "it is not cut yet");
    tokio::time::advance(Duration::from_secs(2)).await;
    // Nothing was acknowledged.
    let mut answer = Vec::new();
    drop(ended(stream.read_to_end(&mut answer)).await);
    assert_eq!(answer, b"");
    all_done().await;
    assert!(!served.running.is_empty(), "the event was not waited for");
    gate.open();
    served.ended().await;
}

#[tokio::test(start_paused = true)]
async fn with_the_server_its_connections_end() {
    let sink: Arc<dyn EventSink> =
        Arc::new(FakeSink { behaviour: Box::new(|_| Ok(())), received: Mutex::default() });
    let server = EventServer::bind(loopback(), sink).await.unwrap();
    let address = server.address();
    let mut stream = {
        let mut running = Box::pin(server.run(CancellationToken::new()));
        let ask = async {
            let mut stream = TcpStream::connect(address).await.unwrap();
            assert_eq!(status(&exchange(&mut stream, &push("a.b.c")).await), 202);
            stream
        };
        tokio::select! {
            () = running.as_mut() => panic!("it ended on its own"),
            stream = ask => stream,
        }
    };
    let began = Instant::now();
    assert_eq!(rest(&mut stream).await, "");
    assert_eq!(began.elapsed().as_secs(), 0, "it was only idle for too long");
}
