//! Webhooks at full load and at a steady rate, from one thread, so that the sender takes little of the machine.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::messages::{BODY_BYTES, Bodies};
use crate::servers::TOKEN;

/// Connections of a load.
pub const CONNECTIONS: u32 = 64;
const PATH: &str = "/api/v1/genesys/webhook";

/// A load that runs.
pub struct Load {
    shared: Arc<Shared>,
    thread: JoinHandle<Result<Vec<f64>>>,
}

struct Shared {
    address: SocketAddr,
    next: AtomicU64,
    answered: AtomicU64,
    last: u64,
    stop: AtomicBool,
    /// Between two requests of one connection; none at full load.
    interval: Option<Duration>,
}

impl Load {
    /// Sends as fast as the server answers, events `from` to `last`.
    pub fn full(address: SocketAddr, from: u64, last: u64) -> Result<Self> {
        Self::start(address, from, last, None)
    }

    /// Sends this many requests a second.
    pub fn steady(address: SocketAddr, per_second: u32, from: u64) -> Result<Self> {
        let interval = Duration::from_secs(1) * CONNECTIONS / per_second;
        Self::start(address, from, u64::MAX, Some(interval))
    }

    fn start(
        address: SocketAddr,
        from: u64,
        last: u64,
        interval: Option<Duration>,
    ) -> Result<Self> {
        let shared = Arc::new(Shared {
            address,
            next: AtomicU64::new(from),
            answered: AtomicU64::new(0),
            last,
            stop: AtomicBool::new(false),
            interval,
        });
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let sender = Arc::clone(&shared);
        let thread = std::thread::spawn(move || runtime.block_on(sender.send_all()));
        Ok(Self { shared, thread })
    }

    /// How many requests were answered 200.
    pub fn answered(&self) -> u64 {
        self.shared.answered.load(Ordering::Relaxed)
    }

    /// Whether all is sent, or a request failed.
    pub fn is_finished(&self) -> bool {
        self.thread.is_finished()
    }

    /// Ends it; returns the times of the answers in milliseconds, in no order.
    pub fn stop(self) -> Result<Vec<f64>> {
        self.shared.stop.store(true, Ordering::Relaxed);
        match self.thread.join() {
            Ok(outcome) => outcome,
            Err(_) => bail!("the sender panicked"),
        }
    }
}

impl Shared {
    async fn send_all(self: Arc<Self>) -> Result<Vec<f64>> {
        let mut times = Vec::new();
        let connections = (0..CONNECTIONS).map(|index| Arc::clone(&self).connection(index));
        for connection in futures_util::future::join_all(connections).await {
            times.extend(connection?);
        }
        Ok(times)
    }

    async fn connection(self: Arc<Self>, index: u32) -> Result<Vec<f64>> {
        let mut stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        let mut pace = self.interval.map(|interval| {
            let first = tokio::time::Instant::now() + interval * index / CONNECTIONS;
            tokio::time::interval_at(first, interval)
        });
        let bodies = Bodies::new();
        let mut request = head().into_bytes();
        let head_bytes = request.len();
        request.extend(bodies.body(0));
        let mut answer = vec![0; 4096];
        let mut times = Vec::new();
        while !self.stop.load(Ordering::Relaxed) {
            let n = self.next.fetch_add(1, Ordering::Relaxed);
            if n >= self.last {
                break;
            }
            if let Some(pace) = &mut pace {
                pace.tick().await;
            }
            bodies.write(n, &mut request[head_bytes..]);
            let sent = Instant::now();
            stream.write_all(&request).await?;
            read_answer(&mut stream, &mut answer).await?;
            if pace.is_some() {
                times.push(sent.elapsed().as_secs_f64() * 1000.0);
            }
            self.answered.fetch_add(1, Ordering::Relaxed);
        }
        Ok(times)
    }
}

fn head() -> String {
    format!(
        "POST {PATH} HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {TOKEN}\r\ncontent-type: application/json\r\n\
         content-length: {BODY_BYTES}\r\n\r\n"
    )
}

/// Reads one answer to its end; any but 200 is an error.
async fn read_answer(stream: &mut TcpStream, buffer: &mut [u8]) -> Result<()> {
    let mut filled = 0;
    loop {
        let read = stream.read(&mut buffer[filled..]).await?;
        ensure!(read > 0, "the server closed a connection");
        filled += read;
        let received = &buffer[..filled];
        let Some(end) = received.windows(4).position(|window| window == b"\r\n\r\n") else {
            continue;
        };
        let head = std::str::from_utf8(&received[..end])?;
        ensure!(
            head.starts_with("HTTP/1.1 200"),
            "the server answered {head}"
        );
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length")
                .then(|| value.trim().parse::<usize>().ok())?
        });
        if filled >= end + 4 + length.context("an answer has no length")? {
            return Ok(());
        }
    }
}
