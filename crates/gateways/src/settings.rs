//! The settings of payment gateways and terminals.

use chrono::TimeDelta;
use kernel::{
    Money, Secret,
    settings::{Reader, parse_text},
};
use outgoing::is_web_url;

use crate::{
    model::Timing,
    protocol::{Keys, http, sandbox, signature::key_bytes},
    terminal::{Bounds, Network},
};

/// The gateways in use, and their timing.
#[derive(Clone, Debug)]
pub struct GatewaySettings {
    /// The keys of the sandbox, if it is in use.
    pub sandbox: Option<Keys>,
    /// The HTTP gateway, if it is in use.
    pub http: Option<HttpGateway>,
    /// The polling interval and the lifetime of payments.
    pub timing: Timing,
}

/// The settings of the HTTP gateway.
#[derive(Clone, Debug)]
pub struct HttpGateway {
    /// The URL of the gateway.
    pub url: String,
    /// The API key for requests to the gateway.
    pub api_key: Secret,
    /// The keys that sign its events.
    pub keys: Keys,
}

/// The settings of self-service terminals.
#[derive(Clone, Debug)]
pub struct TerminalSettings {
    /// The keys of the networks of terminals; without one, terminals are disabled.
    pub keys: Vec<TerminalKey>,
    /// The minimum and maximum amount.
    pub bounds: Bounds,
}

/// The key that the terminals of a network send. A network may have several, for example during a change of keys.
#[derive(Clone, Debug)]
pub struct TerminalKey {
    /// The network.
    pub network: Network,
    /// The key.
    pub key: Secret,
}

const KEY: &str = "whsec_ and base64 of 24 bytes or more, or a text of 24 bytes or more";

/// Reads the settings of gateways.
pub fn gateways(from: &mut Reader<'_>) -> GatewaySettings {
    let known = |name: &str| [sandbox::NAME, http::NAME].into_iter().find(|known| *known == name);
    let names = from.listed("GATEWAYS", "sandbox, http, or both, separated by commas", known);
    let sandbox_keys = keys(from, "GATEWAY_SANDBOX_SECRET", "GATEWAY_SANDBOX_SECRET_PREVIOUS");
    let url =
        from.parsed("GATEWAY_HTTP_URL", "an address with https://, such as https://pay.example.com/v1", |text| base(text).map(Some), None);
    let api_key = from.secret("GATEWAY_HTTP_KEY", "at least 8 characters", 8);
    let http_keys = keys(from, "GATEWAY_HTTP_SECRET", "GATEWAY_HTTP_SECRET_PREVIOUS");
    let timing = Timing {
        poll_every: TimeDelta::minutes(from.number("GATEWAY_POLL_MINUTES", "a number of minutes from 1 to 1440", 1..=1440, 15)),
        life: TimeDelta::hours(from.number("GATEWAY_EXPIRY_HOURS", "a number of hours from 1 to 720", 1..=720, 24)),
    };
    let (uses_sandbox, uses_http) = (names.contains(&sandbox::NAME), names.contains(&http::NAME));
    for (is_missing, name, expected) in [
        (uses_sandbox && sandbox_keys.is_none(), "GATEWAY_SANDBOX_SECRET", "the key of its events, because GATEWAYS includes sandbox"),
        (uses_http && url.is_none(), "GATEWAY_HTTP_URL", "the URL of the gateway, because GATEWAYS includes http"),
        (uses_http && api_key.is_none(), "GATEWAY_HTTP_KEY", "the API key for the gateway, because GATEWAYS includes http"),
        (uses_http && http_keys.is_none(), "GATEWAY_HTTP_SECRET", "the key of its events, because GATEWAYS includes http"),
    ] {
        if is_missing {
            from.refuse(name, expected);
        }
    }
    let http = url.zip(api_key).zip(http_keys).map(|((url, api_key), keys)| HttpGateway { url, api_key, keys });
    GatewaySettings { sandbox: sandbox_keys.filter(|_| uses_sandbox), http: http.filter(|_| uses_http), timing }
}

/// Reads the present key and the previous one; none without a present key.
fn keys(from: &mut Reader<'_>, name: &'static str, previous: &'static str) -> Option<Keys> {
    let mut key = |name| from.parsed(name, KEY, |text| key_bytes(text).map(Some), None);
    let (present, previous) = (key(name), key(previous));
    present.map(|present| Keys::new(&[present].into_iter().chain(previous).collect::<Vec<_>>()))
}

/// Requires TLS except on the local host, because every request carries the API key.
fn base(text: &str) -> Option<String> {
    let own = ["http://127.0.0.1", "http://localhost", "http://[::1]"];
    let is_own = own.iter().any(|start| text.strip_prefix(start).is_some_and(|rest| rest.is_empty() || rest.starts_with([':', '/'])));
    let fits = is_web_url(text) && (text.starts_with("https://") || is_own) && !text.contains(['?', '#']);
    fits.then(|| text.to_owned())
}

