//! Settings of the HTTP edge.

use std::{net::IpAddr, num::NonZeroU32};

use ipnet::IpNet;
use kernel::settings::{Reader, parse_text, web_origin};

/// Settings of the HTTP edge.
#[derive(Clone, Debug)]
pub struct HttpSettings {
    /// The URL that clients use; `None` takes it from each request.
    pub public_url: Option<String>,
    /// Proxies whose forwarded headers are trusted.
    pub trusted_proxies: Vec<IpNet>,
    /// Origins from which browsers may call.
    pub cors_allowed_origins: Vec<String>,
    /// Threads that serve requests.
    pub workers: usize,
    /// Sign-in attempts per address and minute.
    pub sign_ins_per_minute: NonZeroU32,
    /// Most event streams that one instance keeps open.
    pub event_streams: usize,
    /// Longest wait for a request's body, in seconds.
    pub body_seconds: u64,
    /// Longest wait for running requests when stopping, in seconds.
    pub shutdown_seconds: u64,
}

/// Reads the settings.
pub fn read(from: &mut Reader<'_>) -> HttpSettings {
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    let workers = from.number("WORKERS", "a number from 1 to 256", 1..=256, i64::try_from(cores).unwrap_or(2));
    let origins = "origins, such as https://crm.example.com, separated by commas";
    HttpSettings {
        public_url: from.parsed("PUBLIC_URL", "a URL, such as https://crm.example.com", |text| web_origin(text).map(Some), None),
        trusted_proxies: from.listed("TRUSTED_PROXIES", "addresses or networks, such as 10.0.0.0/8, separated by commas", network),
        cors_allowed_origins: from.listed("CORS_ALLOWED_ORIGINS", origins, web_origin),
        workers: usize::try_from(workers).unwrap_or(2),
        sign_ins_per_minute: from.parsed("SIGN_INS_PER_MINUTE", "a number from 1", parse_text, NonZeroU32::MIN.saturating_add(29)),
        event_streams: usize::try_from(from.number("EVENT_STREAMS", "a number from 0 to 10000", 0..=10_000, 200)).unwrap_or(200),
        body_seconds: from.number("BODY_SECONDS", "a number of seconds from 1 to 300", 1..=300, 15).unsigned_abs(),
        shutdown_seconds: from.number("SHUTDOWN_SECONDS", "a number of seconds from 0 to 300", 0..=300, 30).unsigned_abs(),
    }
}

fn network(text: &str) -> Option<IpNet> {
    text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
}
