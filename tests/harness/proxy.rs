//! A proxy between the program and PostgreSQL that can fall silent, cut connections,
//! or lose them without closing them.

use std::sync::Arc;

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream, UnixStream},
    sync::watch,
};

/// The address of PostgreSQL.
#[derive(Clone, Debug)]
pub enum Address {
    Unix(String),
    Tcp(String),
}

#[derive(Clone, Copy, Debug, Default)]
struct Line {
    /// New connections are refused.
    closed: bool,
    /// No data passes in either direction.
    silent: bool,
    /// Connections up to this number are closed.
    cut: u64,
    /// Connections up to this number stay open, and no data passes on them any more.
    lost: u64,
    /// The number of connections so far.
    made: u64,
}

/// A proxy in front of PostgreSQL.
pub struct Proxy {
    pub port: u16,
    line: Arc<watch::Sender<Line>>,
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

impl Proxy {
    pub async fn start(server: Address) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let line = Arc::new(watch::Sender::new(Line::default()));
        let shared = line.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if !shared.borrow().closed {
                    shared.send_modify(|line| line.made += 1);
                    let number = shared.borrow().made;
                    tokio::spawn(carry(client, server.clone(), shared.subscribe(), number));
                }
            }
        });
        Self { port, line }
    }

    /// Passes all data again, except on lost connections.
    pub fn open(&self) {
        self.line.send_modify(|line| (line.closed, line.silent) = (false, false));
    }

    /// Passes no data; connections stay open.
    pub fn silence(&self) {
        self.line.send_modify(|line| line.silent = true);
    }

    /// Cuts all connections and refuses new ones.
    pub fn close(&self) {
        self.line.send_modify(|line| (line.closed, line.cut) = (true, line.made));
    }

    /// Cuts all connections and accepts new ones.
    pub fn cut(&self) {
        self.line.send_modify(|line| line.cut = line.made);
    }

    /// Loses all connections, as in a failover: they stay open and are dead. Accepts new ones.
    pub fn lose(&self) {
        self.line.send_modify(|line| line.lost = line.made);
    }

    /// The number of connections so far.
    pub fn made(&self) -> u64 {
        self.line.borrow().made
    }
}

async fn carry(client: TcpStream, server: Address, line: watch::Receiver<Line>, number: u64) {
    let server: Box<dyn Stream> = match server {
        Address::Unix(path) => Box::new(UnixStream::connect(path).await.unwrap()),
        Address::Tcp(address) => Box::new(TcpStream::connect(address).await.unwrap()),
    };
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = tokio::io::split(server);
    // when one direction ends, the other one ends too
    tokio::select! {
        () = pump(from_client, to_server, line.clone(), number) => {}
        () = pump(from_server, to_client, line, number) => {}
    }
}

async fn pump(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut line: watch::Receiver<Line>,
    number: u64,
) {
    let mut buffer = vec![0; 16 * 1024];
    let mut cut = line.clone();
    loop {
        let read = tokio::select! {
            read = from.read(&mut buffer) => read.unwrap_or(0),
            _ = cut.wait_for(|line| line.cut >= number) => 0,
        };
        // while the connection is silent, its end does not pass either
        let Ok(present) = line
            .wait_for(|line| line.cut >= number || !(line.silent || line.lost >= number))
            .await
            .map(|line| *line)
        else {
            return;
        };
        if present.cut >= number || read == 0 || to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}