/// Reads the settings of terminals.
pub fn terminal(from: &mut Reader<'_>) -> TerminalSettings {
    let amount = "an amount above zero with two decimals at most, such as 100.00";
    let mut bound = |name, default: i64| {
        let above_zero = |text: &str| parse_text::<Money>(text).filter(|amount| *amount > Money::ZERO);
        from.parsed(name, amount, above_zero, Money::from_minor(default).unwrap_or(Money::MAX))
    };
    let bounds = Bounds { least: bound("TERMINAL_MIN", 100), most: bound("TERMINAL_MAX", 10_000_000) };
    if bounds.least > bounds.most {
        from.refuse("TERMINAL_MAX", "no less than TERMINAL_MIN");
    }
    let sole = from.secret("TERMINAL_KEY", "at least 24 characters", SHORTEST_TERMINAL_KEY);
    let mut keys: Vec<TerminalKey> = sole.map(|key| TerminalKey { network: Network::sole(), key }).into_iter().collect();
    keys.extend(from.listed("TERMINALS", NETWORKS, terminal_key));
    let is_repeated = |one: usize| keys[..one].iter().any(|other| other.key.reveal() == keys[one].key.reveal());
    if (0..keys.len()).any(is_repeated) {
        from.refuse("TERMINALS", "a key of its own for each network, also other than TERMINAL_KEY");
    }
    TerminalSettings { keys, bounds }
}

/// The shortest key of terminals, in bytes.
const SHORTEST_TERMINAL_KEY: usize = 24;
const NETWORKS: &str = "networks of terminals and their keys, such as qiwi=KEY,osmp=KEY: a name of 2 to 16 small letters, digits and \
                        hyphens, and a key of at least 24 characters without commas";

/// Parses `name=key`.
fn terminal_key(text: &str) -> Option<TerminalKey> {
    let (name, key) = text.split_once('=')?;
    let (network, key) = (Network::named(name.trim())?, key.trim());
    (key.len() >= SHORTEST_TERMINAL_KEY).then(|| TerminalKey { network, key: Secret::new(key.to_owned()) })
}

#[cfg(test)]
mod tests {
    use kernel::settings::WrongSetting;

    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<(GatewaySettings, TerminalSettings), Vec<WrongSetting>> {
        let variables = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let mut from = Reader::new(&variables);
        let settings = (gateways(&mut from), terminal(&mut from));
        if from.wrong().is_empty() { Ok(settings) } else { Err(from.wrong().to_vec()) }
    }

    #[test]
    fn a_gateway_in_use_needs_its_keys() {
        assert!(read(&[]).unwrap().0.sandbox.is_none());
        let names = |pairs: &[(&str, &str)]| read(pairs).unwrap_err().iter().map(|wrong| wrong.name).collect::<Vec<_>>();
        assert_eq!(
            names(&[("GATEWAYS", "sandbox,http")]),
            ["GATEWAY_SANDBOX_SECRET", "GATEWAY_HTTP_URL", "GATEWAY_HTTP_KEY", "GATEWAY_HTTP_SECRET"]
        );
        let secret = "a key of twenty-four bytes or more";
        assert!(read(&[("GATEWAYS", "sandbox"), ("GATEWAY_SANDBOX_SECRET", secret)]).unwrap().0.sandbox.is_some());
        // settings of an unused gateway are allowed
        assert!(read(&[("GATEWAY_SANDBOX_SECRET", secret)]).unwrap().0.sandbox.is_none());
        assert_eq!(names(&[("GATEWAYS", "paypal")]), ["GATEWAYS"]);
        assert_eq!(names(&[("TERMINAL_MIN", "5"), ("TERMINAL_MAX", "4.99")]), ["TERMINAL_MAX"]);
    }

    #[test]
    fn each_network_of_terminals_has_a_name_and_keys_of_its_own() {
        let names = |pairs: &[(&str, &str)]| {
            let keys = read(pairs).map(|(_, terminal)| terminal.keys);
            keys.map(|keys| keys.iter().map(|key| key.network.as_str().to_owned()).collect::<Vec<_>>())
        };
        let (one, other) = ("one key of at least 24 characters", "another = key of 24 characters");
        let both = format!("qiwi={one}, osmp = {other}");
        assert_eq!(names(&[]).unwrap(), Vec::<String>::new());
        assert_eq!(names(&[("TERMINAL_KEY", one)]).unwrap(), ["terminal"]);
        assert_eq!(names(&[("TERMINALS", &both)]).unwrap(), ["terminal:qiwi", "terminal:osmp"]);
        // a new key beside the old one
        assert_eq!(names(&[("TERMINALS", &format!("qiwi={one},qiwi={other}"))]).unwrap(), ["terminal:qiwi", "terminal:qiwi"]);
        for wrong in
            ["qiwi", "qiwi=short", &format!("Qiwi={one}"), &format!("7={one}"), &format!("={one}"), &format!("qiwi={one},osmp={one}")]
        {
            assert_eq!(names(&[("TERMINALS", wrong)]).unwrap_err()[0].name, "TERMINALS", "{wrong}");
        }
        assert_eq!(names(&[("TERMINAL_KEY", one), ("TERMINALS", &format!("qiwi={one}"))]).unwrap_err()[0].name, "TERMINALS");
    }

    #[test]
    fn the_key_of_a_gateway_goes_over_tls_or_stays_on_this_machine() {
        let url = |text: &str| read(&[("GATEWAY_HTTP_URL", text)]).is_ok();
        for right in
            ["https://pay.example.com", "https://pay.example.com/v1", "http://127.0.0.1:9000/pay", "http://localhost", "http://[::1]:9000"]
        {
            assert!(url(right), "{right}");
        }
        for wrong in [
            "http://pay.example.com",
            "http://127.0.0.1.example.com",
            "http://localhost@example.com",
            "https://pay.example.com?a=1",
            "ftp://127.0.0.1",
            "pay",
        ] {
            assert!(!url(wrong), "{wrong}");
        }
    }
}
