//! HTTP requests to other servers: limited in time and size, and kept out of private networks unless the operator set the address.

use std::{
    error::Error as _,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use kernel::{Error, Result};
use reqwest::{
    Client, Request, Url,
    dns::{Addrs, Name, Resolve, Resolving},
    redirect,
};

/// Longest wait for a connection.
const CONNECT_WAIT: Duration = Duration::from_secs(5);
/// Longest wait for a complete response.
const LONGEST_WAIT: Duration = Duration::from_secs(10);
/// The largest part of a response that is read, in bytes; the rest is dropped.
const MOST_READ: usize = 64 * 1024;

/// Where requests may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Anywhere: the operator set the address.
    Anywhere,
    /// Only to public addresses: somebody else set the address.
    Public,
}

/// Why there is no response. The text is for the operator's staff and contains no address that they did not enter.
#[derive(Debug)]
pub enum NoAnswer {
    /// The address is not public.
    NotPublic,
    /// No response came in time; whether the request arrived is unknown.
    TimedOut,
    /// There was no connection, or it broke.
    Failed(String),
}

impl std::fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NotPublic => f.write_str("the address is private"),
            Self::TimedOut => f.write_str("no response in time"),
            Self::Failed(why) => f.write_str(why),
        }
    }
}

/// The response of another server.
#[derive(Clone, Debug)]
pub struct Answered {
    /// The status.
    pub status: u16,
    /// The beginning of the body, at most 64 KiB.
    pub body: Vec<u8>,
    /// The seconds in `Retry-After`.
    pub retry_after: Option<u64>,
}

impl Answered {
    /// Whether the status means success (2xx).
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

/// Sends requests. Follows no redirects and ignores the proxies of the environment.
#[derive(Clone, Debug)]
pub struct Outgoing {
    client: Client,
    reach: Reach,
}

impl Outgoing {
    /// A client that sends requests within this reach.
    pub fn new(reach: Reach) -> Result<Self> {
        let builder = Client::builder()
            .connect_timeout(CONNECT_WAIT)
            .timeout(LONGEST_WAIT)
            .redirect(redirect::Policy::none())
            .user_agent(concat!("telecom-crm/", env!("CARGO_PKG_VERSION")))
            .no_proxy();
        let builder = match reach {
            Reach::Anywhere => builder,
            // checked when connecting: a name that resolved to a public address before may resolve to another one by then
            Reach::Public => builder.dns_resolver(Arc::new(PublicOnly)),
        };
        Ok(Self { client: builder.build().map_err(Error::internal)?, reach })
    }

    /// The client, to build requests with.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Sends a request and reads the beginning of its response.
    pub async fn send(&self, request: Request) -> std::result::Result<Answered, NoAnswer> {
        if self.reach == Reach::Public && !may_be_public(request.url()) {
            return Err(NoAnswer::NotPublic);
        }
        let mut response = self.client.execute(request).await.map_err(no_answer)?;
        let (status, mut body) = (response.status().as_u16(), Vec::new());
        let retry_after = response.headers().get("retry-after").and_then(|wait| wait.to_str().ok()?.trim().parse().ok());
        while body.len() < MOST_READ
            && let Some(piece) = response.chunk().await.map_err(no_answer)?
        {
            let room = MOST_READ - body.len();
            body.extend_from_slice(&piece[..piece.len().min(room)]);
        }
        Ok(Answered { status, body, retry_after })
    }
}

fn no_answer(error: reqwest::Error) -> NoAnswer {
    if error.is_timeout() {
        return NoAnswer::TimedOut;
    }
    let (mut cause, mut deepest) = (error.source(), None);
    while let Some(found) = cause {
        if found.is::<NothingPublic>() {
            return NoAnswer::NotPublic;
        }
        deepest = Some(found.to_string());
        cause = found.source();
    }
    NoAnswer::Failed(deepest.unwrap_or_else(|| "the request failed".to_owned()))
}

/// Whether a text is an absolute web URL: http or https, with a host, without a user name or password.
pub fn is_web_url(text: &str) -> bool {
    let plain =
        |url: &Url| matches!(url.scheme(), "http" | "https") && url.has_host() && url.username().is_empty() && url.password().is_none();
    has_host_as_written(text) && text.parse::<Url>().is_ok_and(|url| plain(&url))
}

/// Whether the host comes right after `://`, and nothing in a text is what the parser would repair: it takes `https:///x` and
/// `https:\\x` for `https://x`.
pub fn has_host_as_written(text: &str) -> bool {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    is_plain && text.split_once("://").is_some_and(|(_, rest)| !rest.starts_with('/'))
}

/// False when the host of a URL is known to be a private address. Other names can only be checked when they are resolved.
pub fn may_be_public(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_end_matches('.');
    match host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
        Ok(address) => is_public(address),
        Err(_) => !(host.is_empty() || host == "localhost" || host.ends_with(".localhost")),
    }
}

