//! `telecom-crm health`, for containers, whose image has no other client.

use std::{process::ExitCode, time::Duration};

use kernel::settings::io_cause;
use rehearsal::print;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::settings::Settings;

/// The timeout of the request.
const WAIT: Duration = Duration::from_secs(3);

/// Succeeds when the server on `BIND` is ready.
pub async fn run(settings: &Settings) -> ExitCode {
    match timeout(WAIT, status_line(settings)).await {
        Ok(Ok(line)) if line.starts_with("HTTP/1.1 200") => {
            // who asks goes by the exit code
            let _unread = print(format_args!("ready: {}", settings.bind));
            ExitCode::SUCCESS
        }
        Ok(Ok(line)) => {
            eprintln!("BIND: the server on {} is not ready ({line}); look into its log", settings.bind);
            ExitCode::FAILURE
        }
        Ok(Err(error)) => {
            eprintln!("BIND: {} is not reached ({}); start the server there, or correct BIND", settings.bind, io_cause(&error));
            ExitCode::FAILURE
        }
        Err(_) => {
            eprintln!("BIND: {} does not respond within {} s; look into the log of the server", settings.bind, WAIT.as_secs());
            ExitCode::FAILURE
        }
    }
}

async fn status_line(settings: &Settings) -> std::io::Result<String> {
    let mut address = settings.bind;
    if address.ip().is_unspecified() {
        address.set_ip([127, 0, 0, 1].into());
    }
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(b"GET /health/ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await?;
    let mut answer = String::new();
    stream.take(4096).read_to_string(&mut answer).await?;
    Ok(answer.lines().next().unwrap_or_default().to_owned())
}
