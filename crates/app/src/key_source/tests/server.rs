//! An issuer's web server as a test needs one: what it answers can be changed, and what it was asked is on record.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// What is answered at a path.
#[derive(Clone)]
pub(super) enum Answer {
    /// 200 with this text.
    Text(String),
    /// Another status, with these header lines.
    Status(u16, &'static str),
    /// So many bytes of a set, in chunks, without saying so beforehand.
    Flood(usize),
    /// The head at once and the rest never.
    Stalls,
    /// As another, after a while.
    Late(Duration, Box<Answer>),
}

#[derive(Clone, Default)]
pub(super) struct Site {
    answers: Arc<Mutex<HashMap<String, Answer>>>,
    asked: Arc<Mutex<Vec<String>>>,
    written: Arc<AtomicUsize>,
}

pub(super) struct Server {
    pub(super) site: Site,
    pub(super) address: SocketAddr,
}

impl Server {
    /// One over plain HTTP, with nothing to say yet.
    pub(super) async fn start() -> Self {
        Self::start_at(([127, 0, 0, 1], 0).into()).await
    }

    pub(super) async fn start_at(address: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).await.expect("loopback has a port");
        let address = listener.local_addr().expect("it is bound");
        let site = Site::default();
        let serving = site.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let site = serving.clone();
                tokio::spawn(async move { site.serve(stream).await });
            }
        });
        Self { site, address }
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(super) fn answers(&self, path: &str, answer: Answer) {
        self.site.answers(path, answer);
    }

    /// Answers with the set of these key ids at `/keys`.
    pub(super) fn has_keys(&self, kids: &[&str]) {
        self.answers("/keys", Answer::Text(super::set(kids)));
    }

    pub(super) fn asked(&self) -> Vec<String> {
        self.site.asked.lock().expect("no test panics within").clone()
    }

    pub(super) fn written(&self) -> usize {
        self.site.written.load(Ordering::Relaxed)
    }
}

impl Site {
    pub(super) fn answers(&self, path: &str, answer: Answer) {
        self.answers.lock().expect("no test panics within").insert(path.to_owned(), answer);
    }

    /// Serves one request on a connection. A client that goes away is no news.
    pub(super) async fn serve(&self, mut stream: impl AsyncRead + AsyncWrite + Unpin) -> Option<()> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.ok()?);
        }
        let path = String::from_utf8(head).ok()?.split(' ').nth(1)?.to_owned();
        let answer = self.answers.lock().expect("no test panics within").get(&path).cloned();
        self.asked.lock().expect("no test panics within").push(path);
        self.answer(&mut stream, answer.unwrap_or(Answer::Status(404, ""))).await
    }

    async fn answer(&self, stream: &mut (impl AsyncWrite + Unpin), answer: Answer) -> Option<()> {
        match answer {
            Answer::Text(text) => {
                let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", text.len());
                stream.write_all((head + &text).as_bytes()).await.ok()?;
            }
            Answer::Status(status, headers) => {
                let head = format!("HTTP/1.1 {status} Said\r\n{headers}content-length: 0\r\n\r\n");
                stream.write_all(head.as_bytes()).await.ok()?;
            }
            Answer::Flood(bytes) => {
                stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await.ok()?;
                let chunk = [b"2000\r\n".as_slice(), &[b' '; 0x2000], b"\r\n"].concat();
                for _ in 0..bytes / 0x2000 {
                    stream.write_all(&chunk).await.ok()?;
                    self.written.fetch_add(0x2000, Ordering::Relaxed);
                }
                stream.write_all(b"0\r\n\r\n").await.ok()?;
            }
            Answer::Stalls => {
                stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{").await.ok()?;
                tokio::time::sleep(Duration::from_mins(1)).await;
            }
            Answer::Late(wait, then) => {
                tokio::time::sleep(wait).await;
                return Box::pin(self.answer(stream, *then)).await;
            }
        }
        stream.shutdown().await.ok()
    }
}

/// Takes a connection and says nothing, until the test ends.
pub(super) async fn mute() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a port");
    let address = listener.local_addr().expect("it is bound");
    tokio::spawn(async move {
        let mut held: Vec<TcpStream> = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            held.push(stream);
        }
    });
    address
}