/// Whether an address is on the public internet: not this machine, a private network or a reserved range.
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let set_aside = matches!((a, b, c), (0 | 127 | 240.., ..) | (100, 64..=127, _) | (192, 0, 0) | (192, 88, 99) | (198, 18 | 19, _));
    !(set_aside
        || address.is_private()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_documentation()
        || address.is_broadcast())
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let parts = address.segments();
    let last_v4 = || Ipv4Addr::from((u32::from(parts[6]) << 16) | u32::from(parts[7]));
    match parts {
        // an embedded IPv4 address: mapped, or behind NAT64
        [0, 0, 0, 0, 0, 0xffff, ..] | [0x64, 0xff9b, 0, 0, 0, 0, ..] => is_public_v4(last_v4()),
        // 6to4
        [0x2002, high, low, ..] => is_public_v4(Ipv4Addr::from((u32::from(high) << 16) | u32::from(low))),
        // Teredo, documentation and other special uses of 2001::/23 and 2001:db8::/32
        [0x2001, 0..=0x1ff, ..] | [0x2001, 0xdb8, ..] => false,
        // all public addresses begin with the bits 001
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

/// Resolves names only to their public addresses.
struct PublicOnly;

/// The error of a name without a public address.
#[derive(Debug)]
struct NothingPublic;

impl std::fmt::Display for NothingPublic {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the name has no public address")
    }
}

impl std::error::Error for NothingPublic {}

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let public: Vec<SocketAddr> = found.filter(|address| is_public(address.ip())).collect();
            if public.is_empty() {
                return Err(NothingPublic.into());
            }
            let addresses: Addrs = Box::new(public.into_iter());
            Ok(addresses)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_machines_and_networks_of_ones_own_are_not_public() {
        let public = [
            "8.8.8.8",
            "100.63.0.1",
            "172.32.0.1",
            "198.20.0.1",
            "2a00:1450:4001::1",
            "::ffff:8.8.8.8",
            "64:ff9b::808:808",
            "2002:808:808::1",
        ];
        for address in public {
            assert!(is_public(address.parse().unwrap()), "{address}");
        }
        let own = [
            "127.0.0.1",
            "127.255.0.3",
            "10.1.2.3",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "169.254.169.254",
            "0.0.0.0",
            "0.1.2.3",
            "100.64.0.1",
            "192.0.0.8",
            "198.18.0.1",
            "203.0.113.5",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::1",
            "::",
            "fe80::1",
            "fc00::1",
            "fdff::1",
            "ff02::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "2001:db8::1",
            "2001::1",
            "::7f00:1",
        ];
        for address in own {
            assert!(!is_public(address.parse().unwrap()), "{address}");
        }
    }

    #[test]
    fn an_address_on_the_web_is_whole_and_names_no_user() {
        for url in ["https://shop.example/paid?order=7#top", "http://127.0.0.1:8000/", "https://xn--e1afmkfd.example"] {
            assert!(is_web_url(url), "{url}");
        }
        for text in [
            "",
            "shop.example",
            "//shop.example",
            "https://",
            "https:shop.example",
            "https:///shop.example",
            "https:////shop.example",
            "https:\\\\shop.example",
            "https://shop.example\\paid",
            "javascript:alert(1)",
            "ftp://a.example",
            "https://u:p@a.example",
            "https://u@a.example",
            "https://a.example/ b",
            "https://a.example\n",
            "https://a.example:99999",
            "data:text/html,x",
            "https://магазин.example",
        ] {
            assert!(!is_web_url(text), "{text}");
        }
    }

    #[test]
    fn a_url_whose_host_is_an_address_of_ones_own_is_known_beforehand() {
        for url in [
            "http://127.1/",
            "http://[::1]:8080/",
            "http://localhost/",
            "http://x.localhost/",
            "http://localhost./",
            "http://0x7f000001/",
            "http://2130706433/",
        ] {
            assert!(!may_be_public(&url.parse().unwrap()), "{url}");
        }
        for url in ["https://example.com/hook", "https://8.8.8.8/"] {
            assert!(may_be_public(&url.parse().unwrap()), "{url}");
        }
    }

    #[tokio::test]
    async fn a_name_that_leads_to_this_machine_is_refused_when_connecting() {
        let outgoing = Outgoing::new(Reach::Public).unwrap();
        for url in ["http://127.0.0.1:9/", "http://localhost./"] {
            let request = outgoing.client().get(url).build().unwrap();
            assert!(matches!(outgoing.send(request).await, Err(NoAnswer::NotPublic)), "{url}");
        }
        let refused = PublicOnly.resolve("localhost".parse().unwrap()).await.err();
        assert!(refused.is_some_and(|error| error.is::<NothingPublic>()));
    }
}
